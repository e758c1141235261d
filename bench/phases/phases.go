package phases

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"time"

	"haproxystats/bench/measure"
	"haproxystats/bench/workload"
	"haproxystats/internal/aggregate"
	"haproxystats/internal/encode/plaintext"
	"haproxystats/internal/metric"
	"haproxystats/internal/reply"
)

// chunk is the size in bytes of a read or write, that of the programs.
const chunk = 256 << 10

// Phase is a step that can be run again and again.
type Phase struct {
	Name string
	Run  func(context.Context) error
}

// Set holds the phases of one snapshot and what they work on.
type Set struct {
	dir    string // with the files
	memory fs.FS  // the same files
	size   int64  // of the files together

	parse      parser
	reader     reply.Reader
	aggregator *aggregate.Aggregator
	batch      *metric.Batch
	encoder    *plaintext.Encoder
	text       []byte // the batch as lines

	buf  []byte
	sink *measure.Sink
	stop func()
}

// Open prepares the phases of a snapshot, for which it needs a directory, and
// opens a receiver on loopback. The set is to be closed.
func Open(dir string, size workload.Size, seed uint64) (*Set, error) {
	g, err := workload.New(size, seed)
	if err != nil {
		return nil, err
	}
	s := &Set{
		memory:     g.Snapshot(0),
		aggregator: aggregate.New(aggregate.Options{Classic: true}),
		encoder:    plaintext.New(plaintext.Paths{Namespace: "loadbalancers"}),
		buf:        make([]byte, chunk),
	}
	if s.dir, err = g.Write(dir, 0); err != nil {
		return nil, err
	}
	for _, f := range g.Files(0) {
		s.size += int64(len(f.Data))
	}
	if err := s.aggregate(); err != nil {
		return nil, err
	}
	if s.batch = s.aggregator.Batch(workload.Epoch(0)); s.batch.Points() == 0 {
		return nil, fmt.Errorf("snapshot of size %s gives no metrics", size.Name)
	}
	var lines lineBuffer
	if _, err := s.encoder.Encode(&lines, s.batch); err != nil {
		return nil, err
	}
	s.text = lines
	s.sink, s.stop, err = measure.StartSink()
	return s, err
}

// Close closes the receiver. The files stay.
func (s *Set) Close() { s.stop() }

// Bytes returns the size of the snapshot's files.
func (s *Set) Bytes() int64 { return s.size }

// Parse is the phase of that name alone.
func (s *Set) Parse() error { return s.scan() }

// Phases lists the phases in the order of the data. Aggregating is parsing and
// merging: the one can't be had without the other.
func (s *Set) Phases() []Phase {
	return []Phase{
		{"read", func(context.Context) error { return s.read() }},
		{"parse", func(context.Context) error { return s.scan() }},
		{"aggregate", func(context.Context) error { return s.aggregate() }},
		{"format", func(context.Context) error { return s.format() }},
		{"write", s.write},
	}
}

// read reads the files and looks at nothing.
func (s *Set) read() error {
	paths, err := filepath.Glob(filepath.Join(s.dir, "*"))
	if err != nil {
		return err
	}
	for _, path := range paths {
		if err := s.readFile(path); err != nil {
			return err
		}
	}
	return nil
}

func (s *Set) readFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	for {
		switch _, err := f.Read(s.buf); err {
		case nil:
		case io.EOF:
			return nil
		default:
			return err
		}
	}
}

// scan parses the replies and drops the rows.
func (s *Set) scan() error {
	s.parse.rows = 0
	if _, err := s.reader.Read(s.memory, &s.parse); err != nil {
		return err
	}
	if s.parse.rows == 0 {
		return errors.New("no rows in the snapshot")
	}
	return nil
}

// aggregate parses the replies and merges the rows.
func (s *Set) aggregate() error {
	s.aggregator.Reset()
	if _, err := s.reader.Read(s.memory, s.aggregator); err != nil {
		return err
	}
	s.batch = s.aggregator.Batch(workload.Epoch(0))
	return nil
}

// format makes lines of the metrics and drops them.
func (s *Set) format() error {
	_, err := s.encoder.Encode(io.Discard, s.batch)
	return err
}

// write sends the lines to the receiver and waits until it has read them.
func (s *Set) write(ctx context.Context) error {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", s.sink.Port()))
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		return err
	}
	for text := s.text; len(text) > 0; {
		n, err := conn.Write(text[:min(len(text), chunk)])
		if err != nil {
			return err
		}
		text = text[n:]
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		return err
	}
	if _, err := conn.Read(s.buf[:1]); err != io.EOF {
		return fmt.Errorf("receiver did not close: %w", err)
	}
	return nil
}

// lineBuffer keeps what is written to it.
type lineBuffer []byte

func (b *lineBuffer) Write(p []byte) (int, error) {
	*b = append(*b, p...)
	return len(p), nil
}
