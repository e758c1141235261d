// Gendoc writes docs/configuration.md and docs/man/haproxystats.conf.5: what the
// option table says of every option, and the comment of its field. It is run by
// go generate in internal/config.
package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	docs := filepath.Join("..", "..", "docs")
	err := errors.Join(
		generate(render, ".", filepath.Join(docs, "configuration.md")),
		generate(renderMan, ".", filepath.Join(docs, "man", "haproxystats.conf.5")),
	)
	if err != nil {
		fmt.Fprintln(os.Stderr, "gendoc:", err)
		os.Exit(1)
	}
}

// generate renders the package in dir into a file.
func generate(render func(dir string) ([]byte, error), dir, to string) error {
	page, err := render(dir)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return os.WriteFile(to, page, 0o644)
}
