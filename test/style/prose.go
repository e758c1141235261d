package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"unicode/utf8"
)

// text is a piece of prose: a paragraph, a comment or a message.
type text struct {
	line int // of its beginning
	text string
}

// proseOf returns what a file says in words. Of a Go file these are comments and,
// unless it is a test, texts in quotes.
func proseOf(file, content string) ([]text, error) {
	if strings.HasSuffix(file, ".go") {
		return proseOfGo(file, content)
	}
	return paragraphs(content), nil
}

func proseOfGo(file, content string) ([]text, error) {
	set := token.NewFileSet()
	parsed, err := parser.ParseFile(set, file, content, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, fmt.Errorf("read the comments: %w", err)
	}
	var found []text
	for _, group := range parsed.Comments {
		found = append(found, text{set.Position(group.Pos()).Line, group.Text()})
	}
	if strings.HasSuffix(file, "_test.go") {
		return found, nil
	}
	ast.Inspect(parsed, func(n ast.Node) bool {
		if l, ok := n.(*ast.BasicLit); ok && l.Kind == token.STRING {
			if s, err := strconv.Unquote(l.Value); err == nil {
				found = append(found, text{set.Position(l.Pos()).Line, s})
			}
		}
		return true
	})
	return found, nil
}

// paragraphs splits a text at empty lines, and takes each row of a table for
// itself.
func paragraphs(content string) []text {
	var found []text
	open := false
	n := 0
	for line := range strings.Lines(content) {
		n++
		line = strings.TrimSpace(line)
		row := strings.HasPrefix(line, "|")
		switch {
		case line == "":
			open = false
		case open && !row:
			found[len(found)-1].text += "\n" + line
		default:
			found = append(found, text{n, line})
			open = !row
		}
	}
	return found
}

// width is the most characters of a line of Markdown.
const width = 100

// tooWide returns the lines of Markdown that are too wide, except those that can't
// be broken: tables, code, and a single word with what stands before it.
func tooWide(file, content string) []string {
	var found []string
	n, code := 0, false
	for line := range strings.Lines(content) {
		n++
		line = strings.TrimRight(line, "\n")
		if strings.HasPrefix(strings.TrimSpace(line), "```") {
			code = !code
			continue
		}
		if code || strings.HasPrefix(line, "|") || strings.HasPrefix(line, "    ") || strings.HasPrefix(line, "<!--") {
			continue
		}
		if utf8.RuneCountInString(line) > width && len(strings.Fields(line)) > 2 {
			found = append(found, fmt.Sprintf("%s:%d: a line of %d characters: wrap Markdown at %d", file, n, utf8.RuneCountInString(line), width))
		}
	}
	return found
}
