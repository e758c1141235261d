package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"haproxystats/internal/owner"
)

// Files answers questions about files.
type Files interface {
	// Stat follows links. Of one that leads nowhere the error is errDangling, as
	// nothing can be made in its place.
	Stat(path string) (File, error)
	// Real returns the path without links.
	Real(path string) (string, error)
}

var errDangling = fmt.Errorf("it is a link to what is not there: %w", fs.ErrNotExist)

// File is a file, directory or socket.
type File struct {
	Mode     fs.FileMode
	UID, GID uint32
	// ACL tells of an access control list, which may allow more than the mode.
	ACL bool
}

// The kinds of access, as in a mode.
const (
	execute = 1 // of a directory: pass
	write   = 2
	read    = 4
)

func (f File) String() string {
	return fmt.Sprintf("belongs to %s:%s and has mode %04o", owner.User(int(f.UID)), owner.Group(int(f.GID)), f.Mode.Perm())
}

// may reports whether the mode allows the access.
func (u User) may(f File, want fs.FileMode) bool {
	switch {
	case u.UID == 0:
		return true
	case u.UID == int(f.UID):
		return f.Mode>>6&want == want
	case u.in(f.GID):
		return f.Mode>>3&want == want
	}
	return f.Mode&want == want
}

func (u User) in(gid uint32) bool {
	for _, g := range u.GIDs {
		if uint32(g) == gid {
			return true
		}
	}
	return false
}

// denial is why a user can't have something.
type denial struct {
	path   string // of what is closed
	file   File
	want   fs.FileMode
	parent bool // it is a directory on the way
}

// denied returns why the user has no such access to path, which exists; nil if the
// user has it.
func (u User) denied(files Files, path string, want fs.FileMode) (*denial, error) {
	paths := []string{path}
	if real, err := files.Real(path); err == nil && real != path {
		paths = append(paths, real)
	}
	for _, path := range paths {
		if d, err := u.blocked(files, filepath.Dir(path)); d != nil || err != nil {
			return d, err
		}
	}
	f, err := files.Stat(path)
	if err != nil || u.may(f, want) {
		return nil, err
	}
	return &denial{path: path, file: f, want: want}, nil
}

// blocked returns the first directory on the way to and with dir that the user
// can't pass.
func (u User) blocked(files Files, dir string) (*denial, error) {
	if parent := filepath.Dir(dir); parent != dir {
		if d, err := u.blocked(files, parent); d != nil || err != nil {
			return d, err
		}
	}
	f, err := files.Stat(dir)
	if err != nil || u.may(f, execute) {
		return nil, err
	}
	return &denial{path: dir, file: f, want: execute, parent: true}, nil
}

func (d *denial) text(u User) string {
	verb := "use"
	switch {
	case d.parent:
		verb = "pass the directory"
	case d.want == read:
		verb = "read"
	case d.want == write:
		verb = "connect to"
	}
	text := fmt.Sprintf("user %s can't %s %s, which %s", u.Name, verb, d.path, d.file)
	if d.file.ACL {
		text += " and an access control list"
	}
	return text
}

// group reports whether being in the file's group would help.
func (d *denial) group(u User) bool {
	return d.file.GID != 0 && !u.in(d.file.GID) && int(d.file.UID) != u.UID && d.file.Mode>>3&d.want == d.want
}

// join says how to get into the group of the file.
func (d *denial) join(u User) string {
	return fmt.Sprintf("add the user to the group %s, and restart the programs: usermod -a -G %[1]s %s", owner.Group(int(d.file.GID)), u.Name)
}

// letIn says how the user, and nobody else, gets through a directory. Those of root
// stay closed.
func (d *denial) letIn(u User) string {
	mode := "x"
	if d.want&read != 0 {
		mode = "rx"
	}
	switch {
	case within(d.path, "/root"):
		return "use a path outside of /root, which stays closed"
	case d.file.GID != 0:
		return fmt.Sprintf("give the user the access of its group: usermod -a -G %s %s && chmod g+%s %s; then restart the programs",
			owner.Group(int(d.file.GID)), u.Name, mode, shellQuote(d.path))
	}
	return fmt.Sprintf("give this user the access: setfacl -m u:%s:%s %s", u.Name, mode, shellQuote(d.path))
}

// finding returns the finding with its remedy. Access control lists are not read.
func (d *denial) finding(a about, u User, remedy string) Finding {
	switch {
	case d.file.ACL:
		return a.warning(d.text(u), fmt.Sprintf("see whether the list allows it: getfacl %s", shellQuote(d.path)))
	case d.group(u):
		remedy = d.join(u)
	case d.parent:
		remedy = d.letIn(u)
	}
	return a.error(d.text(u), remedy)
}

// Readable judges whether the user can read a file that a program needs.
func Readable(files Files, u User, option, path string) Finding {
	a := about{"file", path}
	d, err := u.denied(files, path, read)
	switch {
	case errors.Is(err, fs.ErrPermission):
		return a.skipped("this user can't look at it, being %s: run doctor as root", option)
	case err != nil:
		return a.error(option+" can't be looked at: "+bare(err), "make it, or change the option")
	case d != nil:
		return d.finding(a, u, fmt.Sprintf("chgrp %s %s && chmod g+r %[2]s", u.Group, shellQuote(path)))
	}
	return a.ok("user %s can read it, being %s", u.Name, option)
}

// bare returns what is wrong without the operation and the path.
func bare(err error) string {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err.Error()
	}
	return err.Error()
}
