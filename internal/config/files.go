package config

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"haproxystats/internal/config/ini"
)

// DefaultFile is the file that is read when none is named.
const DefaultFile = "/etc/haproxystats.conf"

// Files are the files to read.
type Files struct {
	// File is read first.
	File string
	// Required is true if File must exist, because the operator named it. Otherwise a
	// missing file means defaults.
	Required bool
	// Dir, unless empty, is a directory whose files *.conf are read after File, in the
	// order of their names. A later file overrides an earlier one.
	Dir string
	// Elsewhere is true for a reader that need not have the environment of the programs. An
	// option whose value needs a variable that is not set is then left out, and listed in
	// [Loaded.Unset], instead of refused.
	Elsewhere bool
}

// maxFile bounds the memory that a file can take.
const maxFile = 8 << 20

// source is a file that has been read.
type source struct {
	name string
	data []byte
}

// read reads the files. A notice says that defaults apply.
func (f Files) read() (sources []source, notice string, problems []Problem) {
	data, err := readAll(f.File, false)
	switch {
	case f.File == "":
		problems = append(problems, Problem{Reason: "the file's name is empty", Hint: "Name a file after -f, or leave -f out"})
	case err == nil:
		sources = append(sources, source{f.File, data})
	case errors.Is(err, fs.ErrNotExist) && !f.Required:
		notice = f.File + " does not exist: defaults apply"
	default:
		problems = append(problems, unreadable(f.File, err))
	}
	further, err := f.Further()
	if err != nil {
		return sources, notice, append(problems, Problem{
			Pos: ini.Pos{File: f.Dir}, Reason: cause(err),
			Hint: "Make sure that the directory for further files exists and is readable",
		})
	}
	for _, name := range further {
		data, err := readAll(name, true)
		if err != nil {
			problems = append(problems, unreadable(name, err))
			continue
		}
		sources = append(sources, source{name, data})
	}
	return sources, notice, problems
}

// Further returns the files of Dir that are read, in their order.
func (f Files) Further() ([]string, error) {
	if f.Dir == "" {
		return nil, nil
	}
	entries, err := os.ReadDir(f.Dir)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries { // sorted by name
		if filepath.Ext(e.Name()) == ".conf" && !strings.HasPrefix(e.Name(), ".") {
			names = append(names, filepath.Join(f.Dir, e.Name()))
		}
	}
	return names, nil
}

func unreadable(name string, err error) Problem {
	return Problem{Pos: ini.Pos{File: name}, Reason: cause(err), Hint: fileHint(err)}
}

// fileHint returns what to do about a file that could not be read.
func fileHint(err error) string {
	return cmp.Or(hintOf(err), "Make sure that the file exists and is readable")
}

// readAll reads a file of bounded size. With regular it refuses anything but a
// regular file, because a pipe would block; only a file that the operator named
// himself may be a pipe.
func readAll(name string, regular bool) ([]byte, error) {
	flags := os.O_RDONLY
	if regular {
		flags |= syscall.O_NONBLOCK
	}
	f, err := os.OpenFile(name, flags, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if regular {
		info, err := f.Stat()
		if err != nil {
			return nil, err
		}
		if !info.Mode().IsRegular() {
			return nil, &hinted{"not a regular file", "Name a regular file"}
		}
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxFile {
		return nil, &hinted{fmt.Sprintf("longer than %d bytes", maxFile), "Check that this is the right file"}
	}
	return data, nil
}

// cause returns the text of an error without the operation and the path, which the
// message has already.
func cause(err error) string {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err.Error()
	}
	return err.Error()
}
