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

// warnRoot warns if root runs a program over the directory of another user, as by
// hand instead of by the unit: later that user can't use what root makes there.
func warnRoot(euid int, dir string, log *slog.Logger) {
	if euid != 0 {
		return
	}
	info, err := os.Stat(dir)
	for errors.Is(err, fs.ErrNotExist) && dir != filepath.Dir(dir) {
		dir = filepath.Dir(dir) // the program makes the directory in this one
		info, err = os.Stat(dir)
	}
	if err != nil {
		return // the program is about to report it
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok && st.Uid != 0 {
		name := owner.User(int(st.Uid))
		log.Warn("root runs the program in another user's directory, and that user can't use the files it makes",
			"dir", dir, "owner", name, "hint", "Stop it, run chown -R "+name+": "+dir+", and start it as user "+name)
	}
}
