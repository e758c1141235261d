package config

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestNameFile(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "names")
	for _, tt := range []struct {
		name, option, text string
		names, patterns    []string
		problem, warning   string
	}{
		{"names", "exclude-frontends", "a.b\n# c\n\n  d  \r\ne\rf", []string{"a_b", "d", "e", "f"}, nil, "", ""},
		{"byte order mark", "exclude-frontends", "\ufeffa\n", []string{"a"}, nil, "", ""},
		{"patterns", "include-backends", "/^a$/\n/b|c/ \nd\n", []string{"d"}, []string{"^a$", "b|c"}, "", ""},
		{"servers", "exclude-servers", "web1\nshop.x/web.1\n/^be_.*/s[0-9]$/\n", []string{"web1", "shop_x/web_1"}, []string{"^be_.*/s[0-9]$"}, "", ""},
		{"no slash at the end", "exclude-servers", "ok\n/abc\n", nil, nil, `names:2: [process] exclude-servers = "/abc": position 4: the regular expression has no slash at its end. Write it between two slashes`, ""},
		{"flags", "exclude-servers", "/abc/i\n", nil, nil, "position 6: the regular expression has no slash at its end", ""},
		{"empty pattern", "exclude-servers", "\n//\n", nil, nil, `names:2: [process] exclude-servers = "//": position 1: the regular expression is empty`, ""},
		{"slashes alone", "exclude-servers", "a/\n/\n", nil, nil, `names:1: [process] exclude-servers = "a/": neither a server nor backend/server`, ""},
		{"slash in a proxy", "exclude-backends", "a/b\n", []string{"a/b"}, nil, "", "names:1: [process] exclude-backends = \"a/b\": matches nothing: no frontend or backend has a slash in its name"},
		{"dot", "exclude-backends", `/^www\.example/`, nil, []string{`^www\.example`}, "", `matches nothing: names have "_" for dots here. Write _ for the dot`},
		{"an error behind many warnings", "exclude-backends", strings.Repeat("a/b\n", 12) + "/open\n", nil, nil, `names:13: [process] exclude-backends = "/open": position 5: the regular expression has no slash at its end`, "(and 3 more lines of the file have faults)"},
		{"nothing excluded", "exclude-backends", "# none\n", nil, nil, "", "the file has no names, so nothing is excluded"},
		{"nothing included", "include-servers", "# none\n", nil, nil, "the file has no names, so nothing would be included", ""},
		{"not UTF-8", "include-servers", "a\xff\n", nil, nil, "the file is not UTF-8 text", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := os.WriteFile(file, []byte(tt.text), 0o600); err != nil {
				t.Fatal(err)
			}
			c, problems, warnings := loadProcess(t, "[process]\n"+tt.option+" = "+file+"\n")
			if tt.problem == "" && problems != "" || !strings.Contains(problems, tt.problem) {
				t.Errorf("got problems %q, want %q", problems, tt.problem)
			}
			if tt.warning == "" && warnings != "" || !strings.Contains(warnings, tt.warning) {
				t.Errorf("got warnings %q, want %q", warnings, tt.warning)
			}
			if tt.problem != "" {
				return
			}
			for _, f := range c.Process.NameFiles() {
				var names, patterns []string
				if f.Option == tt.option {
					names, patterns = tt.names, tt.patterns
				}
				var got []string
				for _, p := range f.Patterns {
					got = append(got, p.Text)
					if p.Pos.File != file || p.Pos.Line == 0 {
						t.Errorf("%q is at %v", p.Text, p.Pos)
					}
				}
				if diff := cmp.Diff(names, f.Names) + cmp.Diff(patterns, got); diff != "" {
					t.Errorf("%s: (-want +got)\n%s", f.Option, diff)
				}
			}
		})
	}
}

// Each line that is not empty and no comment is a name, a pattern or a fault with its line.
func FuzzNameFile(f *testing.F) {
	for _, s := range []string{"a\nb/c\n/d/\n", "\ufeff# x\r\n//\r/", "/a\\.b/\n a \n/", "/\n/x/i"} {
		f.Add(s, true)
		f.Add(s, false)
	}
	ends := regexp.MustCompile("\r\n|\r|\n")
	f.Fuzz(func(t *testing.T, text string, servers bool) {
		if !utf8.ValidString(text) {
			return
		}
		n := NameFile{File: "names"}
		refused := 0
		for _, fault := range n.parse(text, servers) {
			if fault.Reason == "" || fault.Pos.File != "names" || fault.Pos.Line < 1 {
				t.Errorf("a fault without reason or place: %+v", fault)
			}
			if !fault.warning {
				refused++
			}
		}
		want, number := 0, 0
		at := make(map[int]string)
		for _, line := range ends.Split(strings.TrimPrefix(text, "\ufeff"), -1) {
			number++
			if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
				want++
				at[number] = line
			}
		}
		if got := len(n.Names) + len(n.Patterns) + refused; got != want {
			t.Errorf("got %d names, patterns and faults of %d lines", got, want)
		}
		for _, p := range n.Patterns {
			if "/"+p.Text+"/" != at[p.Pos.Line] {
				t.Errorf("pattern %q is not in line %d: %q", p.Text, p.Pos.Line, at[p.Pos.Line])
			}
		}
	})
}
