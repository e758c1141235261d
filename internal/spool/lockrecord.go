package spool

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"haproxystats/internal/durable"
)

// lockRecord is the record in the lock file of one end of a queue, in two lines: the
// process and, for a writer, the name of an entry.
//
// In the lock file of the queue, that is the newest entry that was handed over. The
// reader may finish the newest entry within milliseconds; without this record a writer
// restarted in the same second would reuse its name. In the lock file of the directory
// for drafts, it is the last draft that was begun: while a draft is empty, nothing else
// shows whose it is. The record is not synced: a power cut takes longer than a second,
// and an empty draft does no harm.
type lockRecord struct {
	pid  int
	name string
}

// maxLockRecord exceeds the length of any record.
const maxLockRecord = 64

// readLockRecord returns the record in a lock file, whose content may be anything.
func readLockRecord(path string) (lockRecord, error) {
	dir, name, err := durable.OpenParent(path)
	if err != nil {
		return lockRecord{}, err
	}
	defer dir.Close()
	f, err := dir.OpenRegular(name)
	if err != nil {
		return lockRecord{}, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxLockRecord))
	return parseLockRecord(string(text)), err
}

func parseLockRecord(text string) lockRecord {
	var r lockRecord
	lines := strings.SplitN(text, "\n", 3)
	r.pid, _ = strconv.Atoi(lines[0])
	if len(lines) == 3 {
		if _, ok := parseEpoch(lines[1]); ok {
			r.name = lines[1]
		}
	}
	return r
}

// write replaces the record by one write, without emptying the file first, so that a
// program killed at any moment leaves either the old record or the new one. The end
// of a longer old record follows the second line. If the record can't be written, as
// on a full disk, only its purpose is lost.
func (r lockRecord) write(path string) {
	dir, name, err := durable.OpenParent(path)
	if err != nil {
		return
	}
	defer dir.Close()
	f, err := dir.Open(name, unix.O_WRONLY)
	if err != nil {
		return
	}
	_, _ = fmt.Fprintf(f, "%d\n%s\n", r.pid, r.name)
	f.Close()
}

// recordNewest records an entry that is about to be handed over.
func (w *Writer) recordNewest(name string) {
	lockRecord{os.Getpid(), name}.write(lockPath(w.dir, "writer"))
}

// recordDraft records a draft that is about to be made.
func (w *Writer) recordDraft(name string) {
	lockRecord{os.Getpid(), name}.write(lockPath(w.tmp, "writer"))
}
