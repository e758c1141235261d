package main

import (
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// sumsFile is what `sha256sum --check` reads.
const sumsFile = "SHA256SUMS"

// writeSums writes the checksums of all files below dir, itself left out.
func writeSums(dir string) error {
	var text strings.Builder
	err := eachFile(dir, func(name string, f *os.File, _ int64) error {
		if name == sumsFile {
			return nil
		}
		h := sha256.New()
		if _, err := io.Copy(h, f); err != nil {
			return err
		}
		fmt.Fprintf(&text, "%x  %s\n", h.Sum(nil), name)
		return nil
	})
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, sumsFile), []byte(text.String()), 0o644)
}

// eachFile visits the files below dir in the order of their names.
func eachFile(dir string, visit func(name string, f *os.File, size int64) error) error {
	return filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		if !e.Type().IsRegular() {
			return fmt.Errorf("%s is not a regular file", name)
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		info, err := f.Stat()
		if err != nil {
			return err
		}
		return visit(name, f, info.Size())
	})
}
