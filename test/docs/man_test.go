package docs

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"haproxystats/test/real"
)

func pages(t *testing.T) []string {
	t.Helper()
	found, err := filepath.Glob(root + "/docs/man/*.[1-8]")
	if err != nil || len(found) < 4 {
		t.Fatalf("pages %q, %v", found, err)
	}
	return found
}

// TestProgramsHaveAPage looks for a page and completion in each shell of every
// program.
func TestProgramsHaveAPage(t *testing.T) {
	programs, err := os.ReadDir(filepath.Join(root, "cmd"))
	if err != nil || len(programs) == 0 {
		t.Fatal(programs, err)
	}
	for _, p := range programs {
		for _, file := range []string{
			"docs/man/" + p.Name() + ".1",
			"contrib/completion/bash/" + p.Name(), "contrib/completion/zsh/_" + p.Name(), "contrib/completion/fish/" + p.Name() + ".fish",
		} {
			if _, err := os.Stat(filepath.Join(root, file)); err != nil {
				t.Error(err)
			}
		}
	}
}

// TestPagesAreWellFormed lets mandoc judge each page. A page has no date: it
// would be that of the build.
func TestPagesAreWellFormed(t *testing.T) {
	mandoc := real.Need(t, "mandoc")
	for _, page := range pages(t) {
		out, err := exec.Command(mandoc, "-T", "lint", "-W", "warning", page).CombinedOutput()
		for line := range bytes.Lines(out) {
			if !bytes.Contains(line, []byte("WARNING: missing date, using")) {
				t.Errorf("%s", line)
			}
		}
		if len(out) == 0 {
			t.Errorf("%s: mandoc looks at nothing: %v", page, err)
		}
	}
}

// TestPagesAreReadable looks at what a terminal shows: no markup is left, and all
// words of the source are there.
func TestPagesAreReadable(t *testing.T) {
	mandoc := real.Need(t, "mandoc")
	markup := regexp.MustCompile(`\\f|\\\(|(?m)^ *\.[A-Z]{2}\b`)
	for _, page := range pages(t) {
		out, err := exec.Command(mandoc, "-T", "ascii", "-O", "width=100", page).Output()
		if err != nil {
			t.Fatal(err)
		}
		shown := plain(out)
		if left := markup.FindString(shown); left != "" {
			t.Errorf("%s shows %q", page, left)
		}
		source, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		joined := strings.Join(strings.Fields(shown), " ")
		for _, m := range regexp.MustCompile(`(?m)^\.TP\n(.*)\n`).FindAllStringSubmatch(string(source), -1) {
			term := regexp.MustCompile(`\\f.`).ReplaceAllString(m[1], "")
			term = strings.NewReplacer(`\-`, "-", `\(ti`, "~").Replace(term)
			if !strings.Contains(joined, term) {
				t.Errorf("%s does not show %s", page, term)
			}
		}
	}
}

// plain takes away what a terminal makes bold and underlined text of.
func plain(out []byte) string {
	return regexp.MustCompile(".\b").ReplaceAllString(string(out), "")
}

// TestPagesRefer looks for the pages of ours that others refer to.
func TestPagesRefer(t *testing.T) {
	references := 0
	for _, page := range pages(t) {
		source, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		text := strings.ReplaceAll(string(source), `\-`, "-")
		for _, m := range regexp.MustCompile(`\b((?:check_)?haproxystats[a-z.-]*)\(([1-8])\)`).FindAllStringSubmatch(text, -1) {
			references++
			if _, err := os.Stat(filepath.Join(root, "docs/man", m[1]+"."+m[2])); err != nil {
				t.Errorf("%s refers to %s, which there is not", page, m[0])
			}
		}
	}
	if references < 10 {
		t.Errorf("only %d references were found", references)
	}
}
