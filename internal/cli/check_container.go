package cli

import (
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"

	"haproxystats/internal/config"
)

// ofProcess1 returns the name of the program that is process 1, and the files to
// read: those of the command line, else those that process 1 reads. Root is the root
// of the files.
func (o *checkOptions) ofProcess1(root fs.FS) (first string, files config.Files, err error) {
	line, err := fs.ReadFile(root, "proc/1/cmdline")
	if err != nil {
		return "", files, fmt.Errorf("look at process 1: %w", err)
	}
	args := strings.Split(strings.TrimSuffix(string(line), "\x00"), "\x00")
	first, files = filepath.Base(args[0]), o.files
	if files.Required || files.Dir != "" {
		return first, files, nil
	}
	// The plugin makes no program, because it would link all that the program does.
	for _, name := range []config.Program{config.ForPull, config.ForProcess, config.ForCentral} {
		if string(name) != first {
			continue
		}
		cmd := newProgramFlags(name, "", new(flags), io.Discard, nil)
		if err := cmd.ParseFlags(args[1:]); err != nil {
			return "", files, fmt.Errorf("read the command line of %s: %w", first, err)
		}
		file := cmd.Flags().Lookup("file")
		files = config.Files{File: file.Value.String(), Required: file.Changed, Dir: cmd.Flags().Lookup("dir").Value.String(), Elsewhere: o.files.Elsewhere}
	}
	return first, files, nil
}
