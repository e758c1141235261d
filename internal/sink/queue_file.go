package sink

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/klauspost/compress/zstd"
)

// A file of the queue is a header of fixed size and one zstd frame with its own
// checksum. The header has the length and the checksum of the frame, so that a file
// is known to be whole before its first byte is sent.
const (
	headerSize  = 52
	fileMagic   = "hpsqueue"
	fileVersion = 1
	// windowSize bounds the memory of encoder and decoder. Lines repeat within a few
	// hundred bytes, so a larger window compresses no better.
	windowSize = 256 << 10
)

var (
	// errDamaged means that the file was read and its content is wrong.
	errDamaged = errors.New("damaged")
	// errLater means that a later version of the program wrote the file.
	errLater = errors.New("written by a later version")
)

// maxRatio is the highest ratio of zstd: a block of 128 KiB of one byte takes 4
// bytes.
const maxRatio = 1 << 15

// maxRaw bounds the bytes of a batch before compression: the lines of a snapshot of a
// million servers have less than 10 GB. A file that claims more was not written by a queue, and would
// be sent for as long as a delivery may take.
const maxRaw = 16 << 30

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// header describes the batch in a file.
type header struct {
	metrics int64 // number of metrics in the batch
	epoch   int64 // time of the batch
	raw     int64 // bytes before compression
	frame   int64 // bytes after
	crc     uint32
}

func (h header) size() int64 { return headerSize + h.frame }

func (h header) bytes() []byte {
	b := make([]byte, 0, headerSize)
	b = append(b, fileMagic...)
	b = binary.LittleEndian.AppendUint32(b, fileVersion)
	b = binary.LittleEndian.AppendUint32(b, h.crc)
	b = binary.LittleEndian.AppendUint64(b, uint64(h.metrics))
	b = binary.LittleEndian.AppendUint64(b, uint64(h.epoch))
	b = binary.LittleEndian.AppendUint64(b, uint64(h.raw))
	b = binary.LittleEndian.AppendUint64(b, uint64(h.frame))
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// readHeader reads the header of a file of that size. The error is errDamaged for a
// wrong header, errLater for one of a later version, or an error of the reader.
func readHeader(r io.Reader, size int64) (header, error) {
	b := make([]byte, headerSize)
	if _, err := io.ReadFull(r, b); errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return header{}, fmt.Errorf("%w: header: %w", errDamaged, err)
	} else if err != nil {
		return header{}, err
	}
	if !bytes.HasPrefix(b, []byte(fileMagic)) {
		return header{}, fmt.Errorf("%w: not a queue file", errDamaged)
	}
	if binary.LittleEndian.Uint32(b[48:]) != crc32.Checksum(b[:48], castagnoli) {
		return header{}, fmt.Errorf("%w: header checksum differs", errDamaged)
	}
	if v := binary.LittleEndian.Uint32(b[8:]); v != fileVersion {
		if v > fileVersion {
			return header{}, fmt.Errorf("%w: format version %d, this program reads %d", errLater, v, fileVersion)
		}
		return header{}, fmt.Errorf("%w: format version %d, this program reads %d", errDamaged, v, fileVersion)
	}
	h := header{
		crc:     binary.LittleEndian.Uint32(b[12:]),
		metrics: int64(binary.LittleEndian.Uint64(b[16:])),
		epoch:   int64(binary.LittleEndian.Uint64(b[24:])),
		raw:     int64(binary.LittleEndian.Uint64(b[32:])),
		frame:   int64(binary.LittleEndian.Uint64(b[40:])),
	}
	if h.frame < 0 || h.metrics < 0 || h.raw < 0 || size-headerSize != h.frame {
		return header{}, fmt.Errorf("%w: frame of %d bytes where its header says %d", errDamaged, size-headerSize, h.frame)
	}
	// Impossible numbers would make bounds and time limits overflow.
	if h.raw > maxRaw || h.raw/maxRatio > h.frame || h.metrics > h.raw {
		return header{}, fmt.Errorf("%w: %d metrics of %d bytes in a frame of %d", errDamaged, h.metrics, h.raw, h.frame)
	}
	return h, nil
}

