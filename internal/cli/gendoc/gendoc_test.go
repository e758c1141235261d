package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"haproxystats/internal/cli"
)

// tree reads all files below a directory.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(filepath.Join(dir, path))
		files[path] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// TestFilesAreUpToDate generates them anew, and finds none that is left over.
func TestFilesAreUpToDate(t *testing.T) {
	root := t.TempDir()
	if err := generate("..", root); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"docs/man", "contrib/completion"} {
		want := tree(t, filepath.Join(root, dir))
		got := tree(t, filepath.Join("..", "..", "..", dir))
		delete(got, "haproxystats.conf.5") // is that of internal/config
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: run `go generate ./internal/cli` (-generated +there):\n%s", dir, diff)
		}
	}
}

// TestPagesSayAll looks for every flag and sub-command in the program's page.
func TestPagesSayAll(t *testing.T) {
	for _, cmd := range cli.Commands() {
		t.Run(cmd.Name(), func(t *testing.T) {
			page, err := manual(cmd, "1.0")
			if err != nil {
				t.Fatal(err)
			}
			texts := []string{string(page)}
			for _, s := range cmd.Commands() {
				_, rest, found := strings.Cut(string(page), ".SS \""+s.Name()+"\"\n")
				if !found {
					t.Fatalf("no command %s", s.Name())
				}
				until := regexp.MustCompile(`(?m)^\.S[HS] `).FindStringIndex(rest)
				texts = append(texts, rest[:until[0]])
			}
			for i, c := range append([]*cobra.Command{cmd}, cmd.Commands()...) {
				flags := 0
				c.LocalFlags().VisitAll(func(f *pflag.Flag) {
					if c != cmd && f.Name == "help" {
						return
					}
					flags++
					long := `\fB\-\-` + strings.ReplaceAll(f.Name, "-", `\-`) + `\fR`
					if f.Shorthand != "" {
						long = `\fB\-` + f.Shorthand + `\fR, ` + long
					}
					if !strings.Contains(texts[i], "\n.TP\n"+long) {
						t.Errorf("%s: no flag %s", c.Name(), long)
					}
				})
				if flags == 0 && c == cmd {
					t.Error("no flags at all")
				}
			}
		})
	}
}

// TestSections finds those that an operator expects, in their order.
func TestSections(t *testing.T) {
	expected := map[string][]string{
		"haproxystats-pull":    {"OPTIONS", "EXIT STATUS", "SIGNALS", "FILES", "ENVIRONMENT"},
		"haproxystats-process": {"OPTIONS", "EXIT STATUS", "SIGNALS", "FILES", "ENVIRONMENT"},
		"haproxystats-central": {"OPTIONS", "EXIT STATUS", "SIGNALS", "FILES", "ENVIRONMENT"},
		"haproxystats":         {"COMMANDS", "OPTIONS", "EXIT STATUS", "OTHER SYSTEMS", "FILES"},
		"check_haproxystats":   {"CHECKS", "OPTIONS", "RANGES", "EXIT STATUS", "OLD NAMES", "FILES"},
	}
	for _, cmd := range cli.Commands() {
		page, err := manual(cmd, "1.0")
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, m := range regexp.MustCompile(`(?m)^\.SH "(.*)"$`).FindAllStringSubmatch(string(page), -1) {
			got = append(got, m[1])
		}
		want := slices.Concat([]string{"NAME", "SYNOPSIS", "DESCRIPTION"}, expected[cmd.Name()], []string{"EXAMPLES", "SEE ALSO"})
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s:\n%s", cmd.Name(), diff)
		}
	}
}

// TestExamplesAreCommands finds no example in which lines have been joined, and no default
// that is an empty list.
func TestExamplesAreCommands(t *testing.T) {
	command := regexp.MustCompile(`(?:^| )(?:haproxystats|check_haproxystats|systemctl|sleep) `)
	for _, cmd := range cli.Commands() {
		page, err := manual(cmd, "1.0")
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(page), `\fB[]\fR`) {
			t.Errorf("%s: a default is []", cmd.Name())
		}
		_, examples, _ := strings.Cut(string(page), ".SH \"EXAMPLES\"\n")
		for line := range strings.Lines(examples) {
			if n := len(command.FindAllString(line, -1)); n > 1 {
				t.Errorf("%s: got %d commands in one line, want one: %s", cmd.Name(), n, line)
			}
		}
	}
}

func TestUsage(t *testing.T) {
	cmd := &cobra.Command{Use: "a [flags] FILE", Run: func(*cobra.Command, []string) {}}
	fl := cmd.Flags()
	fl.SortFlags = false
	fl.StringP("file", "f", "x", "the `name`")
	fl.Bool("one", false, "one")
	fl.Bool("other", false, "other")
	fl.Bool("secret", false, "secret")
	fl.BoolP("help", "h", false, "help")
	if err := fl.MarkHidden("secret"); err != nil {
		t.Fatal(err)
	}
	cmd.MarkFlagsMutuallyExclusive("one", "other")
	if got, want := usage(cmd), "`a` [`-f` *name*] [`--one` | `--other`] *FILE*"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestProgramWithoutText(t *testing.T) {
	if _, err := manual(&cobra.Command{Use: "unknown"}, "1.0"); err == nil {
		t.Error("a program without a text has a page")
	}
}
