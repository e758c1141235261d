package cli

import (
	"fmt"
	"io"
	"os"

	"haproxystats/internal/app"
	"haproxystats/internal/config"
	"haproxystats/internal/spool"
)

type pathsOptions struct {
	files    config.Files
	hostname string
}

// printPaths writes the lines that Graphite would get of the snapshot in dir.
func printPaths(o pathsOptions, dir string, stdout, stderr io.Writer) error {
	replay, err := newReplayConfig(o.files, app.CheckGroups, o.hostname, stderr)
	if err != nil {
		return err
	}
	entries, err := spool.List(dir)
	switch {
	case err == nil && len(entries) > 0:
		dir = entries[0].Path // of a spool, the oldest snapshot
	case err == nil && isSame(dir, replay.config.Process.SrcDir):
		return fmt.Errorf("no snapshot waits in %s: stop haproxystats-process, and try again after the next round of haproxystats-pull", dir)
	}
	log := newToolLogger(stderr)
	return app.WritePaths(stdout, replay.config, replay.hostname, dir, log)
}

// isSame reports whether two paths lead to the same file.
func isSame(path, other string) bool {
	first, err := os.Stat(path)
	if err != nil {
		return false
	}
	second, err := os.Stat(other)
	return err == nil && os.SameFile(first, second)
}
