package docs

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var link = regexp.MustCompile(`\]\(([^()\s]+)\)|\b(?:src|href)="([^"]+)"`)

// TestLinks follows every link that leads to a file of ours, and to a heading in
// it.
func TestLinks(t *testing.T) {
	all := map[string]document{}
	for _, d := range documents(t) {
		all[d.path] = d
	}
	followed := 0
	for _, d := range all {
		for _, m := range link.FindAllStringSubmatch(d.prose, -1) {
			target := m[1] + m[2]
			if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
				continue
			}
			followed++
			file, anchor, _ := strings.Cut(target, "#")
			to := d.path
			if file != "" {
				to = path.Join(path.Dir(d.path), file)
			}
			if strings.HasPrefix(to, "..") {
				t.Errorf("%s: %s leads out of the repository", d.path, target)
				continue
			}
			if _, err := os.Stat(filepath.Join(root, to)); err != nil {
				t.Errorf("%s: %s leads nowhere", d.path, target)
				continue
			}
			if anchor != "" && !all[to].slugs[anchor] {
				t.Errorf("%s: %s has no heading %s", d.path, to, anchor)
			}
		}
	}
	t.Logf("%d links", followed)
	if followed < 20 {
		t.Errorf("only %d links were found", followed)
	}
}

var ourPath = regexp.MustCompile(`^(?:\./)?((?:bench|cmd|contrib|demo|docs|internal|packaging|test|testdata)/[A-Za-z0-9_.*{},/-]+)$`)

// TestPaths looks for the files that documents name, which may hold asterisks.
func TestPaths(t *testing.T) {
	named := 0
	for _, d := range documents(t) {
		for _, code := range d.code {
			m := ourPath.FindStringSubmatch(code)
			if m == nil || strings.ContainsAny(m[1], "{}") {
				continue
			}
			named++
			if found, err := filepath.Glob(filepath.Join(root, m[1])); err != nil || len(found) == 0 {
				t.Errorf("%s: there is no %s", d.path, m[1])
			}
		}
	}
	if named < 5 {
		t.Errorf("only %d paths were found", named)
	}
}

// TestMakeTargets looks for the targets that documents name in the Makefile.
func TestMakeTargets(t *testing.T) {
	makefile, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	named := 0
	for _, d := range documents(t) {
		for _, code := range d.code {
			for _, m := range regexp.MustCompile(`(?m)(?:^|[;&] ?)make ([a-z][a-z-]*)`).FindAllStringSubmatch(code, -1) {
				named++
				if !regexp.MustCompile(`(?m)^` + m[1] + `:`).Match(makefile) {
					t.Errorf("%s: there is no target %s", d.path, m[1])
				}
			}
		}
	}
	if named < 5 {
		t.Errorf("only %d targets were found", named)
	}
}
