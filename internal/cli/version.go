package cli

import (
	_ "embed"
	"runtime"
	"runtime/debug"
	"strings"
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
