package pattern

import (
	"fmt"
	"math"
	"strings"
	"unicode"
)

// write writes a tree for the backtracking engine or, with ascii, for the linear
// engine, which then gets only names in ASCII. The text means the same to both.
func write(tree node, ascii bool) string {
	w := &writer{ascii: ascii}
	tree.write(w)
	return w.String()
}

type writer struct {
	strings.Builder
	ascii bool
}

// group writes parts between an opening parenthesis and a closing one.
func (w *writer) group(open string, parts []node, between string) {
	w.WriteString(open)
	for i, n := range parts {
		if i > 0 {
			w.WriteString(between)
		}
		n.write(w)
	}
	w.WriteByte(')')
}

func (w *writer) rune(r rune) {
	switch {
	case strings.ContainsRune(`\.+*?()|[]{}^$`, r):
		w.WriteByte('\\')
		w.WriteRune(r)
	case r == '-' || unicode.IsControl(r):
		// The backtracking engine loses a range that ends in \-.
		fmt.Fprintf(w, `\x%02X`, r)
	default:
		w.WriteRune(r)
	}
}

func (w *writer) set(s runeSet) {
	if w.ascii {
		s = s.within(runeRange{0, unicode.MaxASCII})
	}
	// UTF-8 has no surrogates, so neither has a name.
	s = append(s.within(runeRange{0, 0xD7FF}), s.within(runeRange{0xE000, unicode.MaxRune})...)
	switch {
	case len(s) == 0:
		w.WriteString("[^")
		w.ranges(anyRune)
		w.WriteByte(']')
	case len(s) == 1 && s[0].lo == s[0].hi:
		w.rune(s[0].lo)
	default:
		w.WriteByte('[')
		w.ranges(s)
		w.WriteByte(']')
	}
}

func (w *writer) ranges(s runeSet) {
	for _, r := range s {
		w.rune(r.lo)
		if r.hi > r.lo {
			w.WriteByte('-')
			w.rune(r.hi)
		}
	}
}

func (n oneOf) write(w *writer) { w.set(n.runes) }

func (n anchor) write(w *writer) {
	switch {
	case n.kind == 'A':
		w.WriteString(`\A`)
	case n.kind == 'Z':
		w.WriteString(`\z`)
	case w.ascii:
		w.WriteString(`\` + string(n.kind))
	default:
		// The engines differ in what a word is, so the boundary is spelled out.
		after, before := "!", "="
		if n.kind == 'B' {
			after, before = before, after
		}
		word := []node{oneOf{n.word}}
		w.group("(?:(?<=", word, "")
		w.group("(?"+after, word, "")
		w.group("|(?<!", word, "")
		w.group("(?"+before, word, "")
		w.WriteByte(')')
	}
}

func (n sequence) write(w *writer) {
	for _, part := range n {
		part.write(w)
	}
}

func (n choice) write(w *writer) { w.group("(?:", n, "|") }

func (n repetition) write(w *writer) {
	if n.mode == possessive {
		n.mode = greedy
		atomic{n}.write(w)
		return
	}
	w.group("(?:", []node{n.body}, "")
	// The engine takes math.MaxInt32 for "no limit", even as a minimum.
	if n.max < math.MaxInt32 {
		fmt.Fprintf(w, "{%d,%d}", n.min, n.max)
	} else {
		fmt.Fprintf(w, "{%d,}", min(n.min, math.MaxInt32-1))
	}
	if n.mode == lazy {
		w.WriteByte('?')
	}
}

func (n *group) write(w *writer) {
	open := "(?:"
	if n.referred {
		open = fmt.Sprintf("(?<%d>", n.number)
	}
	w.group(open, []node{n.body}, "")
}

func (n atomic) write(w *writer) { w.group("(?>", []node{n.body}, "") }

func (n backReference) write(w *writer) {
	if n.ignoreCase {
		fmt.Fprintf(w, `(?i:\k<%d>)`, n.to.number)
		return
	}
	fmt.Fprintf(w, `\k<%d>`, n.to.number)
}

func (n conditional) write(w *writer) {
	w.group(fmt.Sprintf("(?(%d)(?:", n.number), []node{n.yes}, "")
	w.group("|(?:", []node{n.no}, "")
	w.WriteByte(')')
}

func (n lookaround) write(w *writer) {
	open := "(?="
	if n.negative {
		open = "(?!"
	}
	if !n.behind {
		w.group(open, []node{n.body}, "")
		return
	}
	// The engine matches a look-behind from right to left, Python from left to right,
	// so that a repeated group captures different text. So go back by the width, which
	// is fixed, and look ahead from there.
	width, _ := n.body.width()
	w.WriteString("(?<" + open[2:])
	w.group("(?=", []node{n.body}, "")
	w.set(anyRune)
	fmt.Fprintf(w, "{%d})", width)
}
