// Package tables encodes the mergeable tables of a node, so that another program
// can combine them with those of other nodes exactly: a cell keeps the sum and the
// number of its values.
//
// # Format
//
// What [Encoder.Encode] writes is one frame of Zstandard (RFC 8878) with checksum, whose
// content is
//
//	magic     3 bytes, "hpt"
//	version   1 byte, 1
//	items     each of them: tag (uvarint), length (uvarint), that many bytes
//
// A uvarint is the variable-length integer of Protocol Buffers, as package
// encoding/binary of Go implements it, and a varint the same of a number in zigzag
// order. Text is its length (uvarint) and that many bytes. A reader skips an item
// whose tag it does not know. These are known:
//
//	1  epoch     varint, seconds since 1970
//	2  shard     uvarint, the number of the part that this is, from 0
//	3  shards    uvarint, the number of parts that the tables are divided into
//	4  table     any number of times
//	5  node      bytes
//	6  cluster   bytes
//	7  interval  uvarint, seconds from one snapshot of the node to the next; 0: not known
//	8  instance  bytes
//	9  text      any number of times, in shard 0: a field (text) and what the node's
//	             processes say in it (text)
//
// A table is
//
//	scope    uvarint, the number of a metric.Scope; a reader skips a table whose scope it
//	         does not know
//	columns  their number (uvarint), and each of them as text, which has
//	           name (text), rule (uvarint, a metric.Combine), nature (uvarint, a
//	           metric.Nature), flags (uvarint, a sum of 1: empty is zero, 2: only
//	           for Graphite, 4: not for Graphite), scale (8 bytes, an IEEE 754
//	           double, little-endian), unit (text); a reader skips the rest, and
//	           flags that it does not know. Name and outputs differ from those of
//	           other columns.
//	rows     their number (uvarint), and each of them:
//	           parent: 0 for that of the row before, else its length and 1 (uvarint), bytes
//	           name (text)
//	           seen, active: uvarints, see metric.Table
//	           a cell for each column
//
// A cell begins with a uvarint whose lowest two bits are its kind, and the others a
// number n:
//
//	0  n is the sum, or the largest or smallest value, in zigzag order; the number of values is as
//	   usual: active for a column with the rule metric.MeanOfActive, else seen
//	1  the same, and the number of values follows (uvarint)
//	2  this cell and n further ones have no value
//	3  the number of values follows (uvarint), and n bytes: the sum, or the largest
//	   value, as a decimal integer or a fraction of two
//
// # Shards
//
// The rows of a large node can be divided into shards, so that several programs share
// the work of a cluster. [Shard] chooses the shard of a row by the name of its
// frontend or backend; a server goes with its backend. The processes are in shard 0.
package tables
