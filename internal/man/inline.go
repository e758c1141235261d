package man

import "strings"

// escape keeps roff from reading text as markup. A hyphen stays one that can be
// searched and copied.
func escape(text string) string {
	return strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", `\(ga`, "^", `\(ha`, "~", `\(ti`).Replace(text)
}

// protect keeps a line from being a request.
func protect(line string) string {
	if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
		return `\&` + line
	}
	return line
}

// quote makes an argument of a macro.
func quote(text string) string {
	return `"` + strings.ReplaceAll(escape(text), `"`, `\(dq`) + `"`
}

// inline turns `code` bold and *names* italic, line by line as they come.
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
			p.fail("a %s that is not closed: %s", mark, text)
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

// plain escapes running text, where a hyphen is one between words.
func plain(text string) string {
	return strings.ReplaceAll(escape(text), `\-`, "-")
}
