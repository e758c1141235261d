package man

import "strings"

// escape escapes the characters that roff reads as markup. A hyphen stays a hyphen that
// can be searched for and copied.
func escape(text string) string {
	return strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", `\(ga`, "^", `\(ha`, "~", `\(ti`).Replace(text)
}

// protect keeps roff from reading a line as a request.
func protect(line string) string {
	if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
		return `\&` + line
	}
	return line
}

// quote returns text as an argument of a macro.
func quote(text string) string {
	return `"` + strings.ReplaceAll(escape(text), `"`, `\(dq`) + `"`
}

// inline returns text with `code` in bold and *names* in italics. Its line breaks stay.
func (p *Page) inline(text string) string {
	var out strings.Builder
	for text != "" {
		at := strings.IndexAny(text, "`*")
		if at < 0 {
			break
		}
		mark := text[at : at+1]
		inner, after, closed := strings.Cut(text[at+1:], mark)
		if !closed || inner == "" {
			p.fail("%s is not closed: %s", mark, text)
			return ""
		}
		font := `\fB`
		if mark == "*" {
			font = `\fI`
		}
		out.WriteString(plain(text[:at]) + font + escape(inner) + `\fR`)
		text = after
	}
	out.WriteString(plain(text))
	lines := strings.Split(out.String(), "\n")
	for i, l := range lines {
		lines[i] = protect(strings.TrimSpace(l))
	}
	return strings.Join(lines, "\n")
}

// plain escapes running text, in which a hyphen only joins words.
func plain(text string) string {
	return strings.ReplaceAll(escape(text), `\-`, "-")
}
