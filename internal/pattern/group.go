package pattern

import (
	"strconv"
	"strings"
	"unicode"
)

// group parses a group after its opening parenthesis. It returns nil for a comment
// and for flags of the whole pattern, which may only come first.
func (p *parser) group(start int, flags flagSet, depth int, first bool) (node, error) {
	if !p.accept('?') {
		return p.capture(start, "", flags, depth)
	}
	switch c := p.next(); {
	case c < 0:
		return nil, p.errorAt(p.pos, `the pattern ends after "(?"`)
	case c == 'P':
		return p.named(start, flags, depth)
	case c == ':':
		return p.body(start, flags, depth)
	case c == '#':
		found, err := p.skipPast(')')
		if err == nil && !found {
			err = p.errorAt(start, `the comment does not end: add ")"`)
		}
		return nil, err
	case c == '=' || c == '!':
		return p.lookaround(start, lookaround{negative: c == '!'}, flags, depth)
	case c == '<':
		c = p.next()
		if c < 0 {
			return nil, p.errorAt(p.pos, `the pattern ends after "(?<"`)
		}
		if c != '=' && c != '!' {
			return nil, p.errorAt(start+1, `"?<" is followed by "=" or "!"; a group is named by (?P<name>...)`)
		}
		return p.lookaround(start, lookaround{behind: true, negative: c == '!'}, flags, depth)
	case c == '(':
		return p.conditional(start, flags, depth)
	case c == '>':
		p.regular = false
		body, err := p.body(start, flags, depth)
		return atomic{body}, err
	case c == '-' || c == 'L' || strings.ContainsRune(flagLetters, c):
		set, cleared, whole, err := p.groupFlags(c)
		if err != nil {
			return nil, err
		}
		if !whole {
			return p.body(start, flags.with(set, cleared), depth)
		}
		if !first {
			return nil, p.errorAt(start, "flags for the whole pattern stand at its start; for a part, write (?i:...)")
		}
		if p.flags |= set; p.flags.has(flagASCII) && p.flags.has(flagUnicode) {
			return nil, p.errorAt(start, "flags a and u exclude each other")
		}
		return nil, nil
	default:
		return nil, p.errorAt(start+1, `"?%c" starts no kind of group`, c)
	}
}

// body parses the inside of a group and its closing parenthesis.
func (p *parser) body(start int, flags flagSet, depth int) (node, error) {
	body, err := p.choice(flags, depth+1)
	if err == nil {
		err = p.closed(start)
	}
	return body, err
}

func (p *parser) closed(start int) error {
	if !p.accept(')') {
		return p.errorAt(start, `the group does not end: add ")", or write "\(" for the character`)
	}
	return nil
}

func (p *parser) capture(start int, name string, flags flagSet, depth int) (node, error) {
	g := &group{number: len(p.groups)}
	p.groups = append(p.groups, g)
	if name != "" {
		p.names[name] = g
	}
	body, err := p.body(start, flags, depth)
	if err == nil {
		g.close(body)
	}
	return g, err
}

// named parses the rest of a group after (?P.
func (p *parser) named(start int, flags flagSet, depth int) (node, error) {
	c := p.next()
	at := p.pos
	switch c {
	case '<':
		name, err := p.name('>')
		switch {
		case err != nil:
			return nil, err
		case !isIdentifier(name):
			return nil, p.errorAt(at, "%q is not a name of a group: use letters, digits and _", name)
		case p.names[name] != nil:
			return nil, p.errorAt(at, "a group before has the name %q too", name)
		}
		return p.capture(start, name, flags, depth)
	case '=':
		name, err := p.name(')')
		switch {
		case err != nil:
			return nil, err
		case p.names[name] == nil:
			return nil, p.errorAt(at, "no group before has the name %q", name)
		}
		return p.reference(at, p.names[name], flags)
	case -1:
		return nil, p.errorAt(p.pos, `the pattern ends after "(?P"`)
	}
	return nil, p.errorAt(start+1, `"?P" is followed by "<" or "="`)
}

// name consumes a name and the end after it, and returns the name.
func (p *parser) name(end rune) (string, error) {
	start := p.pos
	for !p.atEnd() {
		if p.next() != end {
			continue
		}
		if p.pos-1 == start {
			return "", p.errorAt(start, "the name of a group is missing")
		}
		return string(p.src[start : p.pos-1]), nil
	}
	return "", p.errorAt(start, `the name of a group does not end: add "%c"`, end)
}

func isIdentifier(s string) bool {
	for i, c := range s {
		switch {
		case c == '_' || unicode.In(c, unicode.L, unicode.Nl):
		case i > 0 && unicode.In(c, unicode.Nd, unicode.Mn, unicode.Mc, unicode.Pc):
		default:
			return false
		}
	}
	return s != ""
}

// reference returns the node that matches what a group has captured.
func (p *parser) reference(at int, to *group, flags flagSet) (node, error) {
	if err := p.usable(at, to); err != nil {
		return nil, err
	}
	p.regular = false
	to.referred = true
	return backReference{to: to, ignoreCase: flags.has(flagIgnoreCase)}, nil
}

// usable returns an error if Python refuses a reference to the group at this place.
func (p *parser) usable(at int, g *group) error {
	switch {
	case g.body == nil:
		return p.errorAt(at, "refers to a group from within that group")
	case p.behind > 0 && g.number >= p.behind:
		return p.errorAt(p.pos, "refers to a group in the same look-behind")
	}
	return nil
}

// lookaround parses the body of a look-ahead or look-behind and its parenthesis.
func (p *parser) lookaround(start int, n lookaround, flags flagSet, depth int) (node, error) {
	p.regular = false
	outer := p.behind
	if n.behind && outer == 0 {
		p.behind = len(p.groups)
	}
	body, err := p.body(start, flags, depth)
	if err != nil {
		return nil, err
	}
	p.behind = outer
	if lo, hi := body.width(); n.behind && (lo != hi || hi == widthLimit) {
		return nil, p.errorAt(start, "a look-behind has a fixed width: every branch takes as many characters")
	}
	n.body = body
	return n, nil
}

// conditional parses the rest of a group after "(?(".
func (p *parser) conditional(start int, flags flagSet, depth int) (node, error) {
	at := p.pos
	name, err := p.name(')')
	if err != nil {
		return nil, err
	}
	number, err := strconv.Atoi(name)
	switch {
	case p.names[name] != nil:
		number = p.names[name].number
	case isIdentifier(name):
		return nil, p.errorAt(at, "no group before has the name %q", name)
	case err != nil || number <= 0 || strings.Trim(name, decimalDigits) != "":
		return nil, p.errorAt(at, "%q is neither a name nor a number of a group", name)
	}
	if p.behind > 0 {
		if number >= len(p.groups) {
			return nil, p.errorAt(p.pos, "a look-behind refers to a group that comes later")
		}
		if err := p.usable(p.pos, p.groups[number]); err != nil {
			return nil, err
		}
	}
	p.regular = false
	p.conditions = append(p.conditions, condition{number, at})
	n := conditional{number: number, no: sequence{}}
	if n.yes, err = p.sequence(flags, depth+1, false); err != nil {
		return nil, err
	}
	if p.accept('|') {
		if n.no, err = p.sequence(flags, depth+1, false); err != nil {
			return nil, err
		}
		if p.peek() == '|' {
			return nil, p.errorAt(p.pos, "a condition has two branches at most: put (?:...) around a choice")
		}
	}
	return n, p.closed(start)
}
