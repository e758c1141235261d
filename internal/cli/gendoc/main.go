// Gendoc writes the manual pages and the completion of the programs, from their
// command lines and the texts beside this file. Go generate runs it in internal/cli.
// A new program is added to cli.Commands and gets a text here.
package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"haproxystats/internal/cli"
)

func main() {
	if err := generate(".", filepath.Join("..", "..")); err != nil {
		fmt.Fprintln(os.Stderr, "gendoc:", err)
		os.Exit(1)
	}
}

// generate writes the files of all programs below root. The package in dir has their
// version.
func generate(dir, root string) error {
	version, err := readVersion(dir)
	if err != nil {
		return err
	}
	for _, cmd := range cli.Commands() {
		page, err := manual(cmd, version)
		if err != nil {
			return fmt.Errorf("manual of %s: %w", cmd.Name(), err)
		}
		files := map[string][]byte{filepath.Join("docs", "man", cmd.Name()+".1"): page}
		for _, s := range shells {
			script, err := s.script(cmd)
			if err != nil {
				return fmt.Errorf("completion of %s: %w", cmd.Name(), err)
			}
			files[filepath.Join("contrib", "completion", s.name, s.file(cmd.Name()))] = script
		}
		for file, content := range files {
			if err := write(filepath.Join(root, file), content); err != nil {
				return err
			}
		}
	}
	return nil
}

func write(file string, content []byte) error {
	return errors.Join(
		os.MkdirAll(filepath.Dir(file), 0o755),
		os.WriteFile(file, content, 0o644),
	)
}
