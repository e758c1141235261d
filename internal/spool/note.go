package spool

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"haproxystats/internal/durable"
)

// note is what the one at an end of a queue writes into its lock file, in two
// lines: its process, and the newest entry that was handed over, if it is a
// writer. Who reads the queue may be done with that one within milliseconds, and
// a writer that starts in the same second would hand over another one of that
// name. Notes are not synced: a power cut takes longer than a second.
type note struct {
	pid    int
	newest string
}

// maxNote is more than any note has.
const maxNote = 64

// readNote returns the note in a lock file, which may say anything.
func readNote(path string) (note, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return note{}, err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return note{}, errors.Join(err, &fs.PathError{Op: "read", Path: path, Err: durable.ErrNotRegular})
	}
	text, err := io.ReadAll(io.LimitReader(f, maxNote))
	return parseNote(string(text)), err
}

func parseNote(text string) note {
	var n note
	lines := strings.SplitN(text, "\n", 3)
	n.pid, _ = strconv.Atoi(lines[0])
	if len(lines) == 3 {
		if _, ok := parseEpoch(lines[1]); ok {
			n.newest = lines[1]
		}
	}
	return n
}

// write writes the note over an earlier one, by one write and without making the
// file empty first: a program that is killed at any moment leaves one of both.
// What remains of a longer one lies behind the second line. Where it can't be
// written, as on a full disk, it costs only what it is for.
func (n note) write(path string) {
	f, err := os.OpenFile(path, os.O_WRONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return
	}
	_, _ = fmt.Fprintf(f, "%d\n%s\n", n.pid, n.newest)
	f.Close()
}

// noteNewest notes an entry that is about to be handed over.
func (w *Writer) noteNewest(name string) {
	note{os.Getpid(), name}.write(lockPath(w.dir, "writer"))
}
