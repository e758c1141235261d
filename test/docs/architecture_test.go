package docs

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// planned returns what the table of docs/architecture.md lets each package
// import of ours.
func planned(t *testing.T) map[string][]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "docs/architecture.md"))
	if err != nil {
		t.Fatal(err)
	}
	plan := map[string][]string{}
	for _, row := range regexp.MustCompile(`(?m)^\| ((?:cmd|internal)/[^|]+) \|[^|]+\| ([^|]+) \|$`).FindAllStringSubmatch(string(text), -1) {
		may := []string{}
		if imports, _, _ := strings.Cut(row[2], ":"); imports != "none" {
			may = strings.Split(imports, ", ")
		}
		for name := range strings.SplitSeq(row[1], ", ") {
			plan[name] = may
		}
	}
	if len(plan) < 20 {
		t.Fatalf("only %d packages are in the table", len(plan))
	}
	return plan
}

// TestArchitecture holds the table against the source. Of the packages, programs
// below internal generate, and sinktest is for tests.
func TestArchitecture(t *testing.T) {
	list := exec.Command("go", "list", "-json=ImportPath,Name,Imports", "./cmd/...", "./internal/...")
	list.Dir = root
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	plan := planned(t)
	there := map[string]bool{}
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p struct {
			ImportPath, Name string
			Imports          []string
		}
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimPrefix(p.ImportPath, "haproxystats/")
		if generator := p.Name == "main" && strings.HasPrefix(name, "internal/"); generator || name == "internal/sink/sinktest" {
			continue
		}
		there[name] = true
		may, ok := plan[name]
		if !ok {
			t.Errorf("the table lacks %s", name)
		}
		for _, i := range p.Imports {
			of, ours := strings.CutPrefix(i, "haproxystats/internal/")
			if ours && !slices.Contains(may, of) && !slices.Contains(may, "all") {
				t.Errorf("%s imports %s, which the table does not say", name, of)
			}
		}
	}
	for name := range plan {
		if !there[name] {
			t.Errorf("the table has %s, which there is not", name)
		}
	}
}
