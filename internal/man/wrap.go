package man

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// width bounds the characters of a wrapped line.
const width = 100

// listItem matches the characters before the text of a list's item.
var listItem = regexp.MustCompile(`^ *(?:[-*+]|\d+\.) +`)

// Wrap breaks the paragraphs and list items of a Markdown text into lines of at most
// 100 characters; a longer word has a line of its own. Tables, code, headings and
// comments stay as they are.
func Wrap(text string) string {
	var out strings.Builder
	var words []string
	first, rest := "", ""
	flush := func() {
		line, empty := first, true
		for _, w := range words {
			if !empty && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(w) > width {
				out.WriteString(line + "\n")
				line, empty = rest, true
			}
			if !empty {
				line += " "
			}
			line, empty = line+w, false
		}
		if len(words) > 0 {
			out.WriteString(line + "\n")
		}
		words, first, rest = nil, "", ""
	}
	code := false
	for line := range strings.Lines(text) {
		bare := strings.TrimSpace(line)
		fence := strings.HasPrefix(bare, "```")
		if code || fence || bare == "" || strings.ContainsAny(bare[:1], "|#<") || len(words) == 0 && strings.HasPrefix(line, "    ") {
			flush()
			out.WriteString(line)
			code = code != fence
			continue
		}
		if start := listItem.FindString(line); start != "" {
			flush()
			first, rest = start, strings.Repeat(" ", len(start))
			line = line[len(start):]
		}
		words = append(words, strings.Fields(line)...)
	}
	flush()
	return out.String()
}
