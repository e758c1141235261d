package config

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var programFiles = map[Program]string{ForPull: ".pull", ForProcess: ".process"}

// line is a line of printed INI with the section that it stands in.
type line struct{ section, name, text string }

// lines takes printed INI apart. Further lines of a value follow their option.
func lines(text string) []line {
	var found []line
	section, name := "", ""
	for part := range strings.SplitSeq(text, "\n") {
		if strings.HasPrefix(part, "[") {
			section, name = part, ""
		} else if n, _, ok := strings.Cut(part, " = "); ok {
			name = n
		}
		found = append(found, line{section, name, part})
	}
	return found
}

// added reports whether ours may print the line where the original has none.
func (l line) added() bool {
	o, ok := lookupOption(strings.Trim(l.section, "[]"), l.name)
	return ok && o.New || l.section == "[local-store]" && l.name == "dir"
}

// followsBase reports whether the line is a directory that follows base-dir in
// ours, where it is not set.
func (l line) followsBase() bool {
	o, ok := lookupOption(strings.Trim(l.section, "[]"), l.name)
	return ok && strings.HasPrefix(o.Default, "${paths:base-dir}")
}

func compareWithOriginal(t *testing.T, file, ours string, program Program, written string) {
	t.Helper()
	original, err := os.ReadFile(filepath.Join("testdata/original", file+programFiles[program]))
	if err != nil {
		t.Fatal(err)
	}
	want := lines(string(original))
	var kept []line
	for _, l := range lines(ours) {
		known := slices.ContainsFunc(want, func(w line) bool { return w.section == l.section && w.name == l.name })
		if known || !l.added() {
			kept = append(kept, l)
		}
	}
	for i := range want {
		if i < len(kept) && want[i].followsBase() && !strings.Contains(written, want[i].name) && strings.HasPrefix(kept[i].text, want[i].name+" = ") {
			want[i] = kept[i]
		}
	}
	if diff := cmp.Diff(want, kept, cmp.AllowUnexported(line{})); diff != "" {
		t.Errorf("%s of %s (-original +ours):\n%s", program, file, diff)
	}
}

func TestPrintLikeOriginal(t *testing.T) {
	confs, err := filepath.Glob("testdata/original/*.conf")
	if err != nil {
		t.Fatal(err)
	}
	golden, err := filepath.Glob("../../testdata/golden/1.8.0-nbproc4/*.conf")
	if err != nil || len(confs) < 5 || len(golden) < 9 {
		t.Fatalf("%d configurations and %d golden ones found: %v", len(confs), len(golden), err)
	}
	for _, conf := range append(confs, golden...) {
		written, err := os.ReadFile(conf)
		if err != nil {
			t.Fatal(err)
		}
		for program := range programFiles {
			// Golden files and odd.conf name files that do not exist: what is
			// printed does not depend on that.
			loaded, _ := Load(program, Files{File: conf, Required: true})
			var out strings.Builder
			if err := loaded.Print(&out); err != nil {
				t.Fatal(err)
			}
			compareWithOriginal(t, strings.TrimSuffix(filepath.Base(conf), ".conf"), out.String(), program, string(written))
		}
	}
}

func TestPrintDefaultsLikeOriginal(t *testing.T) {
	for program := range programFiles {
		var out strings.Builder
		if err := PrintDefaults(&out, program); err != nil {
			t.Fatal(err)
		}
		compareWithOriginal(t, "defaults", out.String(), program, "")
	}
}

func TestPrintOwnLines(t *testing.T) {
	file := write1(t, "[paths]\nbase-dir = /srv\n[local-store]\n[process]\nsrc-dir = $HOME\n")
	loaded, err := Load(ForProcess, Files{File: file})
	if err == nil {
		t.Fatal("a lone $ was taken")
	}
	var out strings.Builder
	if err := loaded.Print(&out); err != nil {
		t.Fatal(err)
	}
	got := map[line]bool{}
	for _, l := range lines(out.String()) {
		got[l] = true
	}
	for _, want := range []line{
		{"[DEFAULT]", "log-format", "log-format = text"},
		{"[process]", "log-format", "log-format = text"},
		{"[process]", "metric-set", "metric-set = all"},
		{"[process]", "src-dir", "src-dir = $HOME"}, // as written
		{"[graphite]", "queue-dir", "queue-dir = /srv/queue/graphite"},
		{"[graphite]", "queue-max-bytes", "queue-max-bytes = 1073741824"},
		{"[local-store]", "dir", "dir = /srv/local-store"},
	} {
		if !got[want] {
			t.Errorf("%v is missing in\n%s", want, out.String())
		}
	}
}

// What -p prints means the defaults when it is read.
func TestPrintedDefaultsAreDefaults(t *testing.T) {
	for program := range programFiles {
		var out strings.Builder
		if err := PrintDefaults(&out, program); err != nil {
			t.Fatal(err)
		}
		loaded, err := Load(program, Files{File: write1(t, out.String())})
		if err != nil || len(loaded.Warnings) > 0 {
			t.Fatalf("problems %v, warnings %v", err, loaded.Warnings)
		}
		if diff := cmp.Diff(defaultConfig(), loaded.Config); diff != "" {
			t.Errorf("%s (-defaults +printed):\n%s", program, diff)
		}
	}
}
