package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"haproxystats/internal/owner"
)

// Directory is a directory that a program writes in.
type Directory struct {
	Option, Path string
	// Beside lists endings: the program makes the directory Path plus each of them,
	// where missing.
	Beside []string
	// NoLinks lists further paths that must not be links, nor may what is beside them.
	NoLinks []string
	// Made reports whether the program's unit makes the directory, or one above it,
	// before the program starts.
	Made bool
}

// Writable judges whether the user can use a directory and make what is missing.
func Writable(files Files, u User, d Directory) Finding {
	a := about{"directory", d.Path}
	f, err := files.Stat(d.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return missing(files, u, a, d)
	case errors.Is(err, fs.ErrPermission):
		return a.closed("this user can't look at %s", d.Option)
	case err != nil:
		return a.error(d.Option+" can't be examined: "+bare(err), "Correct its permissions or the disk, or change the option")
	case !f.Mode.IsDir():
		return a.error(d.Option+" is not a directory", "Move it away, or change the option")
	}
	denied, err := u.denied(files, d.Path, read|write|execute)
	if err != nil {
		return a.skipped("%s can't be examined: %v", d.Option, err)
	}
	for _, path := range append(paths(d.Path, d.Beside), d.NoLinks...) {
		if real, err := files.Real(path); err == nil && real != besideReal(files, path) {
			return a.error(fmt.Sprintf("%s is a link, to %s, which the program refuses to follow", path, real),
				"Remove the link, and mount or make a directory in its place: "+shellQuote(path))
		}
	}
	if denied != nil {
		return denied.finding(a, u, fmt.Sprintf("Run: chown -R %s:%s %s", u.Name, u.Group, shellQuote(denied.path)))
	}
	for _, ending := range d.Beside {
		if _, err := files.Stat(d.Path + ending); !errors.Is(err, fs.ErrNotExist) {
			continue
		}
		denied, err := u.denied(files, filepath.Dir(d.Path), write|execute)
		if err != nil || denied == nil {
			break
		}
		f := denied.finding(a, u, fmt.Sprintf("Run: chown %s:%s %s", u.Name, u.Group, shellQuote(denied.path)))
		f.Text = fmt.Sprintf("%s can't be made beside %s: %s", filepath.Base(d.Path)+ending, d.Option, f.Text)
		return f
	}
	if f.Mode.Perm()&write != 0 && f.Mode&fs.ModeSticky == 0 {
		return a.warning(fmt.Sprintf("everybody can write in %s, which %s", d.Option, f), "Run: chmod 0750 "+shellQuote(d.Path))
	}
	if u.UID == 0 && f.UID != 0 {
		return asRoot(a, f, d.Option, d.Path)
	}
	return a.ok("user %s can use %s", u.Name, d.Option)
}

// paths returns dir with each of the endings.
func paths(dir string, endings []string) []string {
	var all []string
	for _, e := range endings {
		all = append(all, dir+e)
	}
	return all
}

// besideReal returns the path with links resolved in its directory, but not in its
// last part.
func besideReal(files Files, path string) string {
	dir, err := files.Real(filepath.Dir(path))
	if err != nil {
		return path
	}
	return filepath.Join(dir, filepath.Base(path))
}

// asRoot warns when root runs the programs on another user's directory.
func asRoot(a about, f File, what, path string) Finding {
	return a.warning(fmt.Sprintf("user root would write in %s, which %s: later that user can't use the files that root makes there", what, f),
		fmt.Sprintf("Run the programs as user %s, also by hand. To repair what root has made, run: chown -R %[1]s: %s", owner.User(int(f.UID)), shellQuote(path)))
}

// missing judges whether a directory can be made.
func missing(files Files, u User, a about, d Directory) Finding {
	if d.Made {
		return a.ok("%s does not exist yet, and the unit makes it", d.Option)
	}
	above, err := existing(files, d.Path)
	if errors.Is(err, errDangling) {
		return a.error(fmt.Sprintf("%s can't be made: %s is a link whose target does not exist", d.Option, above), "Mount or make the target, or change the option. To see the target, run: readlink "+shellQuote(above))
	}
	if err != nil {
		return a.skipped("%s does not exist yet, and %s can't be examined: %s", d.Option, above, bare(err))
	}
	denied, err := u.denied(files, above, write|execute)
	switch {
	case err != nil:
		return a.skipped("%s does not exist yet, and %s can't be examined: %s", d.Option, above, bare(err))
	case denied != nil:
		next, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(d.Path, above), "/"), "/")
		f := denied.finding(a, u, fmt.Sprintf("Run: install -d -o %s -g %s -m 0750 %s", u.Name, u.Group, shellQuote(filepath.Join(above, next))))
		f.Text = d.Option + " does not exist and can't be made: " + f.Text
		return f
	}
	if f, err := files.Stat(above); err == nil && u.UID == 0 && f.UID != 0 {
		return asRoot(a, f, above+" for "+d.Option, above)
	}
	return a.ok("%s does not exist yet, and user %s can make it", d.Option, u.Name)
}
