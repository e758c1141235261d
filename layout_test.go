// Package haproxystats holds the tests of the module's own layout.
package haproxystats

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// plan returns what each package may import of ours, by the table of
// docs/architecture.md: with ["*"] all.
func plan(t *testing.T) map[string][]string {
	t.Helper()
	text, err := os.ReadFile("docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	allowed := make(map[string][]string)
	for _, row := range tableRow.FindAllStringSubmatch(string(text), -1) {
		var imports []string
		switch list, _, _ := strings.Cut(row[2], ":"); list {
		case "none":
		case "all":
			imports = []string{"*"}
		default:
			for name := range strings.SplitSeq(list, ", ") {
				imports = append(imports, "internal/"+name)
			}
		}
		for name := range strings.SplitSeq(row[1], ", ") {
			allowed[name] = imports
		}
	}
	if len(allowed) == 0 {
		t.Fatal("docs/architecture.md has no table of packages")
	}
	return allowed
}

// tableRow is a row of the table: packages, what they own, imports.
var tableRow = regexp.MustCompile(`(?m)^\| ((?:cmd|internal)/[^|]+) \|[^|]+\| ([^|]+) \|$`)

// outside are the folders that are no part of the programs: they may import
// what they like and must not be linked into the programs.
var outside = []string{"bench", "demo", "dev", "packaging", "test", "internal/dashboard", "internal/haproxysim", "internal/man", "internal/sink/sinktest"}

const module = "haproxystats"

type goPackage struct {
	ImportPath string
	Name       string
	Imports    []string
	Standard   bool
}

func list(t *testing.T, args ...string) []goPackage {
	t.Helper()
	out, err := exec.Command("go", append([]string{"list", "-json=ImportPath,Name,Imports,Standard"}, args...)...).Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("go list: %v\n%s", err, exit.Stderr)
		}
		t.Fatal(err)
	}
	var packages []goPackage
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p goPackage
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return packages
		} else if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
}

// room returns the path of a package within the module.
func room(importPath string) (string, bool) {
	if importPath == module {
		return "", false
	}
	return strings.CutPrefix(importPath, module+"/")
}

func isOutside(room string) bool {
	return slices.ContainsFunc(outside, func(o string) bool { return room == o || strings.HasPrefix(room, o+"/") })
}

func TestImportsFollowThePlan(t *testing.T) {
	allowed := plan(t)
	seen := map[string]bool{}
	for _, p := range list(t, "./cmd/...", "./internal/...") {
		from, ours := room(p.ImportPath)
		generator := p.Name == "main" && strings.HasPrefix(from, "internal/")
		if !ours || generator || from == "internal/sink/sinktest" {
			continue
		}
		seen[from] = true
		may, planned := allowed[from]
		if !planned {
			t.Errorf("%s is not on the plan", from)
			continue
		}
		for _, i := range p.Imports {
			to, ours := room(i)
			if ours && !slices.Contains(may, to) && !slices.Contains(may, "*") {
				t.Errorf("%s must not import %s", from, to)
			}
		}
	}
	for from := range allowed {
		if !seen[from] {
			t.Errorf("%s is on the plan and does not exist", from)
		}
	}
}

func TestProgramsLinkNoTestCode(t *testing.T) {
	for _, p := range list(t, "-deps", "./cmd/...") {
		if p.ImportPath == "testing" || p.ImportPath == "net/http/httptest" || p.ImportPath == "pgregory.net/rapid" {
			t.Errorf("the programs link %s", p.ImportPath)
		}
		if r, ours := room(p.ImportPath); ours && isOutside(r) {
			t.Errorf("the programs link %s", r)
		}
	}
}
