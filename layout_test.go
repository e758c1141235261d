// Package haproxystats holds the tests of the module's own layout.
package haproxystats

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// allowed says what each package may import of the module, as the table of
// docs/architecture.md does. Data flows one way: nothing on the right is
// imported by anything on its left, and cli alone wires.
var allowed = map[string][]string{
	"cmd/haproxystats":         {"internal/cli"},
	"cmd/check_haproxystats":   {"internal/cli"},
	"cmd/haproxystats-pull":    {"internal/cli"},
	"cmd/haproxystats-process": {"internal/cli"},
	"internal/cli":             {"*"},
	"internal/config":          {"internal/config/ini", "internal/haproxy"},
	"internal/config/ini":      {},
	"internal/account":         {},
	"internal/haproxy":         {"internal/account"},
	"internal/spool":           {"internal/account"},
	"internal/pull":            {},
	"internal/snapshot":        {"internal/haproxy"},
	"internal/metric":          {},
	"internal/aggregate":       {"internal/haproxy", "internal/metric", "internal/snapshot"},
	"internal/pattern":         {},
	"internal/process":         {"internal/aggregate", "internal/metric", "internal/snapshot"},
	"internal/sink":            {"internal/metric"},
	"internal/sink/graphite":   {"internal/metric", "internal/sink"},
	"internal/sink/localstore": {"internal/metric", "internal/sink", "internal/sink/graphite"},
	"internal/selfstat":        {"internal/metric"},
	"internal/status":          {},
	"internal/nagios":          {},
	"internal/doctor":          {"internal/account", "internal/haproxy", "internal/sink/graphite", "internal/spool", "internal/status"},
	"internal/check":           {"internal/account", "internal/nagios", "internal/spool", "internal/status"},
	"internal/haproxysim":      {},
}

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
	seen := map[string]bool{}
	for _, p := range list(t, "./...") {
		from, ours := room(p.ImportPath)
		generator := p.Name == "main" && strings.HasPrefix(from, "internal/")
		if !ours || generator || isOutside(from) && from != "internal/haproxysim" {
			continue
		}
		seen[from] = true
		plan, planned := allowed[from]
		if !planned {
			t.Errorf("%s is not on the plan", from)
			continue
		}
		for _, i := range p.Imports {
			to, ours := room(i)
			if ours && !slices.Contains(plan, to) && !slices.Contains(plan, "*") {
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
