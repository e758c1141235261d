package cli

import (
	"errors"
	"io"

	"haproxystats/internal/config"
)

type pathsOptions struct {
	files    config.Files
	hostname string
}

func printPaths(pathsOptions, string, io.Writer, io.Writer) error { return errors.ErrUnsupported }
