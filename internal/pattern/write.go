package pattern

import (
	"fmt"
	"math"
	"strings"
	"unicode"
)

// write writes a tree for the backtracking engine or, with ascii, for
// the linear one, which then holds for names in ASCII only. What it writes
// means the same to both engines.
func write(tree reNode, ascii bool) string {
	w := &reWriter{ascii: ascii}
	tree.write(w)
	return w.String()
}

type reWriter struct {
	strings.Builder
	ascii bool
}

// group writes parts between an opening parenthesis and a closing one.
func (w *reWriter) group(open string, parts []reNode, between string) {
	w.WriteString(open)
	for i, n := range parts {
		if i > 0 {
			w.WriteString(between)
		}
		n.write(w)
	}
	w.WriteByte(')')
}

func (w *reWriter) rune(r rune) {
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

func (w *reWriter) set(s runeSet) {
	if w.ascii {
		s = s.within(runeRange{0, unicode.MaxASCII})
	}
	// Surrogates can't be written, nor be in a name.
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

func (w *reWriter) ranges(s runeSet) {
	for _, r := range s {
		w.rune(r.lo)
		if r.hi > r.lo {
			w.WriteByte('-')
			w.rune(r.hi)
		}
	}
}

func (n reSet) write(w *reWriter) { w.set(n.runes) }

func (n reAnchor) write(w *reWriter) {
	switch {
	case n.kind == 'A':
		w.WriteString(`\A`)
	case n.kind == 'Z':
		w.WriteString(`\z`)
	case w.ascii:
		w.WriteString(`\` + string(n.kind))
	default:
		// What a word is differs from engine to engine.
		after, before := "!", "="
		if n.kind == 'B' {
			after, before = before, after
		}
		word := []reNode{reSet{n.word}}
		w.group("(?:(?<=", word, "")
		w.group("(?"+after, word, "")
		w.group("|(?<!", word, "")
		w.group("(?"+before, word, "")
		w.WriteByte(')')
	}
}

func (n reSequence) write(w *reWriter) {
	for _, part := range n {
		part.write(w)
	}
}

func (n reChoice) write(w *reWriter) { w.group("(?:", n, "|") }

func (n reRepeat) write(w *reWriter) {
	if n.mode == possessive {
		n.mode = greedy
		reAtomic{n}.write(w)
		return
	}
	w.group("(?:", []reNode{n.body}, "")
	// To the engine math.MaxInt32 is without limit, a minimum included.
	if n.max < math.MaxInt32 {
		fmt.Fprintf(w, "{%d,%d}", n.min, n.max)
	} else {
		fmt.Fprintf(w, "{%d,}", min(n.min, math.MaxInt32-1))
	}
	if n.mode == lazy {
		w.WriteByte('?')
	}
}

func (n *reGroup) write(w *reWriter) {
	open := "(?:"
	if n.referred {
		open = fmt.Sprintf("(?<%d>", n.number)
	}
	w.group(open, []reNode{n.body}, "")
}

func (n reAtomic) write(w *reWriter) { w.group("(?>", []reNode{n.body}, "") }

func (n reReference) write(w *reWriter) {
	if n.ignoreCase {
		fmt.Fprintf(w, `(?i:\k<%d>)`, n.to.number)
		return
	}
	fmt.Fprintf(w, `\k<%d>`, n.to.number)
}

func (n reConditional) write(w *reWriter) {
	w.group(fmt.Sprintf("(?(%d)(?:", n.number), []reNode{n.yes}, "")
	w.group("|(?:", []reNode{n.no}, "")
	w.WriteByte(')')
}

func (n reLook) write(w *reWriter) {
	open := "(?="
	if n.negative {
		open = "(?!"
	}
	if !n.behind {
		w.group(open, []reNode{n.body}, "")
		return
	}
	// The engine reads what is behind from right to left, Python from left
	// to right, which is told apart by what a repeated group captures: go
	// back by the width, which is fixed, and look ahead from there.
	width, _ := n.body.width()
	w.WriteString("(?<" + open[2:])
	w.group("(?=", []reNode{n.body}, "")
	w.set(anyRune)
	fmt.Fprintf(w, "{%d})", width)
}
