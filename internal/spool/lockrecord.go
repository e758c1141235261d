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

// note is the record in the lock file of one end of a queue, in two lines: the
// process and, for a writer, the newest entry that was handed over. The reader may
// finish the newest entry within milliseconds; without this record a writer
// restarted in the same second would reuse its name. The record is not synced: a
// power cut takes longer than a second.
type note struct {
	pid    int
	newest string
}

// maxNote exceeds the length of any note.
const maxNote = 64

// readNote returns the note in a lock file, whose content may be anything.
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

// write replaces the note by one write, without emptying the file first, so that a
// program killed at any moment leaves one of both. The rest of a longer note follows
// the second line. If the note can't be written, as on a full disk, only its purpose
// is lost.
func (n note) write(path string) {
	f, err := os.OpenFile(path, os.O_WRONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return
	}
	_, _ = fmt.Fprintf(f, "%d\n%s\n", n.pid, n.newest)
	f.Close()
}

// noteNewest records an entry that is about to be handed over.
func (w *Writer) noteNewest(name string) {
	note{os.Getpid(), name}.write(lockPath(w.dir, "writer"))
}
