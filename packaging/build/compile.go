package main

import (
	"context"
	"debug/buildinfo"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// program is a file that was compiled.
type program struct {
	name, arch, path string
	info             *buildinfo.BuildInfo
}

func stagePath(stage, arch string) string { return filepath.Join(stage, arch) }

// compile compiles every command below cmd for each architecture into its bin.
func compile(ctx context.Context, o order, stage string) ([]program, error) {
	commands, err := os.ReadDir("cmd")
	if err != nil {
		return nil, fmt.Errorf("%w: run this at the root of a checkout", err)
	}
	var programs []program
	for _, arch := range o.arches {
		bin := filepath.Join(stagePath(stage, arch), "bin")
		if err := os.MkdirAll(bin, 0o755); err != nil {
			return nil, err
		}
		cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false",
			"-ldflags", "-s -w -X haproxystats/internal/cli.version="+o.version+" -X haproxystats/internal/cli.commit="+o.commit,
			"-o", bin+"/", "./cmd/...")
		// Whatever else the environment asks of Go would change what is built.
		cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH="+arch, "GOAMD64=v1", "GOARM64=v8.0",
			"CGO_ENABLED=0", "GOFLAGS=-mod=readonly", "GOEXPERIMENT=", "GODEBUG=", "GOWORK=off")
		if out, err := cmd.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("compile for %s: %w\n%s", arch, err, strings.TrimSpace(string(out)))
		}
		for _, c := range commands {
			path := filepath.Join(bin, c.Name())
			info, err := buildinfo.ReadFile(path)
			if err == nil {
				err = os.Chmod(path, 0o755) // whatever the umask is
			}
			if err != nil {
				return nil, err
			}
			programs = append(programs, program{c.Name(), arch, path, info})
		}
	}
	return programs, nil
}
