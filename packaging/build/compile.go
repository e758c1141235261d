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
	name string
	target
	path string
	info *buildinfo.BuildInfo
}

// target is what a program is compiled for, as Go names it.
type target struct{ system, arch string }

func (t target) String() string { return t.system + "/" + t.arch }

// parseTarget reads a target as [target.String] writes it.
func parseTarget(text string) (target, error) {
	system, arch, ok := strings.Cut(text, "/")
	if !ok || system == "" || arch == "" || strings.ContainsAny(arch, "/.") || strings.Contains(system, ".") {
		return target{}, fmt.Errorf("%q: expected a system and an architecture, as darwin/arm64", text)
	}
	return target{system, arch}, nil
}

func stagePath(stage, arch string) string { return filepath.Join(stage, arch) }

// portable are the commands that run on other systems than Linux.
var portable = []string{"check_haproxystats", "haproxystats"}

// compile compiles every command below cmd for each architecture into its bin, and those
// that are portable for the other systems.
func compile(ctx context.Context, o order, stage string) ([]program, error) {
	entries, err := os.ReadDir("cmd")
	if err != nil {
		return nil, fmt.Errorf("%w: run this at the root of a checkout", err)
	}
	var commands []string
	for _, e := range entries {
		commands = append(commands, e.Name())
	}
	var programs []program
	for _, arch := range o.arches {
		made, err := compileFor(ctx, o, target{"linux", arch}, commands, filepath.Join(stagePath(stage, arch), "bin"))
		if err != nil {
			return nil, err
		}
		programs = append(programs, made...)
	}
	for _, t := range o.others {
		made, err := compileFor(ctx, o, t, portable, filepath.Join(stage, t.system+"-"+t.arch, "bin"))
		if err != nil {
			return nil, err
		}
		programs = append(programs, made...)
	}
	return programs, nil
}

// compileFor compiles commands for a target into bin.
func compileFor(ctx context.Context, o order, t target, commands []string, bin string) ([]program, error) {
	if err := os.MkdirAll(bin, 0o755); err != nil {
		return nil, err
	}
	args := []string{
		"build", "-trimpath", "-buildvcs=false",
		"-ldflags", "-s -w -X haproxystats/internal/cli.version=" + o.version + " -X haproxystats/internal/cli.commit=" + o.commit,
		"-o", bin + "/",
	}
	for _, name := range commands {
		args = append(args, "./cmd/"+name)
	}
	cmd := exec.CommandContext(ctx, "go", args...)
	// Whatever else the environment asks of Go would change what is built.
	cmd.Env = append(os.Environ(), "GOOS="+t.system, "GOARCH="+t.arch, "GOAMD64=v1", "GOARM64=v8.0",
		"CGO_ENABLED=0", "GOFLAGS=-mod=readonly", "GOEXPERIMENT=", "GODEBUG=", "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("compile for %v: %w\n%s", t, err, strings.TrimSpace(string(out)))
	}
	var programs []program
	for _, name := range commands {
		path := filepath.Join(bin, name)
		info, err := buildinfo.ReadFile(path)
		if err == nil {
			err = os.Chmod(path, 0o755) // whatever the umask is
		}
		if err != nil {
			return nil, err
		}
		programs = append(programs, program{name, t, path, info})
	}
	return programs, nil
}
