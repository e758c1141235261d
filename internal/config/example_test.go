package config

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const exampleFile = "../../haproxystats.conf"

func readExample(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(exampleFile)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// commented is what is left out of the example: an option or a section behind
// a "#" without a space.
var commented = regexp.MustCompile(`(?m)^#(\S)`)

func TestExampleIsTheDefaults(t *testing.T) {
	for program := range programFiles {
		want := defaultConfig()
		want.Pull.OnPartial = PartialKeep // the example gives the reason
		if diff := cmp.Diff(want, load(t, program, readExample(t))); diff != "" {
			t.Errorf("%s (-defaults +example):\n%s", program, diff)
		}
	}
}

// The texts, too, are those of the table.
func TestExampleHasEveryOption(t *testing.T) {
	sections := map[string]string{}
	section := ""
	for part := range strings.SplitSeq(readExample(t), "\n") {
		if name, ok := strings.CutPrefix(strings.TrimPrefix(part, "#"), "["); ok {
			section = strings.TrimSuffix(name, "]")
			if kind, _, ok := instanceOf(section); ok {
				section = kind.Name
			}
		}
		sections[section] += "\n" + part
	}
	for _, o := range options {
		want := "\n#" + o.Name + " = "
		if o.HasDefault {
			want = "\n" + o.Name + " = " + o.defaultOf("") + "\n"
		}
		if o.Section == "pull" && o.Name == "on-partial" {
			want = "\n" + o.Name + " = keep\n"
		}
		if s, _ := lookupSection(o.Section); s.Switch && o.HasDefault {
			want = "\n#" + o.Name + " = " + o.defaultOf("") + "\n"
		}
		if !strings.Contains(strings.ReplaceAll(sections[o.Section], "\n##", "\n#")+"\n", want) {
			t.Errorf("[%s] has no line %q", o.Section, strings.TrimSpace(want))
		}
	}
	for _, s := range Sections() {
		if sections[s.Name] == "" {
			t.Errorf("no section [%s]", s.Name)
		}
	}
}

// What is commented out works as it stands, but for the files it names.
func TestExampleUncommented(t *testing.T) {
	text := commented.ReplaceAllString(readExample(t), "$1")
	text = strings.ReplaceAll(text, "\ntls = false\n", "\ntls = true\n") // what the others need
	file := write1(t, text)
	if _, err := Load(ForPull, Files{File: file}); err != nil {
		t.Error(err)
	}
	loaded, err := Load(ForProcess, Files{File: file})
	problems, _ := err.(Problems)
	for _, p := range problems {
		if !strings.HasPrefix(p.Option, "exclude-") && !strings.HasPrefix(p.Option, "include-") {
			t.Error(p)
		}
	}
	for _, w := range loaded.Warnings {
		t.Errorf("warning: %v", w)
	}
	c := loaded.Config
	if !c.LocalStore.Enabled || len(c.FrontendGroups) != 1 || len(c.BackendGroups) != 1 || len(c.ServerGroups) != 1 || len(c.Pull.Servers) != 3 {
		t.Errorf("not all was uncommented: %+v", c)
	}
}
