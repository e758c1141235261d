package pattern

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// maxDepth bounds groups within groups. Python's own bound is similar.
const maxDepth = 200

// parse parses a regular expression of Python 3.11
// (https://docs.python.org/3.11/library/re.html). regular reports whether it can be
// matched without backtracking.
func parse(text string) (tree node, regular bool, err error) {
	if !utf8.ValidString(text) {
		return nil, false, &Error{Pattern: text, Cause: "the pattern is not UTF-8"}
	}
	p := &parser{
		text:    text,
		src:     []rune(text),
		regular: true,
		groups:  []*group{nil},
		names:   make(map[string]*group),
	}
	tree, err = p.choice(0, 0)
	if err != nil {
		return nil, false, err
	}
	if !p.atEnd() {
		return nil, false, p.errorAt(p.pos, `no group is open here: write "\)" for the character`)
	}
	for _, c := range p.conditions {
		if c.number >= len(p.groups) {
			return nil, false, p.errorAt(c.offset, "the pattern has no group %d", c.number)
		}
		p.groups[c.number].referred = true
	}
	return tree, p.regular, nil
}

// parser turns the text of a pattern into a tree.
type parser struct {
	text string
	src  []rune
	pos  int

	flags   flagSet // the flags of the whole pattern
	regular bool

	groups     []*group          // by number; no group has the number 0
	names      map[string]*group // the groups that have a name
	conditions []condition
	behind     int // within a look-behind, the number of the first group in it; else 0
}

// condition tests whether a group, maybe a later one, has captured.
type condition struct{ number, offset int }

func (p *parser) errorAt(offset int, format string, args ...any) error {
	return &Error{Pattern: p.text, Offset: offset, Cause: fmt.Sprintf(format, args...)}
}

func (p *parser) atEnd() bool { return p.pos == len(p.src) }

// peek returns the next character, -1 at the end.
func (p *parser) peek() rune {
	if p.atEnd() {
		return -1
	}
	return p.src[p.pos]
}

// next consumes and returns the next character; it returns -1 at the end.
func (p *parser) next() rune {
	c := p.peek()
	if !p.atEnd() {
		p.pos++
	}
	return c
}

// accept consumes the next character if it is c.
func (p *parser) accept(c rune) bool {
	if p.atEnd() || p.src[p.pos] != c {
		return false
	}
	p.pos++
	return true
}

// acceptWhile consumes up to limit characters of a set, and returns them.
func (p *parser) acceptWhile(set string, limit int) string {
	start := p.pos
	for p.pos-start < limit && !p.atEnd() && strings.ContainsRune(set, p.src[p.pos]) {
		p.pos++
	}
	return string(p.src[start:p.pos])
}

// choice parses a|b up to a closing parenthesis or the end.
func (p *parser) choice(flags flagSet, depth int) (node, error) {
	var branches choice
	for {
		branch, err := p.sequence(flags, depth, depth == 0 && branches == nil)
		if err != nil {
			return nil, err
		}
		branches = append(branches, branch)
		if !p.accept('|') {
			break
		}
		if depth == 0 {
			flags = p.flags
		}
	}
	if len(branches) == 1 {
		return branches[0], nil
	}
	return branches, nil
}

// sequence parses one branch of a choice. Flags for the whole pattern may
// stand at the start of the first.
func (p *parser) sequence(flags flagSet, depth int, first bool) (node, error) {
	if depth > maxDepth {
		return nil, p.errorAt(p.pos, "more than %d groups within each other", maxDepth)
	}
	var parts sequence
	for !p.atEnd() && p.peek() != '|' && p.peek() != ')' {
		start := p.pos
		c := p.next()
		if flags.has(flagVerbose) {
			if strings.ContainsRune(" \t\n\r\v\f", c) {
				continue
			}
			if c == '#' {
				if _, err := p.skipPast('\n'); err != nil {
					return nil, err
				}
				continue
			}
		}
		var part node
		var err error
		switch c {
		case '\\':
			part, err = p.escape(start, flags)
		case '[':
			part, err = p.set(start, flags)
		case '.':
			part = oneOf{anyRune}
		case '^':
			part = anchor{kind: 'A'}
		case '$':
			part = anchor{kind: 'Z'}
		case '(':
			part, err = p.group(start, flags, depth, first && parts == nil)
			if first && parts == nil {
				flags = p.flags
			}
		case '*', '+', '?', '{':
			bounds, ok, berr := p.quantifier(c)
			switch {
			case berr != nil:
				err = berr
			case !ok:
				part = flags.literal(c)
			default:
				err = p.repeat(start, parts, bounds)
			}
		default:
			part = flags.literal(c)
		}
		if err != nil {
			return nil, err
		}
		if part != nil {
			parts = append(parts, part)
		}
	}
	return parts, nil
}

// skipPast consumes the text up to and with the next end without a backslash before
// it.
func (p *parser) skipPast(end rune) (found bool, err error) {
	for !p.atEnd() {
		switch start := p.pos; p.next() {
		case end:
			return true, nil
		case '\\':
			if p.next() < 0 {
				return false, p.errorAt(start, "nothing follows the backslash")
			}
		}
	}
	return false, nil
}

// quantifier parses the rest of a quantifier after its first character. It reports
// false for a brace that starts no quantifier and is a character like others.
func (p *parser) quantifier(c rune) (bounds repetition, ok bool, err error) {
	switch c {
	case '*':
		bounds = repetition{min: 0, max: unlimited}
	case '+':
		bounds = repetition{min: 1, max: unlimited}
	case '?':
		bounds = repetition{min: 0, max: 1}
	default:
		start := p.pos
		least := p.acceptWhile(decimalDigits, len(p.src))
		most := least
		comma := p.accept(',')
		if comma {
			most = p.acceptWhile(decimalDigits, len(p.src))
		}
		if !p.accept('}') || least == "" && !comma {
			p.pos = start
			return bounds, false, nil
		}
		if bounds.min, ok = repeatCount(least, 0); !ok {
			return bounds, false, p.errorAt(start, "a repetition of %s is too large", least)
		}
		if bounds.max, ok = repeatCount(most, unlimited); !ok {
			return bounds, false, p.errorAt(start, "a repetition of %s is too large", most)
		}
		if bounds.max < bounds.min {
			return bounds, false, p.errorAt(start, "at least %d times and at most %d: write the smaller first", bounds.min, bounds.max)
		}
	}
	if p.accept('?') {
		bounds.mode = lazy
	} else if p.accept('+') {
		bounds.mode = possessive
	}
	return bounds, true, nil
}

func repeatCount(digits string, missing int64) (n int64, ok bool) {
	if digits == "" {
		return missing, true
	}
	for _, d := range digits {
		if n = n*10 + int64(d-'0'); n >= unlimited {
			return 0, false
		}
	}
	return n, true
}

// repeat replaces the last part by a repetition of it.
func (p *parser) repeat(start int, parts sequence, bounds repetition) error {
	last := len(parts) - 1
	if last < 0 {
		return p.errorAt(start, `nothing to repeat: write "\%c" for the character`, p.src[start])
	}
	switch parts[last].(type) {
	case anchor:
		return p.errorAt(start, "nothing to repeat: a position is not a character")
	case repetition:
		return p.errorAt(start, "repeats a repetition: put the inner one in (?:...)")
	}
	if bounds.mode == possessive {
		p.regular = false
	}
	bounds.body = parts[last]
	parts[last] = bounds
	return nil
}
