package pattern

import (
	"strconv"
	"unicode"
)

const (
	decimalDigits = "0123456789"
	octalDigits   = "01234567"
	hexDigits     = "0123456789abcdefABCDEF"
)

// escape parses the rest of an escape after its backslash, outside of a set.
func (p *parser) escape(start int, flags flagSet) (node, error) {
	switch c := p.next(); c {
	case 'A', 'Z':
		return anchor{kind: c}, nil
	case 'b', 'B':
		return anchor{kind: c, word: runeClass('w', flags.has(flagASCII))}, nil
	case '1', '2', '3', '4', '5', '6', '7', '8', '9':
		return p.numbered(start, flags)
	case '0':
		code, err := strconv.ParseInt("0"+p.acceptWhile(octalDigits, 2), 8, 32)
		return flags.literal(rune(code)), err
	default:
		if class := escapedClass(c, flags); class != nil {
			return oneOf{class}, nil
		}
		r, err := p.escapedRune(start, c)
		return flags.literal(r), err
	}
}

// numbered parses \1, which is a reference, or \101, which is a character.
func (p *parser) numbered(start int, flags flagSet) (node, error) {
	p.pos = start + 1
	if digits := p.acceptWhile(octalDigits, 3); len(digits) == 3 {
		r, err := p.octal(start, digits)
		return flags.literal(r), err
	}
	p.pos = start + 1
	number, err := strconv.Atoi(p.acceptWhile(decimalDigits, 2))
	if err != nil || number >= len(p.groups) {
		return nil, p.errorAt(start+1, "no group before has the number %d", number)
	}
	return p.reference(start, p.groups[number], flags)
}

func (p *parser) octal(start int, digits string) (rune, error) {
	code, err := strconv.ParseUint(digits, 8, 32)
	if err != nil || code > 0o377 {
		return 0, p.errorAt(start, `\%s is more than \377`, digits)
	}
	return rune(code), nil
}

// escapedClass returns the set of \d, \D and so on, nil if the letter is not that of
// a class.
func escapedClass(letter rune, flags flagSet) runeSet {
	switch letter {
	case 'd', 's', 'w':
		return runeClass(letter, flags.has(flagASCII))
	case 'D', 'S', 'W':
		return runeClass(unicode.ToLower(letter), flags.has(flagASCII)).negated()
	}
	return nil
}

// escapedRune returns the character that an escape means both in a set and outside:
// letter is the character after the backslash, and digits may follow.
func (p *parser) escapedRune(start int, letter rune) (rune, error) {
	switch letter {
	case 'a':
		return '\a', nil
	case 'f':
		return '\f', nil
	case 'n':
		return '\n', nil
	case 'r':
		return '\r', nil
	case 't':
		return '\t', nil
	case 'v':
		return '\v', nil
	case 'x':
		return p.hex(start, 2)
	case 'u':
		return p.hex(start, 4)
	case 'U':
		return p.hex(start, 8)
	case 'N':
		return 0, p.errorAt(start, `characters by name are not supported: write \uXXXX`)
	case -1:
		return 0, p.errorAt(start, "nothing follows the backslash")
	}
	if letter <= unicode.MaxASCII && unicode.In(letter, unicode.L, unicode.Nd) {
		return 0, p.errorAt(start, `"\%c" has no meaning here`, letter)
	}
	return letter, nil
}

func (p *parser) hex(start, digits int) (rune, error) {
	code, err := strconv.ParseUint(p.acceptWhile(hexDigits, digits), 16, 32)
	if err != nil || p.pos-start != digits+2 || code > unicode.MaxRune {
		return 0, p.errorAt(start, `"\%c" is followed by %d hexadecimal digits, 10FFFF at most`, p.src[start+1], digits)
	}
	return rune(code), nil
}

// set parses a set after its opening bracket. Another opening bracket in it is a
// plain character.
func (p *parser) set(start int, flags flagSet) (node, error) {
	var chars, classes runeSet
	negated := p.accept('^')
	for first := true; ; first = false {
		from := p.pos
		if p.peek() == ']' && !first {
			p.pos++
			break
		}
		lo, class, err := p.setItem(start, flags)
		if err != nil {
			return nil, err
		}
		if p.peek() != '-' || p.pos+1 < len(p.src) && p.src[p.pos+1] == ']' {
			if class == nil {
				chars = append(chars, runeRange{lo, lo})
			}
			classes = append(classes, class...)
			continue
		}
		p.pos++
		hi, end, err := p.setItem(start, flags)
		if err != nil {
			return nil, err
		}
		if class != nil || end != nil || hi < lo {
			return nil, p.errorAt(from, "%q is not a range of characters: the smaller comes first", string(p.src[from:p.pos]))
		}
		chars = append(chars, runeRange{lo, hi})
	}
	runes := union(flags.fold(union(chars)), classes)
	if negated {
		runes = runes.negated()
	}
	return oneOf{runes}, nil
}

// setItem parses one item of a set: a character, or a class of characters.
func (p *parser) setItem(set int, flags flagSet) (r rune, class runeSet, err error) {
	start := p.pos
	switch r = p.next(); r {
	case -1:
		return 0, nil, p.errorAt(set, `the set does not end: add "]", or write "\[" for the character`)
	case '\\':
	default:
		return r, nil, nil
	}
	if digits := p.acceptWhile(octalDigits, 3); digits != "" {
		r, err = p.octal(start, digits)
		return r, nil, err
	}
	r = p.next()
	if r == 'b' {
		return '\b', nil, nil
	}
	if class = escapedClass(r, flags); class != nil {
		return 0, class, nil
	}
	r, err = p.escapedRune(start, r)
	return r, nil, err
}
