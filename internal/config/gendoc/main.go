// Gendoc writes what follows from the table of options: docs/configuration.md and
// docs/man/haproxystats.conf.5, with the comment of each option's field, and the
// lists of options of the Puppet module, the Ansible role and the Helm chart. It is run by
// go generate in internal/config.
package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	var err error
	for file, render := range files {
		err = errors.Join(err, generate(render, ".", filepath.Join("..", "..", file)))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "gendoc:", err)
		os.Exit(1)
	}
}

// files are what is generated, by path in the module. Each is rendered of the
// package in a directory.
var files = map[string]func(dir string) ([]byte, error){
	"docs/configuration.md":                                    render,
	"docs/man/haproxystats.conf.5":                             renderMan,
	"contrib/puppet/haproxystats/types/configuration.pp":       renderPuppet,
	"contrib/puppet/haproxystats/types/named.pp":               renderPuppetNamed,
	"contrib/puppet/haproxystats/functions/section.pp":         renderPuppetSection,
	"contrib/ansible/roles/haproxystats/vars/main/options.yml": renderAnsible,
	"contrib/helm/haproxystats/values.schema.json":             renderChart,
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
