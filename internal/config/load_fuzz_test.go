package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// No text makes it panic; every problem has a place in the file and says something; and
// what is printed has every section that a program prints.
func FuzzLoad(f *testing.F) {
	confs, err := filepath.Glob("testdata/original/*.conf")
	if err != nil {
		f.Fatal(err)
	}
	for _, conf := range append(confs, exampleFile) {
		text, err := os.ReadFile(conf)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
		f.Add(commented.ReplaceAllString(string(text), "$1"))
	}
	f.Add("[graphite]\ngroup-namespace=${x}\n[frontend-groups]\na=$\n[pull]\nworkers=\n")
	f.Fuzz(func(t *testing.T, text string) {
		// Names of files would be opened.
		text = strings.NewReplacer("exclude-", "", "include-", "").Replace(strings.ToLower(text))
		for _, program := range []Program{ForPull, ForProcess} {
			loaded, err := assemble(program, []source{{"f", []byte(text)}}, nil, nil)
			problems, _ := err.(Problems)
			for _, p := range append(problems, loaded.Warnings...) {
				if p.Pos.File != "f" || p.Pos.Line < 1 || p.Reason == "" {
					t.Errorf("%s: problem without place or reason: %#v", program, p)
				}
			}
			c := loaded.Config
			if err == nil && (program == ForPull && c.Pull.PullInterval <= 0 || program == ForProcess && c.Graphite.Port <= 0) {
				t.Errorf("%s takes a value out of range: %+v", program, c)
			}
			var out strings.Builder
			if err := loaded.Print(&out); err != nil {
				t.Error(err)
			}
			for _, section := range []string{"[DEFAULT]", map[Program]string{ForPull: "[pull]", ForProcess: "[graphite]"}[program]} {
				if !strings.Contains(out.String(), section+"\n") {
					t.Errorf("%s prints no %s", program, section)
				}
			}
		}
	})
}
