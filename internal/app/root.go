package app

import (
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"

	"haproxystats/internal/owner"
)

// warnRoot warns of a program that root runs over the directory of another user, as
// by hand instead of by the unit: what it makes there, that user can't use later.
func warnRoot(euid int, dir string, log *slog.Logger) {
	if euid != 0 {
		return
	}
	info, err := os.Stat(dir)
	for errors.Is(err, fs.ErrNotExist) && dir != filepath.Dir(dir) {
		dir = filepath.Dir(dir) // in which the program makes the rest
		info, err = os.Stat(dir)
	}
	if err != nil {
		return // the program is about to say so
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok && st.Uid != 0 {
		name := owner.User(int(st.Uid))
		log.Warn("root runs the program over the directory of another user, who can't use later what it makes there",
			"dir", dir, "owner", name, "remedy", "Run it as user "+name+"; afterwards chown -R "+name+": "+dir)
	}
}
