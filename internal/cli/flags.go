package cli

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"haproxystats/internal/config"
)

// expected says what a flag of that type takes. Go's own texts for a wrong value are
// about functions that users do not know.
var expected = map[string]string{
	"int":      "a whole number",
	"int64":    "a whole number",
	"float64":  "a number",
	"duration": "a time with its unit, as in 90s, 5m or 1h30m",
	"bool":     "true or false",
	"count":    "a whole number",
}

// warn prints what does not stop a program but will surprise.
func warn(stderr io.Writer, program string, warnings []config.Problem) {
	for _, w := range warnings {
		fmt.Fprintf(stderr, "%s: warning: %v\n", program, w)
	}
}

// flagError says what is wrong with the command line, and where to look.
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
