package durable

import (
	"os"

	"golang.org/x/sys/unix"
)

// Link gives a file of the directory another name in a directory of the same file
// system, which may be the same directory. The error satisfies errors.Is(err,
// [fs.ErrExist]) if that name is in use.
func (d *Dir) Link(name string, to *Dir, as string) error {
	err := d.control(func(from int) error {
		return to.control(func(into int) error { return unix.Linkat(from, name, into, as, 0) })
	})
	if err == nil {
		return nil
	}
	return &os.LinkError{Op: "link", Old: d.join(name), New: to.join(as), Err: err}
}
