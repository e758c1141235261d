package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"haproxystats/internal/config"
)

func TestPagesAreUpToDate(t *testing.T) {
	for file, render := range files {
		want, err := render("..")
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join("..", "..", "..", file))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(string(got), "\n")); diff != "" {
			t.Errorf("run `go generate ./internal/config` (-generated +%s):\n%s", file, diff)
		}
	}
}

func TestPageHasEveryOption(t *testing.T) {
	page, err := render("..")
	if err != nil {
		t.Fatal(err)
	}
	rest := string(page)
	for _, s := range config.Sections() {
		_, after, ok := strings.Cut(rest, "\n## ["+s.Title()+"]\n")
		if !ok {
			t.Fatalf("no section %s, or not in its order", s.Name)
		}
		rest = after
		for _, o := range config.Options() {
			if o.Section != s.Name {
				continue
			}
			_, after, ok := strings.Cut(rest, "\n### "+o.Name+"\n\nType: ")
			if !ok {
				t.Fatalf("no option [%s] %s, or not in its order", s.Name, o.Name)
			}
			rest = after
		}
	}
}

func TestManHasEveryOption(t *testing.T) {
	page, err := renderMan("..")
	if err != nil {
		t.Fatal(err)
	}
	rest := string(page)
	for _, s := range config.Sections() {
		_, after, ok := strings.Cut(rest, "\n.SH \"SECTION ["+strings.ReplaceAll(s.Title(), "-", `\-`)+"]\"\n")
		if !ok {
			t.Fatalf("no section %s, or not in its order", s.Name)
		}
		rest = after
		for _, o := range config.Options() {
			if o.Section != s.Name {
				continue
			}
			_, after, ok := strings.Cut(rest, "\n.TP\n\\fB"+strings.ReplaceAll(o.Name, "-", `\-`)+"\\fR\n")
			if !ok {
				t.Fatalf("no option [%s] %s, or not in its order", s.Name, o.Name)
			}
			rest = after
		}
	}
}

func TestGenerate(t *testing.T) {
	page := filepath.Join(t.TempDir(), "docs", "configuration.md")
	if err := generate(render, "..", page); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(page); err != nil || info.Size() == 0 {
		t.Errorf("no page was written: %v", err)
	}
	if err := generate(render, t.TempDir(), page); err == nil {
		t.Error("no error without the structs' source")
	}
}
