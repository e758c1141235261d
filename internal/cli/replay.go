package cli

import (
	"errors"
	"io"
	"time"

	"haproxystats/internal/config"
)

type replayOptions struct {
	files    config.Files
	from, to int64
	rate     int
	patience time.Duration
	hostname string
	dryRun   bool
}

func replay(replayOptions, string, io.Writer) error { return errors.ErrUnsupported }
