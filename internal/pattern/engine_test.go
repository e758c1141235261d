package pattern

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// tooLong is far more than the time of any search, on any machine.
const tooLong = 10 * time.Second

func TestSearchWithoutEndIsGivenUp(t *testing.T) {
	name := strings.Repeat("a", 60)
	cases := []struct {
		pattern string
		name    string
		want    bool
	}{
		{`^(?:(a)|a)+(?(1)b|c)$`, name + "!", false},
		{`^(?>(a|aa)+$)`, name + "!", false},
		{`^(a+)+\1$`, name + "!", false},
		{`(?:(a|){10000}){10000}\1b`, name, false},
		{`((?:a|)){4294967294}\1b`, name, false},
		// These only look slow: repetitions of an empty text, and patterns for RE2.
		{`(?:a?){4294967294}(?=b)b`, "bb", true},
		{`^(?:a|aa)+$`, name + "!", false},
		{`(a+)+$`, name + "!", false},
		{`(a+)+!$`, name + "!", true},
	}
	for _, c := range cases {
		p, err := Compile(c.pattern)
		if err != nil {
			t.Error(err)
			continue
		}
		start := time.Now()
		if got := p.Match(c.name); got != c.want {
			t.Errorf("pattern %q on %q: got %v, want %v", c.pattern, c.name, got, c.want)
		}
		if took := time.Since(start); took > tooLong {
			t.Errorf("pattern %q on %q took %v, want less than %v", c.pattern, c.name, took, tooLong)
		}
	}
}

// TestSlowNamesAreRemembered searches the same name for each of many servers, and
// names that are all too slow: the pattern's time is bounded in all.
func TestSlowNamesAreRemembered(t *testing.T) {
	p, err := Compile(`^(?!api)([a-z]+-?)+$`)
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	p.Slow = func(name string, off bool) { told = append(told, fmt.Sprintf("%c %t", name[0], off)) }
	name := strings.Repeat("checkout-service-production-frankfurt", 2) + "_2"
	start := time.Now()
	for range 1000 {
		if p.Match(name) {
			t.Fatal("matches")
		}
	}
	if !p.Match("web") {
		t.Error("does not match another name any more")
	}
	for _, first := range "abcdefghijklmnopqrst" {
		for range 100 {
			if p.Match(string(first) + name) {
				t.Fatal("matches")
			}
		}
	}
	if p.Match("web") {
		t.Error("matches after it was switched off")
	}
	if took := time.Since(start); took > 10*tooLong {
		t.Errorf("took %v, want a few seconds", took)
	}
	if got, want := strings.Join(told, ", "), "c false, a false, b false, c false, d true"; got != want {
		t.Errorf("told %s, want %s", got, want)
	}
}

// TestSlowPatternsTogether has many slow patterns: the time of all is bounded, and none
// is switched off by names that only others are too slow for.
func TestSlowPatternsTogether(t *testing.T) {
	const patterns = maxSlowTogether/2 + 5
	together := new(Budget)
	named := func(first int) string {
		return string(rune('a'+first)) + strings.Repeat("checkout-service-production-frankfurt", 2) + "_2"
	}
	var all []*Pattern
	tries, off := 0, 0
	for range patterns {
		p, err := Compile(`^(?!api)([a-z]+-?)+$`)
		if err != nil {
			t.Fatal(err)
		}
		p.Budget = together
		p.Slow = func(_ string, last bool) {
			tries++
			if last {
				off++
			}
		}
		all = append(all, p)
	}
	// Two names for each of the first, and so the whole budget.
	for i, p := range all {
		if i < maxSlowTogether/2 {
			p.Match(named(0))
			p.Match(named(1))
		}
	}
	if tries != maxSlowTogether || off != 0 {
		t.Errorf("got %d tries and %d patterns off, want %d and none", tries, off, maxSlowTogether)
	}
	for first := 2; first < 8; first++ {
		for _, p := range all {
			if p.Match(named(first)) {
				t.Fatal("matches")
			}
		}
	}
	if want := maxSlowTogether + patterns; tries != want || off != patterns {
		t.Errorf("got %d tries and %d patterns off, want %d and %d", tries, off, want, patterns)
	}
	quick, err := Compile(`^(?!api)web$`)
	if err != nil {
		t.Fatal(err)
	}
	quick.Budget = together
	if !quick.Match("web") {
		t.Error("a quick pattern does not match any more")
	}
}

