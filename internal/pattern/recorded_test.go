package pattern

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"testing"
)

// recordedCase is Python's result for a pattern: an error, or the names that match
// and those that do not.
type recordedCase struct {
	Pattern string
	In, Out []string
	Error   string
	Offset  *int
}

func recordedCases(t testing.TB) []recordedCase {
	t.Helper()
	recorded, err := os.ReadFile("testdata/cases.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []recordedCase
	if err := json.Unmarshal(recorded, &cases); err != nil {
		t.Fatal(err)
	}
	return cases
}

func TestMatchesAsPythonDoes(t *testing.T) {
	for _, c := range recordedCases(t) {
		p, err := Compile(c.Pattern)
		if c.Error != "" {
			var perr *Error
			switch {
			case err == nil:
				t.Errorf("Compile(%q): got no error, want one as Python's %q", c.Pattern, c.Error)
			case !errors.As(err, &perr):
				t.Errorf("Compile(%q): got %v (%[2]T), want an *Error", c.Pattern, err)
			case c.Offset != nil && perr.Offset != *c.Offset:
				t.Errorf("Compile(%q): got %v, want position %d as of Python's %q", c.Pattern, err, *c.Offset, c.Error)
			}
			continue
		}
		if err != nil {
			t.Errorf("Compile: got %v, want none, as in Python", err)
			continue
		}
		for _, name := range c.In {
			if !p.Match(name) {
				t.Errorf("pattern %q on %q: got no match, want one, as in Python", c.Pattern, name)
			}
		}
		for _, name := range c.Out {
			if p.Match(name) {
				t.Errorf("pattern %q on %q: got a match, want none, as in Python", c.Pattern, name)
			}
		}
	}
}

// TestRecordedCasesAreCurrent runs the recorder again.
func TestRecordedCasesAreCurrent(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("no python3 on PATH")
	}
	if err := exec.CommandContext(t.Context(), python, "-c", "import sys; sys.exit(sys.version_info < (3, 11))").Run(); err != nil {
		t.Skip("python3 is older than 3.11")
	}
	recorded, err := os.ReadFile("testdata/cases.json")
	if err != nil {
		t.Fatal(err)
	}
	said, err := exec.CommandContext(t.Context(), python, "testdata/cases.py").Output()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(said, recorded) {
		t.Error("cases.json differs from Python's results: run python3 cases.py > cases.json in testdata, and see git diff")
	}
}
