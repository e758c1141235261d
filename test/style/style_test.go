package main

import (
	"slices"
	"testing"
)

// lines are what a check finds in a file of such a name.
func lines(t *testing.T, name, content string) []string {
	t.Helper()
	words, err := readVocabulary(vocabulary)
	if err != nil {
		t.Fatal(err)
	}
	prose, err := proseOf(name, content)
	if err != nil {
		t.Fatal(err)
	}
	return words.find(name, prose)
}

func TestFind(t *testing.T) {
	for _, test := range []struct {
		name, file, content string
		want                []string
	}{
		{"a comment", "a.go", "package a\n\n// F tells\n// whether it is so.\nfunc F() {}\n", []string{`a.go:3: "tells whether": X reports whether ...`}},
		{"a message", "a.go", "package a\n\nvar s = `it is no socket`\n", []string{`a.go:3: "is no socket": is not a ...`}},
		{"a message of a test", "a_test.go", "package a\n\nvar s = `it is no socket`\n", nil},
		{"a name", "a.go", "package a\n\nvar fares, mend int\n", nil},
		{"two lines of a page", "a.md", "# A\n\nHow it\nfares.\n", []string{`a.md:4: "fares": how it is doing, its health`}},
		{"two paragraphs", "a.md", "it tells\n\nwhether\n", nil},
		{"there is none", "a.md", "There is no socket.\n", nil},
		{"a cell", "a.md", "| a | the same |\n|---|---|\n| b | the same as a |\n", []string{`a.md:1: "| the same |": a cell of a table says what it means: people find it by search`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := lines(t, test.file, test.content); !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestVocabularyIsRead(t *testing.T) {
	for _, bad := range []string{"no advice", "a\t", "(\tx"} {
		if got, err := readVocabulary("# comment\n\n" + bad + "\n"); err == nil {
			t.Errorf("got %v of %q, want an error", got, bad)
		}
	}
}

func TestTooWide(t *testing.T) {
	long := ""
	for range 50 {
		long += "ab "
	}
	for content, want := range map[string]int{
		"short\n" + long + "\n":               1,
		"| " + long + " |\n":                  0,
		"```\n" + long + "\n```\n" + long:     1,
		"- https://" + long[:2] + "\n":        0,
		long[:99] + "x\n" + long[:100] + "\n": 0,
	} {
		if got := tooWide("a.md", content); len(got) != want {
			t.Errorf("got %q, want %d lines", got, want)
		}
	}
}
