package deploy

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
)

// archive returns the Debian package of what this checkout holds.
var archive = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "haproxystats-package-")
	if err != nil {
		return "", err
	}
	deb, err := pack(dir)
	return deb, errors.Join(err, os.RemoveAll(dir))
})

func pack(dir string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", "run", "./packaging/build",
		"-version", "1.0.0", "-commit", "test", "-date", "1700000000", "-arches", runtime.GOARCH, "-out", dir)
	cmd.Dir = "../.."
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the package: %w: %s", err, out)
	}
	found, err := filepath.Glob(filepath.Join(dir, "*.deb"))
	if err != nil || len(found) != 1 {
		return "", fmt.Errorf("build the package: there is no one .deb: %q", found)
	}
	deb, err := os.ReadFile(found[0])
	return string(deb), err
}
