package deploy

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"haproxystats/internal/config"
)

// TestSamples holds the tests of values to be about something: every kind of
// option, each with another value than its default.
func TestSamples(t *testing.T) {
	known := make(map[string]bool)
	kinds := make(map[string]bool)
	for _, o := range config.Options() {
		name := o.Section + " " + o.Name
		known[name] = true
		s, ok := samples[name]
		if ok {
			kinds[o.Kind] = true
		}
		if ok && o.HasDefault && s.want == o.Default {
			t.Errorf("%s: the sample is the default", name)
		}
	}
	for _, o := range config.Options() {
		for _, named := range instances[o.Section] {
			if s, ok := named[o.Name]; ok {
				kinds[o.Kind] = true
				if o.HasDefault && s.want == o.Default {
					t.Errorf("[%s] %s: the sample is the default", o.Section, o.Name)
				}
			}
		}
	}
	for _, o := range config.Options() {
		if !kinds[o.Kind] {
			t.Errorf("[%s] %s: no sample of the kind %q", o.Section, o.Name, o.Kind)
		}
	}
	for name := range samples {
		if !known[name] {
			t.Errorf("%s: a sample of an option that does not exist", name)
		}
	}
	for _, s := range config.Sections() {
		if s.Groups && len(groups[s.Name]) == 0 {
			t.Errorf("[%s] has no samples", s.Name)
		}
		if s.Separator != "" && len(instances[s.Name]) == 0 {
			t.Errorf("[%s] has no samples", s.Title())
		}
	}
}

// checkMentions wants each of such words in a document, as code.
func checkMentions(t *testing.T, file string, names []string) {
	t.Helper()
	text := read(t, file)
	for _, name := range names {
		if !strings.Contains(text, "`"+name+"`") {
			t.Errorf("%s does not mention `%s`", file, name)
		}
	}
}

// found returns what the group of an expression matches, each time.
func found(text, expression string) []string {
	var all []string
	for _, match := range regexp.MustCompile(expression).FindAllStringSubmatch(text, -1) {
		all = append(all, match[1])
	}
	return all
}

func read(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// toolIn runs a tool in a directory, with a home of its own.
func toolIn(t *testing.T, dir string, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PWD="+dir, "HOME="+t.TempDir(), "LANG=C.UTF-8", "NO_COLOR=1")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// copied returns a copy of a directory, of the same name, that tools may litter.
func copied(t *testing.T, dir string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), filepath.Base(dir))
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	return to
}
