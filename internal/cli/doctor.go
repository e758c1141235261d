package cli

import (
	"errors"
	"io"

	"haproxystats/internal/config"
)

type doctorOptions struct {
	files         config.Files
	user          string
	offline, json bool
}

func examine(doctorOptions, io.Writer, io.Writer) error { return errors.ErrUnsupported }
