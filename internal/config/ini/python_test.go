package ini

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// pythonCase is what the real ConfigParser makes of a list of files.
type pythonCase struct {
	Files    []string
	Fault    *pythonFault
	Sections []string
	Options  []struct {
		Section, Option, Raw, Value string
		Fault                       *pythonFault
	}
}

type pythonFault struct {
	Kind            string
	Lines           []int
	Section, Option string
}

var pythonKinds = map[error]string{
	ErrNoHeader:         "MissingSectionHeaderError",
	ErrLine:             "ParsingError",
	ErrDuplicateSection: "DuplicateSectionError",
	ErrDuplicateOption:  "DuplicateOptionError",
	ErrReferenceSyntax:  "InterpolationSyntaxError",
	ErrReference:        "InterpolationMissingOptionError",
	ErrDepth:            "InterpolationDepthError",
}

func pythonCases(t testing.TB) []pythonCase {
	t.Helper()
	data, err := os.ReadFile("testdata/cases.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []pythonCase
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	return cases
}

func TestLikePython(t *testing.T) {
	cases := pythonCases(t)
	if len(cases) < 100 {
		t.Fatalf("%d cases recorded, want at least 100", len(cases))
	}
	for i, c := range cases {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Logf("files: %q", c.Files)
			var doc Document
			var faults []*Error
			for _, text := range c.Files {
				if faults = doc.Parse("file", []byte(text)); len(faults) > 0 {
					break
				}
			}
			if diff := cmp.Diff(c.Fault, asPython(faults)); diff != "" {
				t.Fatalf("faults (-python +ours):\n%s", diff)
			}
			if c.Fault == nil {
				c.compare(t, &doc)
			}
		})
	}
}

// asPython reduces a list of faults to what Python would raise: the first one
// that ends it, else all the lines it can't read.
func asPython(faults []*Error) *pythonFault {
	var unread *pythonFault
	for _, f := range faults {
		if !errors.Is(f, ErrLine) {
			return &pythonFault{Kind: pythonKinds[f.Err], Lines: []int{f.Pos.Line}, Section: f.Section, Option: f.Option}
		}
		if unread == nil {
			unread = &pythonFault{Kind: pythonKinds[f.Err]}
		}
		unread.Lines = append(unread.Lines, f.Pos.Line)
	}
	return unread
}

func (c pythonCase) compare(t *testing.T, doc *Document) {
	t.Helper()
	names := []string{}
	for _, s := range doc.Sections() {
		names = append(names, s.Name)
	}
	if diff := cmp.Diff(c.Sections, names); diff != "" {
		t.Errorf("sections (-python +ours):\n%s", diff)
	}
	shown := map[string][]string{}
	for _, want := range c.Options {
		shown[want.Section] = append(shown[want.Section], want.Option)
		o, ok := doc.Lookup(want.Section, want.Option)
		if !ok || o.Raw != want.Raw {
			t.Errorf("Lookup(%q, %q) = %q, %t, want %q", want.Section, want.Option, o.Raw, ok, want.Raw)
		}
		value, err := doc.Get(want.Section, want.Option)
		if value != want.Value {
			t.Errorf("Get(%q, %q) = %q, want %q", want.Section, want.Option, value, want.Value)
		}
		var fault *pythonFault
		if f := (*Error)(nil); errors.As(err, &f) {
			fault = &pythonFault{Kind: pythonKinds[f.Err], Section: f.Section, Option: f.Option}
		}
		if diff := cmp.Diff(want.Fault, fault); diff != "" {
			t.Errorf("Get(%q, %q) fault (-python +ours):\n%s", want.Section, want.Option, diff)
		}
	}
	for _, name := range append(names, Default) {
		s, _ := doc.Section(name)
		for i, o := range s.Options {
			if shown[name][i] != o.Name {
				t.Errorf("[%s] option %d is %q, want %q: the order is not Python's", name, i, o.Name, shown[name][i])
			}
		}
		want := slices.Sorted(slices.Values(shown[name]))
		if diff := cmp.Diff(want, doc.Names(name)); diff != "" {
			t.Errorf("Names(%q) (-python +ours):\n%s", name, diff)
		}
	}
}

// The recording must be what a Python of today says.
func TestRecordingIsTrue(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("no python3 to ask")
	}
	check := "import sys; sys.exit(sys.version_info < (3, 10))"
	if err := exec.Command(python, "-c", check).Run(); err != nil {
		t.Skip("python3 is older than 3.10, which reads section headers otherwise")
	}
	got, err := exec.Command(python, filepath.Join("testdata", "record.py")).Output()
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(filepath.Join("testdata", "cases.json"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(string(got), "\n")); diff != "" {
		t.Errorf("python3 testdata/record.py differs from testdata/cases.json (-recorded +python):\n%s", diff)
	}
}
