package fleet

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// The files of a partition.
const (
	logFile       = "log"
	committedFile = "committed"
	resultsFile   = "results"
)

// partition returns the directory of a partition.
func partition(dir string, n int) string { return filepath.Join(dir, strconv.Itoa(n)) }

// record is one record of a log. Without a frame it is a tick.
type record struct {
	at    time.Time
	frame []byte
}

// headSize is the size of a record without its frame: its time and its length.
const headSize = 12

// maxFrame bounds the size of a frame, so that a damaged log does not make the reader
// ask for memory.
const maxFrame = 256 << 20

// writer writes a log.
type writer struct {
	file *os.File
	buf  *bufio.Writer
	// frames and bytes count what was written, without ticks.
	frames, bytes int64
}

func create(dir string) (*writer, error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(dir, logFile), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o640)
	if err != nil {
		return nil, err
	}
	return &writer{file: f, buf: bufio.NewWriterSize(f, 1<<20)}, nil
}

func (w *writer) write(r record) error {
	if len(r.frame) > 0 {
		w.frames++
		w.bytes += int64(len(r.frame))
	}
	var head [headSize]byte
	binary.LittleEndian.PutUint64(head[:], uint64(r.at.UnixNano()))
	binary.LittleEndian.PutUint32(head[8:], uint32(len(r.frame)))
	if _, err := w.buf.Write(head[:]); err != nil {
		return err
	}
	_, err := w.buf.Write(r.frame)
	return err
}

func (w *writer) close() error { return errors.Join(w.buf.Flush(), w.file.Close()) }

// reader reads a log.
type reader struct {
	file   *os.File
	buf    *bufio.Reader
	offset int64 // of the next record
	frame  []byte
}

// open opens the log at an offset.
func open(dir string, offset int64) (*reader, error) {
	f, err := os.Open(filepath.Join(dir, logFile))
	if err != nil {
		return nil, err
	}
	if _, err := f.Seek(offset, io.SeekStart); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &reader{file: f, buf: bufio.NewReaderSize(f, 1<<20), offset: offset}, nil
}

// next returns the next record, which is valid until the next call; io.EOF at the end.
func (r *reader) next() (record, error) {
	var head [headSize]byte
	if _, err := io.ReadFull(r.buf, head[:]); err != nil {
		return record{}, err
	}
	n := int(binary.LittleEndian.Uint32(head[8:]))
	if n > maxFrame {
		return record{}, fmt.Errorf("%s: a record of %d bytes at %d", r.file.Name(), n, r.offset)
	}
	if cap(r.frame) < n {
		r.frame = make([]byte, n)
	}
	r.frame = r.frame[:n]
	if _, err := io.ReadFull(r.buf, r.frame); err != nil {
		return record{}, err
	}
	r.offset += headSize + int64(n)
	return record{time.Unix(0, int64(binary.LittleEndian.Uint64(head[:]))), r.frame}, nil
}

func (r *reader) close() error { return r.file.Close() }

// committed is what a reader has committed.
type committed struct {
	// Offset is where the next reader begins, and Mark is that of the stage.
	Offset int64
	Mark   time.Time
}

// commit replaces what was committed before.
func commit(dir string, c committed) error {
	text, err := json.Marshal(c)
	if err != nil {
		return err
	}
	path := filepath.Join(dir, committedFile)
	if err := os.WriteFile(path+".new", text, 0o640); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

func lastCommit(dir string) (c committed, err error) {
	text, err := os.ReadFile(filepath.Join(dir, committedFile))
	if err != nil {
		return c, err
	}
	return c, json.Unmarshal(text, &c)
}
