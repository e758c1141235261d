package pattern

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"testing"
)

// recordedCase is what Python makes of a pattern: an error, or the names that
// it finds the pattern in and those that it does not.
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
		g, err := Compile(c.Pattern)
		if c.Error != "" {
			var perr *Error
			switch {
			case err == nil:
				t.Errorf("Compile(%q): no error, Python says %q", c.Pattern, c.Error)
			case !errors.As(err, &perr):
				t.Errorf("Compile(%q): %v is no Error", c.Pattern, err)
			case c.Offset != nil && perr.Offset != *c.Offset:
				t.Errorf("Compile(%q): %v, Python says %q at position %d", c.Pattern, err, c.Error, *c.Offset)
			}
			continue
		}
		if err != nil {
			t.Errorf("Compile: %v, Python takes it", err)
			continue
		}
		for _, name := range c.In {
			if !g.Match(name) {
				t.Errorf("pattern %q does not match %q, in Python it does", c.Pattern, name)
			}
		}
		for _, name := range c.Out {
			if g.Match(name) {
				t.Errorf("pattern %q matches %q, in Python it does not", c.Pattern, name)
			}
		}
	}
}

// TestPatternCasesAreWhatPythonSays runs the recorder again.
func TestPatternCasesAreWhatPythonSays(t *testing.T) {
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
		t.Error("Python says otherwise: see the difference after python3 cases.py > cases.json in testdata")
	}
}