// file has the methods of [os.File] that the queue needs to write.
type file interface {
	io.Writer
	io.WriterAt
	Sync() error
	Close() error
}

func newEncoder() (*zstd.Encoder, error) {
	return zstd.NewWriter(nil,
		zstd.WithEncoderLevel(zstd.SpeedFastest),
		zstd.WithEncoderConcurrency(1),
		zstd.WithLowerEncoderMem(true),
		zstd.WithWindowSize(windowSize),
		zstd.WithEncoderCRC(true))
}

func newDecoder() (*zstd.Decoder, error) {
	return zstd.NewReader(nil,
		zstd.WithDecoderConcurrency(1),
		zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(windowSize))
}

// writeBatch writes the output of encode, and fsyncs it.
func writeBatch(f file, enc *zstd.Encoder, epoch int64, encode func(io.Writer) (int, error)) (header, error) {
	// The header stays zero until the numbers in it are known.
	if _, err := f.Write(make([]byte, headerSize)); err != nil {
		return header{}, err
	}
	frame := &summer{w: f}
	enc.Reset(frame)
	raw := &summer{w: enc}
	metrics, err := encode(raw)
	if err != nil {
		return header{}, err
	}
	if err := enc.Close(); err != nil {
		return header{}, err
	}
	if raw.n > maxRaw {
		return header{}, fmt.Errorf("a batch of %d bytes, more than %d", raw.n, int64(maxRaw))
	}
	h := header{metrics: int64(metrics), epoch: epoch, raw: raw.n, frame: frame.n, crc: frame.crc}
	if _, err := f.WriteAt(h.bytes(), 0); err != nil {
		return header{}, err
	}
	return h, f.Sync()
}

// readable has the methods of [os.File] that the queue needs to read.
type readable interface {
	io.Reader
	io.Seeker
}

// verifyFrame reads the frame and compares its checksum.
func verifyFrame(r io.Reader, h header) error {
	sum := &summer{w: io.Discard}
	if _, err := io.CopyN(sum, r, h.frame); errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: %w", errDamaged, err)
	} else if err != nil {
		return err
	}
	if sum.crc != h.crc {
		return fmt.Errorf("%w: checksum differs", errDamaged)
	}
	return nil
}

// decodeFrame writes the content of the frame to w. Errors of w and of r are
// returned as they are.
func decodeFrame(w io.Writer, r io.Reader, dec *zstd.Decoder, h header) (int64, error) {
	out, in := &keepError{w: w}, &keepReadError{r: io.LimitReader(r, h.frame)}
	err := dec.Reset(in)
	var n int64
	if err == nil {
		n, err = dec.WriteTo(out)
	}
	switch {
	case out.err != nil:
		return n, out.err
	case in.err != nil:
		return n, in.err
	case err != nil:
		return n, fmt.Errorf("%w: %w", errDamaged, err)
	case n != h.raw:
		return n, fmt.Errorf("%w: %d bytes where its header says %d", errDamaged, n, h.raw)
	}
	return n, nil
}

// summer counts and sums the bytes that pass through it.
type summer struct {
	w   io.Writer
	n   int64
	crc uint32
}

func (s *summer) Write(p []byte) (int, error) {
	n, err := s.w.Write(p)
	s.n += int64(n)
	s.crc = crc32.Update(s.crc, castagnoli, p[:n])
	return n, err
}

// keepError keeps the writer's error, which a decoder may wrap or hide.
type keepError struct {
	w   io.Writer
	err error
}

func (k *keepError) Write(p []byte) (int, error) {
	n, err := k.w.Write(p)
	if err != nil {
		k.err = err
	}
	return n, err
}

// keepReadError keeps the reader's error, which a decoder may wrap or hide.
type keepReadError struct {
	r   io.Reader
	err error
}

func (k *keepReadError) Read(p []byte) (int, error) {
	n, err := k.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		k.err = err
	}
	return n, err
}
