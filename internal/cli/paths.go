package cli

import (
	"io"

	"haproxystats/internal/app"
	"haproxystats/internal/config"
)

type pathsOptions struct {
	files    config.Files
	hostname string
}

// printPaths writes what Graphite would get of the snapshot in dir.
func printPaths(o pathsOptions, dir string, stdout, stderr io.Writer) error {
	recipe, err := newRecipe(o.files, app.CheckGroups, o.hostname, stderr)
	if err != nil {
		return err
	}
	log := newToolLogger(stderr)
	skipped, err := app.WritePaths(stdout, recipe.config, recipe.hostname, dir, log)
	if err != nil {
		return err
	}
	warnSkipped(log, skipped)
	return nil
}
