package doctor

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Host is the host that the process runs on, as [Files], [Disks] and [Clock].
type Host struct{}

// Stat implements [Files].
func (Host) Stat(path string) (File, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Lstat(path); err == nil {
			return File{}, &fs.PathError{Op: "stat", Path: path, Err: errDangling}
		}
	}
	if err != nil {
		return File{}, err
	}
	f := File{Mode: info.Mode()}
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		f.UID, f.GID = st.Uid, st.Gid
	}
	f.ACL = hasACL(path)
	return f, nil
}

// Real implements [Files].
func (Host) Real(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(path)
}
