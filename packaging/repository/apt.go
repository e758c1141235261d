package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/blakesmith/ar"
)

// writeApt writes the indices of a flat repository, which sources name by "./".
func writeApt(dir string, debs []file, date time.Time, key *signer) error {
	var index bytes.Buffer
	var arches []string
	for _, f := range debs {
		control, err := controlOf(filepath.Join(dir, f.name))
		if err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
		arch := field(control, "Architecture")
		if !slices.Contains(arches, arch) {
			arches = append(arches, arch)
		}
		fmt.Fprintf(&index, "%s\nFilename: ./%s\nSize: %d\nSHA256: %s\n\n", strings.TrimSpace(control), f.name, f.size, f.sum)
	}
	slices.Sort(arches)
	var release bytes.Buffer
	fmt.Fprintf(&release, "Origin: haproxystats\nLabel: haproxystats\nSuite: stable\nCodename: stable\nArchitectures: %s\nDate: %s\nSHA256:\n",
		strings.Join(arches, " "), date.Format(time.RFC1123))
	for name, text := range map[string][]byte{"Packages": index.Bytes(), "Packages.gz": zip(index.Bytes())} {
		if err := write(dir, name, text); err != nil {
			return err
		}
	}
	for _, name := range []string{"Packages", "Packages.gz"} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		fmt.Fprintf(&release, " %s %d %s\n", sum(text), len(text), name)
	}
	if err := write(dir, "Release", release.Bytes()); err != nil {
		return err
	}
	return writeSigned(dir, release.Bytes(), key, "Release.gpg", "InRelease")
}

// maxControl bounds the control file of a package, in bytes.
const maxControl = 1 << 20

// controlOf returns the control file of a deb.
func controlOf(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	for members := ar.NewReader(f); ; {
		member, err := members.Next()
		if errors.Is(err, io.EOF) {
			return "", errors.New("it has no control.tar.gz")
		}
		if err != nil {
			return "", err
		}
		if strings.TrimSuffix(member.Name, "/") != "control.tar.gz" {
			continue
		}
		z, err := gzip.NewReader(members)
		if err != nil {
			return "", err
		}
		for archive := tar.NewReader(z); ; {
			h, err := archive.Next()
			if err != nil {
				return "", fmt.Errorf("it has no control file: %w", err)
			}
			if filepath.Clean(h.Name) == "control" {
				text, err := io.ReadAll(io.LimitReader(archive, maxControl))
				return string(text), err
			}
		}
	}
}

// field returns a field of a control file.
func field(control, name string) string {
	for line := range strings.Lines(control) {
		if value, ok := strings.CutPrefix(line, name+":"); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
