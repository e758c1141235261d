package pattern

import (
	"slices"
	"unicode"
)

// runeRange is the characters from lo to hi, both included.
type runeRange struct{ lo, hi rune }

// runeSet is a set of characters. The methods that return a set return it
// sorted, its ranges apart from each other.
type runeSet []runeRange

var anyRune = runeSet{{0, unicode.MaxRune}}

func oneRune(r rune) runeSet { return runeSet{{r, r}} }

func union(sets ...runeSet) runeSet {
	all := slices.Concat(sets...)
	slices.SortFunc(all, func(a, b runeRange) int { return int(a.lo - b.lo) })
	var out runeSet
	for _, r := range all {
		if last := len(out) - 1; last >= 0 && r.lo <= out[last].hi+1 {
			out[last].hi = max(out[last].hi, r.hi)
		} else {
			out = append(out, r)
		}
	}
	return out
}

func (s runeSet) negated() runeSet {
	var out runeSet
	next := rune(0)
	for _, r := range union(s) {
		if r.lo > next {
			out = append(out, runeRange{next, r.lo - 1})
		}
		next = r.hi + 1
	}
	if next <= unicode.MaxRune {
		out = append(out, runeRange{next, unicode.MaxRune})
	}
	return out
}

// within returns the characters of the set that are in the range.
func (s runeSet) within(bounds runeRange) runeSet {
	var out runeSet
	for _, r := range s {
		if r = (runeRange{max(r.lo, bounds.lo), min(r.hi, bounds.hi)}); r.lo <= r.hi {
			out = append(out, r)
		}
	}
	return out
}

// lastCased is the end of the last block of letters that have a case.
const lastCased = 0x1E943

// folded returns the set and all characters that Python's IGNORECASE considers equal
// to one of the set; with ascii, as under its ASCII flag.
func (s runeSet) folded(ascii bool) runeSet {
	if ascii {
		var others runeSet
		for _, r := range s.within(runeRange{'A', 'Z'}) {
			others = append(others, runeRange{r.lo + 'a' - 'A', r.hi + 'a' - 'A'})
		}
		for _, r := range s.within(runeRange{'a', 'z'}) {
			others = append(others, runeRange{r.lo - 'a' + 'A', r.hi - 'a' + 'A'})
		}
		return union(s, others)
	}
	var others runeSet
	for _, r := range s.within(runeRange{0, lastCased}) {
		for c := r.lo; c <= r.hi; c++ {
			for f := unicode.SimpleFold(c); f != c; f = unicode.SimpleFold(f) {
				others = append(others, runeRange{f, f})
			}
			for _, same := range pythonFolds {
				if slices.Contains(same, c) {
					for _, f := range same {
						others = append(others, runeRange{f, f})
					}
				}
			}
		}
	}
	return union(s, others)
}

// pythonFolds are the letters that Python considers equal because their upper or
// lower case is the same. Unicode's simple folding does not have them.
var pythonFolds = [][]rune{
	{'I', 'i', '\u0130', '\u0131'},
	{'\u0390', '\u1FD3'},
	{'\u03B0', '\u1FE3'},
	{'\uFB05', '\uFB06'},
}

// runeClass returns the set of \d, \s or \w in Python.
func runeClass(letter rune, ascii bool) runeSet {
	switch letter {
	case 'd':
		if ascii {
			return runeSet{{'0', '9'}}
		}
		return tableRunes(unicode.Nd)
	case 's':
		if ascii {
			return runeSet{{'\t', '\r'}, {' ', ' '}}
		}
		return union(tableRunes(unicode.White_Space), runeSet{{0x1C, 0x1F}})
	default:
		if ascii {
			return runeSet{{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}}
		}
		return union(tableRunes(unicode.L), tableRunes(unicode.N), oneRune('_'))
	}
}

func tableRunes(t *unicode.RangeTable) runeSet {
	var out runeSet
	add := func(lo, hi, stride rune) {
		if stride == 1 {
			out = append(out, runeRange{lo, hi})
			return
		}
		for r := lo; r <= hi; r += stride {
			out = append(out, runeRange{r, r})
		}
	}
	for _, r := range t.R16 {
		add(rune(r.Lo), rune(r.Hi), rune(r.Stride))
	}
	for _, r := range t.R32 {
		add(rune(r.Lo), rune(r.Hi), rune(r.Stride))
	}
	return union(out)
}
