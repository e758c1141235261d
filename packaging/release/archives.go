package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"debug/buildinfo"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// archived is what each archive has at least.
var archived = []string{
	"LICENSE", "README.md", "bin/check_haproxystats", "bin/haproxystats",
	"share/bash-completion/completions/haproxystats", "share/man/man1/haproxystats.1", "share/man/man5/haproxystats.conf.5",
}

// hasArchives looks into the archives for other systems. Their programs can't run here, but
// tell what they were built for.
func (r *release) hasArchives(context.Context) error {
	var errs []error
	for _, system := range r.commands.systems {
		root := "haproxystats-" + r.version.String() + "-" + system
		if err := checkArchive(filepath.Join(r.kept(), root+".tar.gz"), root, system); err != nil {
			errs = append(errs, fmt.Errorf("%s.tar.gz: %w", root, err))
		}
	}
	return errors.Join(errs...)
}

func checkArchive(path, root, system string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return err
	}
	missing := slices.Clone(archived)
	for archive := tar.NewReader(z); ; {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		name, ok := strings.CutPrefix(h.Name, root+"/")
		if !ok {
			return fmt.Errorf("%s is not in %s", h.Name, root)
		}
		missing = slices.DeleteFunc(missing, func(wanted string) bool { return wanted == name && h.Size > 0 })
		if !strings.HasPrefix(name, "bin/") || h.Typeflag != tar.TypeReg {
			continue
		}
		program, err := io.ReadAll(archive)
		if err == nil {
			err = isFor(program, system)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("it lacks %s", strings.Join(missing, ", "))
	}
	return nil
}

// isFor checks that a program was built for a system.
func isFor(program []byte, system string) error {
	info, err := buildinfo.Read(bytes.NewReader(program))
	if err != nil {
		return err
	}
	settings := make(map[string]string)
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	if got := settings["GOOS"] + "-" + settings["GOARCH"]; got != system {
		return fmt.Errorf("it was built for %s", got)
	}
	return nil
}
