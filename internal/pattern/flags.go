package pattern

import "strings"

// reFlags are the flags in force at a place of a pattern.
type reFlags int

const (
	flagIgnoreCase reFlags = 1 << iota
	flagASCII
	flagUnicode
	flagVerbose
	flagMultiline
	flagDotAll
)

// flagLetters has the letter of each flag at the place of its bit.
const flagLetters = "iauxms"

func (f reFlags) has(flag reFlags) bool { return f&flag != 0 }

// literal returns the part that takes one character as it is written.
func (f reFlags) literal(c rune) reNode { return reSet{f.fold(oneRune(c))} }

func (f reFlags) fold(s runeSet) runeSet {
	if !f.has(flagIgnoreCase) {
		return s
	}
	return s.folded(f.has(flagASCII))
}

// groupFlags parses what follows the first character of (?i), which sets
// flags for the whole pattern, or of (?i-x:...), which sets some in the group
// and clears others. It takes the colon or the parenthesis too.
func (p *parser) groupFlags(c rune) (set, cleared reFlags, whole bool, err error) {
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

// flag returns the flag of a letter that was just taken.
func (p *parser) flag(letter rune, end string) (reFlags, error) {
	i := strings.IndexRune(flagLetters, letter)
	switch {
	case letter < 0:
		return 0, p.errorAt(p.pos, "the pattern ends within flags: %s is missing", end)
	case i < 0:
		return 0, p.errorAt(p.pos-1, "%q is no flag: use letters of %q, then %s", letter, flagLetters, end)
	}
	return 1 << i, nil
}

// with returns the flags inside a group that sets some and clears others.
func (f reFlags) with(set, cleared reFlags) reFlags {
	if set.has(flagASCII | flagUnicode) {
		f &^= flagASCII | flagUnicode
	}
	return f&^cleared | set
}
