package pattern

import "strings"

// flagSet is the set of flags in force at a place of a pattern.
type flagSet int

const (
	flagIgnoreCase flagSet = 1 << iota
	flagASCII
	flagUnicode
	flagVerbose
	flagMultiline
	flagDotAll
)

// flagLetters has the letter of each flag at the index of its bit.
const flagLetters = "iauxms"

func (f flagSet) has(flag flagSet) bool { return f&flag != 0 }

// literal returns the node that matches one character as it is written.
func (f flagSet) literal(c rune) node { return oneOf{f.fold(oneRune(c))} }

// fold adds the other cases of the set's characters if the flags ignore case.
func (f flagSet) fold(s runeSet) runeSet {
	if !f.has(flagIgnoreCase) {
		return s
	}
	return s.folded(f.has(flagASCII))
}

// groupFlags parses the flags of (?i), which sets them for the whole pattern, or of
// (?i-x:...), which sets and clears flags in the group. c is the first character
// after the question mark. groupFlags consumes the colon or the parenthesis, too.
func (p *parser) groupFlags(c rune) (set, cleared flagSet, whole bool, err error) {
	for ; c != ':' && c != ')' && c != '-'; c = p.next() {
		if c == 'L' {
			return 0, 0, false, p.errorAt(p.pos, "flag L is for bytes, not text: leave it out")
		}
		flag, ferr := p.flag(c, `"-", ":" or ")"`)
		if ferr != nil {
			return 0, 0, false, ferr
		}
		set |= flag
		if set.has(flagASCII) && set.has(flagUnicode) {
			return 0, 0, false, p.errorAt(p.pos, "flags a and u exclude each other")
		}
	}
	if c == ')' {
		return set, 0, true, nil
	}
	if c == ':' {
		return set, 0, false, nil
	}
	for c = p.next(); c != ':' || cleared == 0; c = p.next() {
		flag, ferr := p.flag(c, `":"`)
		if ferr != nil {
			return 0, 0, false, ferr
		}
		if flag == flagASCII || flag == flagUnicode {
			return 0, 0, false, p.errorAt(p.pos, "flags a and u can't be turned off")
		}
		cleared |= flag
	}
	if set&cleared != 0 {
		return 0, 0, false, p.errorAt(p.pos-1, "a flag is turned on and off")
	}
	return set, cleared, false, nil
}

// flag returns the flag of a letter that was just consumed.
func (p *parser) flag(letter rune, end string) (flagSet, error) {
	i := strings.IndexRune(flagLetters, letter)
	switch {
	case letter < 0:
		return 0, p.errorAt(p.pos, "the pattern ends within flags: %s is missing", end)
	case i < 0:
		return 0, p.errorAt(p.pos-1, "%q is not a flag: use letters of %q, then %s", letter, flagLetters, end)
	}
	return 1 << i, nil
}

// with returns the flags inside a group that sets some and clears others.
func (f flagSet) with(set, cleared flagSet) flagSet {
	if set.has(flagASCII | flagUnicode) {
		f &^= flagASCII | flagUnicode
	}
	return f&^cleared | set
}
