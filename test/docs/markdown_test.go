package docs

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"
)

const root = "../.."

// document is a Markdown file, taken apart.
type document struct {
	path  string // below root
	prose string // without code
	code  []string
	slugs map[string]bool // what a link may have behind "#"
}

var (
	fence   = regexp.MustCompile("(?ms)^ *```[^\n]*\n(.*?)^ *```\n")
	span    = regexp.MustCompile("`([^`]+)`")
	heading = regexp.MustCompile(`(?m)^#{1,6} +(.+)$`)
	comment = regexp.MustCompile(`(?s)<!--.*?-->`)
)

func parse(path, text string) document {
	d := document{path: path, slugs: map[string]bool{}}
	text = comment.ReplaceAllString(text, "")
	for _, m := range fence.FindAllStringSubmatch(text, -1) {
		d.code = append(d.code, m[1])
	}
	text = fence.ReplaceAllString(text, "")
	times := map[string]int{}
	for _, m := range heading.FindAllStringSubmatch(text, -1) {
		s := slug(m[1])
		n := times[s]
		times[s]++
		if n > 0 {
			s = fmt.Sprintf("%s-%d", s, n)
		}
		d.slugs[s] = true
	}
	for _, m := range span.FindAllStringSubmatch(text, -1) {
		d.code = append(d.code, m[1])
	}
	d.prose = span.ReplaceAllString(text, "")
	return d
}

// slug names a heading as GitHub and GitLab do.
func slug(heading string) string {
	heading = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`).ReplaceAllString(heading, "$1")
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-', r == '_', unicode.IsLetter(r), unicode.IsDigit(r):
			return unicode.ToLower(r)
		}
		return -1
	}, strings.TrimSpace(heading))
}

// documents reads all that is written for people. Below internal are only texts
// of which documents are made.
func documents(t *testing.T) []document {
	t.Helper()
	var found []document
	err := fs.WalkDir(os.DirFS(root), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			switch path {
			case ".git", "bin", "dist", "internal", "testdata":
				return fs.SkipDir
			}
			return nil
		}
		if filepath.Ext(path) != ".md" {
			return nil
		}
		text, err := os.ReadFile(filepath.Join(root, path))
		found = append(found, parse(path, string(text)))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(found) < 10 {
		t.Fatalf("only %d documents", len(found))
	}
	return found
}

func TestParse(t *testing.T) {
	const text = "<!-- [no](link.md) -->\n# Title: a `b` [c](d.md)\n\nSee [x](y.md#z) and `make test`.\n\n```sh\n# no heading\nmake [no](link)\n```\n\n## Twice\n\n## Twice\n"
	d := parse("a.md", text)
	for _, s := range []string{"title-a-b-c", "twice", "twice-1"} {
		if !d.slugs[s] {
			t.Errorf("no %s in %v", s, d.slugs)
		}
	}
	if len(d.slugs) != 3 || len(d.code) != 3 || strings.Contains(d.prose, "no") {
		t.Errorf("got %+v", d)
	}
}
