package cli

import (
	"cmp"
	"errors"
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
	cluster  string
	format   string
}

func (o pathsOptions) output(hostname string, stderr io.Writer) app.PathsOptions {
	return app.PathsOptions{Format: o.format, Hostname: hostname, Version: versionLine(), Log: newToolLogger(stderr)}
}

// printPaths writes the metrics that an output would get of the snapshot in dir.
func printPaths(o pathsOptions, dir string, stdout, stderr io.Writer) error {
	replay, err := newReplayConfig(o.files, app.CheckPatterns, o.hostname, stderr)
	if err != nil {
		return err
	}
	snapshot := firstOf(dir)
	if snapshot == "" {
		if isSame(dir, replay.config.Process.SrcDir) {
			return fmt.Errorf("no snapshot waits in %s: stop haproxystats-process, and try again after the next round of haproxystats-pull", dir)
		}
		snapshot = dir
	}
	return app.WritePaths(stdout, replay.config, snapshot, o.output(replay.hostname, stderr))
}

// printClusterPaths writes the metrics that an output would get of a cluster with the
// snapshots in dirs.
func printClusterPaths(o pathsOptions, dirs []string, stdout, stderr io.Writer) error {
	if o.hostname != "" {
		return errors.New("--hostname has no effect with --cluster: leave it out")
	}
	loaded, err := loadForTool(config.ForCentral, o.files, app.CheckPatterns, stderr)
	if err != nil {
		return err
	}
	if err := config.CheckClusterName(o.cluster); err != nil {
		return fmt.Errorf("--cluster %s: %w", o.cluster, err)
	}
	var snapshots []string
	for _, dir := range dirs {
		snapshot := cmp.Or(firstOf(dir), dir)
		for _, other := range snapshots {
			if isSame(other, snapshot) {
				return fmt.Errorf("%s is there twice: name one snapshot of each node", snapshot)
			}
		}
		snapshots = append(snapshots, snapshot)
	}
	return app.WriteClusterPaths(stdout, &loaded.Config, o.cluster, snapshots, o.output("", stderr))
}

// firstOf returns the oldest snapshot of a spool, or nothing if dir is not a spool or has
// none.
func firstOf(dir string) string {
	entries, err := spool.List(dir)
	if err != nil || len(entries) == 0 {
		return ""
	}
	return entries[0].Path
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
