package main

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// script puts an executable shell script at path.
func script(t *testing.T, path, body string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+body+"\n"), 0o750); err != nil {
		t.Fatal(err)
	}
}

func TestFindPython(t *testing.T) {
	home, path := t.TempDir(), t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("PATH", path)
	if found, err := findPython(t.Context()); !errors.Is(err, errNoPython) {
		t.Errorf("without any Python: %q, %v", found, err)
	}
	// A pyenv shim whose version is not active is there, and fails.
	script(t, filepath.Join(path, "python3.8"), "exit 1")
	if found, err := findPython(t.Context()); !errors.Is(err, errNoPython) {
		t.Errorf("with a shim that fails: %q, %v", found, err)
	}
	last := filepath.Join(path, "python3.9")
	script(t, last, "exit 0")
	if found, err := findPython(t.Context()); err != nil || found != last {
		t.Errorf("findPython = %q, %v, want %s", found, err, last)
	}
	best := filepath.Join(home, ".pyenv/versions/3.8.18/bin/python3.8")
	script(t, best, "exit 0")
	if found, err := findPython(t.Context()); err != nil || found != best {
		t.Errorf("findPython = %q, %v, want %s", found, err, best)
	}
}

// The interpreter is a script that makes what venv and pip would make.
func TestInstallOnce(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	log := filepath.Join(home, "log")
	script(t, filepath.Join(home, ".pyenv/versions/3.8.18/bin/python3.8"), `echo "$@" >>`+log+`
test "$2" = venv || exit 0
mkdir -p "$4/bin" && cp "$0" "$4/bin/python"`)
	dir := filepath.Join(home, "cache", "original")
	for range 2 {
		bin, err := install(t.Context(), dir)
		if err != nil || bin != filepath.Join(dir, "bin") {
			t.Fatalf("install = %q, %v", bin, err)
		}
	}
	got, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	want := "-c import venv, ensurepip\n-m venv --clear " + dir +
		"\n-m pip install --quiet --disable-pip-version-check --no-cache-dir haproxystats==0.5.1 pandas<2\n"
	if string(got) != want {
		t.Errorf("ran\n%swant\n%s", got, want)
	}
}
