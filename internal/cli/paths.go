package cli

import (
	"errors"
	"fmt"
	"io"

	"haproxystats/internal/config"
	"haproxystats/internal/selfstat"
	"haproxystats/internal/sink/graphite"
	"haproxystats/internal/snapshot"
	"haproxystats/internal/spool"
)

type pathsOptions struct {
	files    config.Files
	hostname string
}

// printPaths writes what Graphite would get of the snapshot in dir.
func printPaths(o pathsOptions, dir string, stdout, stderr io.Writer) error {
	recipe, err := newRecipe(o.files, checkGroups, o.hostname, stderr)
	if err != nil {
		return err
	}
	log := newToolLogger(stderr)
	view, err := spool.Look(dir, log)
	if err != nil {
		return err
	}
	defer view.Close()
	batch, _, err := newPipeline(recipe.options, selfstat.Sources{}, log).combine(view.Epoch(), view.FS())
	if err != nil {
		return unusable(dir, err)
	}
	formatter := graphite.NewFormatter(recipe.paths())
	if _, err := formatter.Write(stdout, batch); err != nil {
		return err
	}
	warnSkipped(log, formatter.Skipped())
	return nil
}

// unusable says why nothing can be made of a snapshot.
func unusable(dir string, err error) error {
	hint := ""
	switch {
	case errors.Is(err, snapshot.ErrNoReplies):
		hint = ": a snapshot holds the files SOCKET_info and SOCKET_stat of each socket"
	case errors.Is(err, spool.ErrDamaged):
		hint = ": it has been changed, or the disk has"
	}
	return fmt.Errorf("use snapshot %s: %w%s", dir, err, hint)
}
