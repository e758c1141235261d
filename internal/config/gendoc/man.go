package main

import (
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"haproxystats/internal/config"
	"haproxystats/internal/man"
)

// manText is what comes behind the options.
//
//go:embed man.md
var manText string

// renderMan makes haproxystats.conf(5) of the structs in dir.
func renderMan(dir string) ([]byte, error) {
	comments, err := fieldComments(filepath.Join(dir, "config.go"))
	if err != nil {
		return nil, err
	}
	version, err := os.ReadFile(filepath.Join(dir, "..", "cli", "VERSION"))
	if err != nil {
		return nil, err
	}
	_, description, _ := strings.Cut(intro, "\n")
	page := man.New("haproxystats.conf", 5, "haproxystats "+strings.TrimSpace(string(version)), "File Formats Manual",
		"configuration of the programs of haproxystats")
	page.Section("SYNOPSIS")
	page.Usage("`" + config.DefaultFile + "`")
	page.Section("DESCRIPTION")
	page.Text(description)
	for _, s := range config.Sections() {
		page.Section("SECTION [" + s.Title() + "]")
		text, err := comments.of("Config", s.Field)
		if err != nil {
			return nil, err
		}
		page.Text(fmt.Sprintf("For %s.\n\n%s", programs(s), text))
		for _, o := range config.Options() {
			if o.Section != s.Name {
				continue
			}
			text, err := comments.of(structOf(s, o), o.Field())
			if err != nil {
				return nil, fmt.Errorf("[%s] %s: %w", s.Name, o.Name, err)
			}
			page.Define("`"+o.Name+"`", text+"\n"+facts(o))
		}
	}
	page.Text(manText)
	return page.Bytes()
}
