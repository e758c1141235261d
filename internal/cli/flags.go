package cli

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"haproxystats/internal/config"
)

// expected names the values that a flag of a type accepts. Go's own texts for a
// wrong value name functions that users do not know.
var expected = map[string]string{
	"int":      "a whole number",
	"int64":    "a whole number",
	"float64":  "a number",
	"duration": "a time with its unit, as in 90s, 5m or 1h30m",
	"bool":     "true or false",
	"count":    "a whole number",
}

// warn prints warnings about the configuration.
func warn(stderr io.Writer, program string, warnings []config.Problem) {
	for _, w := range warnings {
		fmt.Fprintf(stderr, "%s: warning: %v\n", program, w)
	}
}

// flagError adds to an error of the command line where to find help.
func flagError(_ *cobra.Command, err error) error {
	var invalid *pflag.InvalidValueError
	if errors.As(err, &invalid) {
		f := invalid.GetFlag()
		if want, ok := expected[f.Value.Type()]; ok {
			return fmt.Errorf("--%s %q: expected %s: see -h", f.Name, invalid.GetValue(), want)
		}
	}
	return fmt.Errorf("%w: see -h", err)
}
