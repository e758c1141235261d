package cli

import (
	_ "embed"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
)

// The build may set these with -ldflags -X.
var (
	version string
	commit  string
)

// ownVersion is the version, written in this one place; the Makefile reads it, too.
//
//go:embed VERSION
var ownVersion string

// versionLine is the text that -v prints after the program's name.
func versionLine() string {
	v := version
	if v == "" {
		v = strings.TrimSpace(ownVersion)
	}
	return v + " (commit " + revision() + ", " + runtime.Version() + ")"
}

// revision is the commit that the program was built from.
func revision() string {
	if commit != "" {
		return commit
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				return s.Value
			}
		}
	}
	return "unknown"
}

// addVersion adds the flag that prints the version, also where other arguments are
// wrong. The library's own way has a template, whose package takes a quarter of each
// program: it keeps the linker from leaving out methods that nobody calls.
func addVersion(cmd *cobra.Command, name, shorthand string, stdout io.Writer) {
	cmd.Flags().BoolP("version", shorthand, false, "show version")
	asked := func() bool {
		yes, err := cmd.Flags().GetBool("version")
		return err == nil && yes
	}
	show := func() error {
		_, err := fmt.Fprintf(stdout, "%s %s\n", name, versionLine())
		return err
	}
	if check := cmd.Args; check != nil {
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			if asked() {
				return nil
			}
			return check(cmd, args)
		}
	}
	if run := cmd.RunE; run != nil {
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			if asked() {
				return show()
			}
			return run(cmd, args)
		}
		return
	}
	help := cmd.HelpFunc() // which a command that only has others runs
	cmd.SetHelpFunc(func(c *cobra.Command, args []string) {
		if c == cmd && asked() {
			_ = show()
			return
		}
		help(c, args)
	})
}
