package spool

import (
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// Below the process's number, the writer's lock file names the newest entry that
// was handed over. Who reads the queue may be done with it within milliseconds,
// and a writer that starts in the same second would hand over another one of that
// name. The note is not synced: a power cut takes longer than a second.

// newest returns the name of the newest entry that an earlier writer has noted,
// or nothing.
func newest(dir string) string {
	f, err := os.OpenFile(lockPath(dir, "writer"), os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return ""
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return ""
	}
	text, err := io.ReadAll(io.LimitReader(f, 64))
	lines := strings.Split(string(text), "\n")
	if err != nil || len(lines) != 3 {
		return ""
	}
	return lines[1]
}

// noteNewest notes an entry that is about to be handed over. Where that can't be
// done, as on a full disk, it costs only what the note is for.
func (w *Writer) noteNewest(name string) {
	f, err := os.OpenFile(lockPath(w.dir, "writer"), os.O_WRONLY|os.O_TRUNC|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return
	}
	fmt.Fprintf(f, "%d\n%s\n", os.Getpid(), name)
	f.Close()
}
