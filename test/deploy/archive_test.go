package deploy

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
)

// archive returns a package of the programs and units as they are in this
// checkout. It has what the tests look at, and neither scripts nor documents.
var archive = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "haproxystats-package-")
	if err != nil {
		return "", err
	}
	deb, err := pack(dir)
	return deb, errors.Join(err, os.RemoveAll(dir))
})

func pack(dir string) (string, error) {
	tree, file := filepath.Join(dir, "tree"), filepath.Join(dir, "haproxystats.deb")
	bin, units := filepath.Join(tree, "usr/bin"), filepath.Join(tree, "lib/systemd/system")
	control := filepath.Join(tree, "DEBIAN")
	for _, d := range []string{bin, units, control} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return "", err
		}
	}
	text := "Package: haproxystats\nVersion: 1.0.0\nArchitecture: all\nMaintainer: nobody <nobody@example.com>\nDescription: for a test\n"
	if err := os.WriteFile(filepath.Join(control, "control"), []byte(text), 0o644); err != nil {
		return "", err
	}
	for _, unit := range []string{"haproxystats-pull.service", "haproxystats-process.service"} {
		data, err := os.ReadFile(filepath.Join("../../contrib/systemd", unit))
		if err != nil {
			return "", err
		}
		if err := os.WriteFile(filepath.Join(units, unit), data, 0o644); err != nil {
			return "", err
		}
	}
	err := errors.Join(
		command("go", "build", "-o", bin+"/", "haproxystats/cmd/haproxystats-pull", "haproxystats/cmd/haproxystats-process"),
		command("dpkg-deb", "-Znone", "--root-owner-group", "--build", tree, file))
	if err != nil {
		return "", err
	}
	deb, err := os.ReadFile(file)
	return string(deb), err
}

func command(name string, args ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if out, err := exec.CommandContext(ctx, name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, out)
	}
	return nil
}
