package starter

import "strings"

// words splits a line of HAProxy's configuration into words, and leaves out a comment.
// expanded reports whether a word depends on an environment variable, which HAProxy
// replaces between double quotes.
func words(line string) (all []string, expanded bool) {
	var word strings.Builder
	in := false
	quote := byte(0)
	for i := 0; i < len(line); i++ {
		c := line[i]
		switch {
		case c == '\\' && quote != '\'' && i+1 < len(line):
			i++
			word.WriteByte(line[i])
			in = true
		case quote != 0 && c == quote:
			quote = 0
		case quote == 0 && (c == '"' || c == '\''):
			quote, in = c, true
		case quote == 0 && c == '#':
			i = len(line)
		case quote == 0 && (c == ' ' || c == '\t' || c == '\r'):
			if in {
				all = append(all, word.String())
				word.Reset()
				in = false
			}
		default:
			expanded = expanded || quote == '"' && c == '$'
			word.WriteByte(c)
			in = true
		}
	}
	if in {
		all = append(all, word.String())
	}
	return all, expanded
}
