package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// pythons are the versions that run the original, best first. It needs
// asyncio.coroutine, which 3.11 no longer has, and on SIGTERM
// asyncio.Task.all_tasks, which 3.9 no longer has.
var pythons = []string{"3.8", "3.7", "3.6", "3.9", "3.10"}

// errNoPython says what to install.
var errNoPython = errors.New(`find a Python for the original: none of python3.6 to python3.10 is on PATH or below ~/.pyenv/versions.
Install one with its venv module, for example
	pyenv install 3.8
or, where the distribution has it,
	apt-get install python3.9 python3.9-venv`)

// findPython returns the path of an interpreter that runs and has venv.
func findPython(ctx context.Context) (string, error) {
	var candidates []string
	for _, version := range pythons {
		installed, err := filepath.Glob(filepath.Join(os.Getenv("HOME"), ".pyenv", "versions", version+".*", "bin", "python"+version))
		if err != nil {
			return "", err
		}
		candidates = append(candidates, installed...)
		if path, err := exec.LookPath("python" + version); err == nil {
			candidates = append(candidates, path)
		}
	}
	for _, path := range candidates {
		// A pyenv shim is on PATH even where its version is not active.
		if exec.CommandContext(ctx, path, "-c", "import venv, ensurepip").Run() == nil {
			return path, nil
		}
	}
	return "", errNoPython
}

// requirements is what pip installs: the last release, and the last pandas that
// it gets along with.
var requirements = []string{"haproxystats==0.5.1", "pandas<2"}

// install makes a virtual environment at dir with the original in it, unless
// there is a finished one, and returns the directory of its programs.
func install(ctx context.Context, dir string) (bin string, err error) {
	bin = filepath.Join(dir, "bin")
	finished := filepath.Join(dir, "installed")
	want := strings.Join(requirements, "\n") + "\n"
	if have, err := os.ReadFile(finished); err == nil && string(have) == want {
		return bin, nil
	}
	python, err := findPython(ctx)
	if err != nil {
		return "", err
	}
	fmt.Fprintf(os.Stderr, "setting up the original in %s with %s\n", dir, python)
	if err := run(ctx, python, "-m", "venv", "--clear", dir); err != nil {
		return "", err
	}
	pip := append([]string{"-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-cache-dir"}, requirements...)
	if err := run(ctx, filepath.Join(bin, "python"), pip...); err != nil {
		return "", fmt.Errorf("%w\n(pip needs PyPI or a mirror; set PIP_INDEX_URL or PIP_FIND_LINKS)", err)
	}
	return bin, os.WriteFile(finished, []byte(want), 0o640)
}

// run runs a command and puts what it printed into the error.
func run(ctx context.Context, name string, args ...string) error {
	if out, err := exec.CommandContext(ctx, name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, out)
	}
	return nil
}
