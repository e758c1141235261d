package main

import (
	_ "embed"
	"fmt"
	"regexp"
	"strings"
)

//go:embed vocabulary.tsv
var vocabulary string

// word is an expression that is not to be used, and what to write instead.
type word struct {
	pattern *regexp.Regexp
	advice  string
}

type words []word

// readVocabulary reads lines of an expression, a tab and an advice.
func readVocabulary(content string) (words, error) {
	var all words
	n := 0
	for line := range strings.Lines(content) {
		n++
		line = strings.TrimRight(line, "\n")
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		expression, advice, ok := strings.Cut(line, "\t")
		if !ok || advice == "" {
			return nil, fmt.Errorf("vocabulary.tsv:%d: got %q, want an expression, a tab and what to write instead", n, line)
		}
		// Words may be on two lines.
		pattern, err := regexp.Compile(`(?i)` + strings.ReplaceAll(expression, " ", `\s+`))
		if err != nil {
			return nil, fmt.Errorf("vocabulary.tsv:%d: %w", n, err)
		}
		all = append(all, word{pattern, advice})
	}
	return all, nil
}

// find returns what of the vocabulary the texts of a file use.
func (w words) find(file string, prose []text) []string {
	var found []string
	for _, t := range prose {
		for _, word := range w {
			for _, at := range word.pattern.FindAllStringIndex(t.text, -1) {
				if strings.HasSuffix(strings.ToLower(strings.TrimSpace(t.text[:at[0]])), "there") { // "there is no file"
					continue
				}
				line := t.line + strings.Count(t.text[:at[0]], "\n")
				found = append(found, fmt.Sprintf("%s:%d: %q: %s", file, line, strings.Join(strings.Fields(t.text[at[0]:at[1]]), " "), word.advice))
			}
		}
	}
	return found
}
