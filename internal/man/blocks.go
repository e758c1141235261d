package man

import "strings"

type kind int

const (
	paragraph kind = iota
	item
	definition
	example
	section
	subsection
)

// block is a part of a Markdown text.
type block struct {
	kind kind
	term string // of a definition
	text string
}

// blocks splits a Markdown text into headings of "# " and "## ", paragraphs, items that
// begin with "- ", definitions, whose text begins with ": " on the line below the term,
// and examples, which are indented by four spaces.
func blocks(text string) []block {
	var found []block
	var now *block
	open := func(k kind, text string) {
		found = append(found, block{kind: k, text: text})
		now = &found[len(found)-1]
	}
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, " \t\n")
		code, indented := strings.CutPrefix(line, "    ")
		entry, isItem := strings.CutPrefix(line, "- ")
		meaning, isMeaning := strings.CutPrefix(line, ": ")
		heading, isSection := strings.CutPrefix(line, "# ")
		lower, isSubsection := strings.CutPrefix(line, "## ")
		switch {
		case line == "":
			if now != nil && now.kind == example {
				now.text += "\n"
				continue
			}
			now = nil
		case isSection:
			open(section, heading)
			now = nil
		case isSubsection:
			open(subsection, lower)
			now = nil
		case indented && (now == nil || now.kind == example):
			if now == nil {
				open(example, "")
			}
			now.text += code + "\n"
		case isItem:
			open(item, entry)
		case isMeaning && now != nil && now.kind == paragraph:
			*now = block{kind: definition, term: now.text, text: meaning}
		case now == nil || now.kind == example:
			open(paragraph, line)
		default:
			now.text += "\n" + strings.TrimLeft(line, " ")
		}
	}
	for i := range found {
		found[i].text = strings.TrimRight(found[i].text, "\n")
	}
	return found
}
