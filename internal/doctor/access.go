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
	// Stat follows links. For a link whose target does not exist it returns errDangling:
	// nothing can be made at such a path.
	Stat(path string) (File, error)
	// Real returns the path without links.
	Real(path string) (string, error)
}

var errDangling = fmt.Errorf("it is a link whose target does not exist: %w", fs.ErrNotExist)

// File is a file, directory or socket.
type File struct {
	Mode     fs.FileMode
	UID, GID uint32
	// ACL reports whether the file has an access control list, which may allow more than
	// the mode.
	ACL bool
}

// The kinds of access, with the values they have in a mode.
const (
	execute = 1 // for a directory: pass through
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

// denial is the reason why a user can't access a path.
type denial struct {
	path   string // the closed file or directory
	file   File
	want   fs.FileMode
	parent bool // path is a directory on the way
}

// denied returns why the user can't access path, which exists, or nil if the user
// can.
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

// blocked returns the first directory, from the root down to dir, that the user
// can't pass through.
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
		verb = "pass through the directory"
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

// group reports whether the user would have access as a member of the file's group.
func (d *denial) group(u User) bool {
	return d.file.GID != 0 && !u.in(d.file.GID) && int(d.file.UID) != u.UID && d.file.Mode>>3&d.want == d.want
}

// join returns the remedy that puts the user into the group of the file.
func (d *denial) join(u User) string {
	return fmt.Sprintf("Add the user %s to the group %s, then restart the programs. Run: usermod -a -G %[2]s %[1]s", u.Name, owner.Group(int(d.file.GID)))
}

// letIn returns the remedy that lets this user, and nobody else, pass through a
// directory. The directories of root stay closed.
func (d *denial) letIn(u User) string {
	mode := "x"
	if d.want&read != 0 {
		mode = "rx"
	}
	switch {
	case within(d.path, "/root"):
		return "Use a path outside /root: other users can't enter it"
	case d.file.GID != 0:
		return fmt.Sprintf("Let the user in through the group of the directory, then restart the programs. Run: usermod -a -G %s %s && chmod g+%s %s",
			owner.Group(int(d.file.GID)), u.Name, mode, shellQuote(d.path))
	}
	return fmt.Sprintf("Let this user in. Run: setfacl -m u:%s:%s %s", u.Name, mode, shellQuote(d.path))
}

// finding returns the finding with its remedy. Doctor does not read access control
// lists: where there is one, it only warns.
func (d *denial) finding(a about, u User, remedy string) Finding {
	switch {
	case d.file.ACL:
		return a.warning(d.text(u), fmt.Sprintf("See whether the list allows it. Run: getfacl %s", shellQuote(d.path)))
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
		return a.closed("this user can't look at it (%s)", option)
	case err != nil:
		return a.error(option+" can't be examined: "+bare(err), "Create it, or change the option")
	case d != nil:
		return d.finding(a, u, fmt.Sprintf("Run: chgrp %s %s && chmod g+r %[2]s", u.Group, shellQuote(path)))
	}
	return a.ok("user %s can read it (%s)", u.Name, option)
}

// bare returns the cause of err, without the operation and the path.
func bare(err error) string {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err.Error()
	}
	return err.Error()
}
