package container

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// The wheel of PyPI that carries Kubernetes' schemas.
const (
	schemaWheel   = "kubernetes-validate"
	schemaVersion = "1.37.0"
)

// schemas returns the path of the wheel, from the user's cache or from PyPI.
var schemas = sync.OnceValues(func() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find %s: %w", schemaWheel, err)
	}
	dir := filepath.Join(cache, "haproxystats", schemaWheel+"-"+schemaVersion)
	if wheel, err := onlyWheel(dir); err == nil {
		return wheel, nil
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o750); err != nil {
		return "", fmt.Errorf("find %s: %w", schemaWheel, err)
	}
	tmp, err := os.MkdirTemp(filepath.Dir(dir), "download-")
	if err != nil {
		return "", fmt.Errorf("find %s: %w", schemaWheel, err)
	}
	defer os.RemoveAll(tmp)
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	pip := []string{"pip3"}
	if _, err := exec.LookPath(pip[0]); err != nil {
		pip = []string{"/usr/bin/python3", "-m", "pip"}
	}
	download := exec.CommandContext(ctx, pip[0], append(pip[1:], "download", "--quiet", "--no-deps", "--only-binary=:all:",
		"--disable-pip-version-check", "--dest", tmp, schemaWheel+"=="+schemaVersion)...)
	if out, err := download.CombinedOutput(); err != nil {
		return "", fmt.Errorf("download %s: %w: %s", schemaWheel, err, out)
	}
	// Another test program may have been faster: its copy is as good.
	if err := os.Rename(tmp, dir); err != nil && !errors.Is(err, os.ErrExist) {
		return "", fmt.Errorf("find %s: %w", schemaWheel, err)
	}
	return onlyWheel(dir)
})

// needSchemas skips a test where there are none; where CI=true it fails.
func needSchemas(t *testing.T) (wheel string) {
	t.Helper()
	wheel, err := schemas()
	if err != nil && os.Getenv("CI") != "true" {
		t.Skip(err)
	}
	must(t, err)
	return wheel
}

// onlyWheel returns the wheel in a directory, if it is whole.
func onlyWheel(dir string) (string, error) {
	wheels, err := filepath.Glob(filepath.Join(dir, "*.whl"))
	if err != nil || len(wheels) != 1 {
		return "", fmt.Errorf("%d wheels in %s, want 1", len(wheels), dir)
	}
	z, err := zip.OpenReader(wheels[0])
	if err != nil {
		return "", err
	}
	return wheels[0], z.Close()
}
