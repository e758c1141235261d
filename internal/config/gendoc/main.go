// Gendoc writes docs/configuration.md: what the option table says of every
// option, and the comment of its field. It is run by go generate in
// internal/config.
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	if err := generate(".", filepath.Join("..", "..", "docs", "configuration.md")); err != nil {
		fmt.Fprintln(os.Stderr, "gendoc:", err)
		os.Exit(1)
	}
}

// generate renders the package in dir into a file.
func generate(dir, to string) error {
	page, err := render(dir)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return os.WriteFile(to, page, 0o644)
}
