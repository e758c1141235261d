package spool

import (
	"io/fs"
	"path/filepath"
	"strings"
)

// doneSuffix follows the number in the name of an entry in the trash; no other
// program uses such names.
const doneSuffix = ".done"

// discard deletes an entry in the trash, now or, if that fails, later.
func (r *Reader) discard(path string) {
	if first, err := r.litter.Remove(path); first {
		r.log.Warn("processed snapshots can't be deleted, will try again", "dir", r.trash, "error", err)
	}
}

// emptyTrash deletes the entries that an earlier program left in the trash. Other
// files stay.
func (r *Reader) emptyTrash() {
	var foreign []string
	err := list(r.trash, func(e fs.DirEntry) {
		path := filepath.Join(r.trash, e.Name())
		if e.IsDir() && (isDone(e.Name()) || isEntry(path)) {
			r.discard(path)
			return
		}
		foreign = append(foreign, e.Name())
	})
	if err != nil {
		r.log.Warn("processed snapshots can't be deleted, will try again", "dir", r.trash, "error", err)
	}
	if len(foreign) > 0 {
		r.log.Warn("the directory for processed snapshots contains something else, leaving it alone",
			"dir", r.trash, "names", foreign[:min(len(foreign), 10)], "count", len(foreign))
	}
}

// isDone reports whether a name is that of an entry in the trash: the number, the
// suffix, and another number if several entries had that name.
func isDone(name string) bool {
	number, rest, _ := strings.Cut(name, ".")
	if _, ok := parseEpoch(number); !ok {
		return false
	}
	again, ok := strings.CutPrefix("."+rest, doneSuffix)
	if again == "" {
		return ok
	}
	_, number2 := parseEpoch(strings.TrimPrefix(again, "."))
	return ok && number2
}
