package phases

import (
	"context"

	"haproxystats/bench/workload"
	"haproxystats/internal/aggregate"
	"haproxystats/internal/encode/tables"
	"haproxystats/internal/kafka/wire"
	"haproxystats/internal/metric"
	"haproxystats/internal/reply"
	"haproxystats/internal/snapshot"
)

// chunkBytes is the size of a record of a snapshot before it is compressed: the default
// of haproxystats-process.
const chunkBytes = 512 << 10

// Central holds the steps of central processing for one snapshot of a node, and what
// they work on.
type Central struct {
	snapshot   snapshot.Snapshot
	size       int64 // of its files
	batch      *metric.Batch
	encoder    *tables.Encoder
	decoder    *tables.Decoder
	frame      []byte
	cluster    *aggregate.Aggregator
	compressor *wire.Compressor
	expander   *wire.Expander
	values     [][]byte // the records
}

// OpenCentral prepares the steps of a snapshot, with all its metrics. It is to be
// closed.
func OpenCentral(size workload.Size, seed uint64) (*Central, error) {
	g, err := workload.New(size, seed)
	if err != nil {
		return nil, err
	}
	files := snapshot.Memory{}
	for _, f := range g.Files(0) {
		files[f.Name] = f.Data
	}
	c := &Central{
		snapshot: snapshot.Snapshot{Node: "lb1.example.com", Cluster: "eu", Epoch: workload.Epoch(0), Files: files},
		size:     files.Size(),
		encoder:  tables.NewEncoder(), decoder: tables.NewDecoder(),
		cluster:    aggregate.New(aggregate.Options{}),
		compressor: wire.NewCompressor(), expander: wire.NewExpander(),
	}
	node := aggregate.New(aggregate.Options{Processes: true})
	var r reply.Reader
	if _, err := r.Read(files, node); err != nil {
		c.Close()
		return nil, err
	}
	c.batch = node.Batch(c.snapshot.Epoch)
	for _, p := range c.Phases() { // each makes what the next one needs
		if err := p.Run(context.Background()); err != nil {
			c.Close()
			return nil, err
		}
	}
	return c, nil
}

// Close frees the memory of the decoders.
func (c *Central) Close() {
	c.decoder.Close()
	c.expander.Close()
}

// Phases lists the steps: encode and compress the node's tables; add them to a window;
// send the snapshot instead, as compressed records; assemble it.
func (c *Central) Phases() []Phase {
	return []Phase{
		{"encode", func(context.Context) error { return c.encode() }},
		{"merge", func(context.Context) error { return c.merge() }},
		{"send", func(context.Context) error { return c.send() }},
		{"assemble", func(context.Context) error { return c.assemble() }},
	}
}

// TableBytes returns the size of the node's tables, encoded and compressed.
func (c *Central) TableBytes() int { return len(c.frame) }

// RecordBytes returns the size of the snapshot's records together.
func (c *Central) RecordBytes() int {
	n := 0
	for _, v := range c.values {
		n += len(v)
	}
	return n
}

func (c *Central) encode() (err error) {
	c.frame, err = c.encoder.Encode(c.frame[:0], tables.Head{
		Node: c.snapshot.Node, Cluster: c.snapshot.Cluster, Epoch: c.snapshot.Epoch, Shards: 1,
	}, c.batch)
	return err
}

func (c *Central) merge() error {
	c.cluster.Reset()
	p, err := c.decoder.Decode(c.frame)
	if err != nil {
		return err
	}
	for i := range p.Tables {
		c.cluster.AddTable(p.Node, &p.Tables[i])
	}
	return nil
}

func (c *Central) send() error {
	n := 0
	err := snapshot.Encode(c.snapshot, chunkBytes, func(record []byte) error {
		if n == len(c.values) {
			c.values = append(c.values, nil)
		}
		c.values[n] = c.compressor.Append(c.values[n][:0], record)
		n++
		return nil
	})
	c.values = c.values[:n]
	return err
}

func (c *Central) assemble() error {
	d := snapshot.NewDecoder(c.size)
	for _, v := range c.values {
		plain, err := c.expander.Expand(v)
		if err != nil {
			return err
		}
		r, err := snapshot.ParseRecord(plain)
		if err != nil {
			return err
		}
		if err := d.Add(r); err != nil {
			return err
		}
	}
	_, err := d.Snapshot()
	return err
}
