package events

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"haproxystats/internal/durable"
)

// maxTail bounds what is read of the end of a file, in bytes.
const maxTail = 8 << 20

// logFile is a file of lines that grows at its end, and older files <name>.1, <name>.2.
type logFile struct {
	path     string
	maxBytes int64
	maxAge   time.Duration // of the first line; 0 for any
	keep     int           // older files
	sync     func(*os.File) error

	whole bool      // the end of the file is known to be that of a line
	begun time.Time // of the first line; zero if not known
}

// append writes lines at the end of the file, durable if sync is set. After an error
// nothing is written, or what is written is removed before the next line.
func (l *logFile) append(lines []byte, now time.Time) (err error) {
	dir, name, err := l.open()
	if err != nil {
		return err
	}
	defer dir.Close()
	f, err := l.openFile(dir, name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if !l.whole {
		if err := cutTail(f); err != nil {
			return err
		}
		l.whole = true
	}
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	if size == 0 {
		l.begun = now
	}
	if size > 0 && (size+int64(len(lines)) > l.maxBytes || l.maxAge > 0 && now.Sub(l.firstTime(f, now)) >= l.maxAge) {
		next, err := l.rotate(dir, name)
		if err != nil {
			return err
		}
		if err := f.Close(); err != nil {
			next.Close()
			return err
		}
		f, size, l.begun = next, 0, now
	}
	_, err = f.Write(lines)
	if err == nil && l.sync != nil {
		err = l.sync(f)
		if err == nil && size == 0 { // the name may be new
			err = l.sync(dir.File())
		}
	}
	if err != nil {
		l.whole = false // its lines would be there twice
		if f.Truncate(size) == nil {
			l.whole = true
		}
	}
	return err
}

// open opens the directory of the file, which must exist.
func (l *logFile) open() (*durable.Dir, string, error) {
	// The dot makes a link in the operator's path be followed; the file is not a link.
	dir, err := durable.OpenDir(filepath.Dir(l.path) + "/.")
	return dir, filepath.Base(l.path), err
}

// openFile opens the file for writing, and makes it if it is missing.
func (l *logFile) openFile(dir *durable.Dir, name string) (*os.File, error) {
	f, err := dir.Open(name, os.O_RDWR|os.O_APPEND)
	if errors.Is(err, fs.ErrNotExist) {
		l.whole = true
		return dir.Create(name)
	}
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is %w", l.path, durable.ErrNotRegular)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// firstTime returns the time of the first line of the file.
func (l *logFile) firstTime(f *os.File, now time.Time) time.Time {
	if l.begun.IsZero() {
		l.begun = now
		head := make([]byte, maxLine)
		n, _ := f.ReadAt(head, 0)
		if line, _, ok := bytes.Cut(head[:n], []byte("\n")); ok {
			for _, i := range parseLines(line) {
				l.begun = time.Unix(min(i.Seen, now.Unix()), 0)
			}
		}
	}
	return l.begun
}

// cutTail removes a line at the end of the file that is not complete: the program died
// while it wrote, and its events come again.
func cutTail(f *os.File) error {
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil || size == 0 {
		return err
	}
	from := max(0, size-maxTail)
	tail := make([]byte, size-from)
	if _, err := f.ReadAt(tail, from); err != nil {
		return err
	}
	end := bytes.LastIndexByte(tail, '\n') + 1
	if end == len(tail) || end == 0 && from > 0 {
		return nil
	}
	return f.Truncate(from + int64(end))
}

// rotate renames the files, so that the file is <name>.1, and makes a new one.
func (l *logFile) rotate(dir *durable.Dir, name string) (*os.File, error) {
	older := func(n int) string { return fmt.Sprintf("%s.%d", name, n) }
	if l.keep == 0 {
		if err := dir.Remove(name); err != nil {
			return nil, err
		}
		return dir.Create(name)
	}
	// The files up to the first number that is free move: after a kill in the middle of
	// this, there is a free number, and no file is lost.
	free := 1
	for ; free < l.keep; free++ {
		if _, err := dir.Stat(older(free)); errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	for n := free; n > 1; n-- {
		if err := dir.Rename(older(n-1), older(n)); err != nil {
			return nil, err
		}
	}
	if err := dir.Rename(name, older(1)); err != nil {
		return nil, err
	}
	return dir.Create(name)
}

// newest calls each for the lines at the end of the newest files, the oldest first.
func (l *logFile) newest(each func(line []byte)) error {
	dir, name, err := l.open()
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer dir.Close()
	var files []string // the newest first
	size := int64(0)
	for n := 0; n <= l.keep && size < maxTail; n++ {
		file := name
		if n > 0 {
			file = fmt.Sprintf("%s.%d", name, n)
		}
		if info, err := dir.Stat(file); err == nil {
			files = append(files, file)
			size += info.Size
		}
	}
	for _, file := range slices.Backward(files) {
		if err := tailOf(dir, file, each); err != nil {
			return err
		}
	}
	return nil
}

func tailOf(dir *durable.Dir, name string, each func(line []byte)) error {
	f, err := dir.OpenRegular(name)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	from := max(0, info.Size()-maxTail)
	tail, err := io.ReadAll(io.NewSectionReader(f, from, maxTail))
	if err != nil {
		return err
	}
	for line := range bytes.Lines(tail) {
		if line, ok := bytes.CutSuffix(line, []byte("\n")); ok {
			each(line)
		}
	}
	return nil
}
