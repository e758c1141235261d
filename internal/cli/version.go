package cli

import (
	"runtime"
	"runtime/debug"
)

// The build sets these with -ldflags -X.
var (
	version = "1.0.0-dev"
	commit  string
)

// versionLine is what -v prints behind the program's name.
func versionLine() string {
	return version + " (commit " + revision() + ", " + runtime.Version() + ")"
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