func TestEngineOfPattern(t *testing.T) {
	for pattern, linear := range map[string]bool{
		`^(?P<n>web|api)\b[\w-]+(?i:x){2,3}?$`: true,
		`a{1001}`:                              false,
		`a++`:                                  false,
		`(?>a)`:                                false,
		`(a)\1`:                                false,
		`(a)(?(1))`:                            false,
		`(?!a)`:                                false,
		`(?<=a)`:                               false,
	} {
		p, err := Compile(pattern)
		if err != nil {
			t.Error(err)
		} else if got := p.linear != nil; got != linear {
			t.Errorf("pattern %q uses RE2: got %v, want %v", pattern, got, linear)
		}
	}
}

// TestSetsWithHyphensAndSurrogates: both engines match such sets as Python does.
func TestSetsWithHyphensAndSurrogates(t *testing.T) {
	for _, c := range []struct {
		pattern string
		in, out []string
	}{
		{`^[!\-z]$`, []string{"!", "-", "z"}, []string{"b", "_", "."}},
		{`^[!z-]$`, []string{"!", "-", "z"}, []string{"b", "_", "."}},
		{`^[+--]$`, []string{"+", ",", "-"}, []string{"*", "."}},
		{`^[--/]$`, []string{"-", ".", "/"}, []string{",", "0"}},
		{`^[^!\-z]$`, []string{"b", "_", "\U0010FFFF"}, []string{"!", "-", "z"}},
		{`^[\ud800-\uffff]$`, []string{"\ue000", "\uffff"}, []string{"é", "b"}},
		{`^[^\udfff]$`, []string{"\ud7ff", "\ue000", "b"}, nil},
	} {
		p, err := Compile(c.pattern)
		if err != nil {
			t.Error(err)
			continue
		}
		for want, names := range map[bool][]string{true: c.in, false: c.out} {
			for _, name := range names {
				got := p.Match(name)
				other, err := p.backtracking.MatchString(name)
				if got != want || other != want || err != nil {
					t.Errorf("pattern %q on %q: got %v, by backtracking %v (error %v), want %v", c.pattern, name, got, other, err, want)
				}
			}
		}
	}
}

func TestPatternRefused(t *testing.T) {
	// Python accepts the first two; this package has bounds.
	for pattern, want := range map[string]string{
		strings.Repeat("(", 300) + strings.Repeat(")", 300): "position 201: more than 200 groups within each other",
		`\N{BULLET}`: `position 0: characters by name are not supported: write \uXXXX`,
		"a\xff":      `the pattern is not UTF-8`,
		`web(`:       `pattern "web(": position 3: the group does not end: add ")", or write "\(" for the character`,
		`*web`:       `position 0: nothing to repeat: write "\*" for the character`,
		`web(?i)`:    `position 3: flags for the whole pattern stand at its start; for a part, write (?i:...)`,
	} {
		_, err := Compile(pattern)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Compile(%q): got %v, want %s", pattern, err, want)
		}
	}
}

// TestWidthOfNestedReferences: widths are bounded, and each is added up only once.
func TestWidthOfNestedReferences(t *testing.T) {
	pattern := `(a)`
	for n := 1; n < 60; n++ {
		pattern += fmt.Sprintf(`(\%d\%d)`, n, n)
	}
	if _, err := Compile(pattern + `(?<=\60)`); err == nil {
		t.Error("a look-behind of 2^59 characters: got no error, want one")
	}
}

// FuzzPattern checks that any pattern and name give a result, or an error with a
// position in the pattern, and that both engines give the same result.
func FuzzPattern(f *testing.F) {
	for _, c := range recordedCases(f) {
		f.Add(c.Pattern, "")
		for _, names := range [][]string{c.In, c.Out} {
			if len(names) > 0 {
				f.Add(c.Pattern, names[len(names)-1])
			}
		}
	}
	f.Add(`(a+)+$`, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!")
	f.Add(`(a+)+\1$`, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!")
	f.Fuzz(func(t *testing.T, pattern, name string) {
		if len(pattern) > 200 || len(name) > 200 {
			t.Skip("longer adds nothing but time")
		}
		p, err := Compile(pattern)
		if err != nil {
			var perr *Error
			if !errors.As(err, &perr) || perr.Offset < 0 || perr.Offset > utf8.RuneCountInString(pattern) {
				t.Fatalf("%q: got error %v (%[2]T), want a position in the pattern", pattern, err)
			}
			return
		}
		start := time.Now()
		got := p.Match(name)
		if took := time.Since(start); took > tooLong {
			t.Fatalf("%q on %q took %v, want less than %v", pattern, name, took, tooLong)
		}
		if p.linear == nil || !inASCII(name) {
			return
		}
		other, err := p.backtracking.MatchString(name)
		if err == nil && other != got {
			t.Fatalf("%q on %q: got %v from RE2 and %v from backtracking, want the same", pattern, name, got, other)
		}
	})
}
