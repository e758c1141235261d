package aggregate

import (
	"fmt"
	"regexp"
	"time"
	"unicode/utf8"

	"github.com/dlclark/regexp2"
)

// patternTimeout ends a search by backtracking, which for some patterns takes
// twice as long with every character of the name. Other searches take
// microseconds, so that it hardly depends on the machine which are given up.
// The engine's clock ticks as slowly again: a search ends within twice that.
const patternTimeout = 100 * time.Millisecond

// A PatternError says where and why a text is not a regular expression of
// Python 3.
type PatternError struct {
	Pattern string
	Offset  int // of the character in question, from 0, as Python counts
	Cause   string
}

func (e *PatternError) Error() string {
	return fmt.Sprintf("pattern %q: position %d: %s", e.Pattern, e.Offset, e.Cause)
}

// pattern is a regular expression of Python 3.
//
// Neither of the two engines reads Python's syntax as Python does, so a
// pattern is parsed here and written again in the few constructs that both
// read alike: sets are spelled out, flags are resolved, and only groups that
// something refers to capture.
//
// A name holds no line ends, so `$` is the end of the name, `.` is any
// character, and the flags m and s change nothing.
type pattern struct {
	linear       *regexp.Regexp // for names in ASCII; nil where RE2 can't express the pattern
	backtracking *regexp2.Regexp
}

func compilePattern(text string) (*pattern, error) {
	tree, regular, err := parsePattern(text)
	if err != nil {
		return nil, err
	}
	p := &pattern{}
	if regular {
		// An error means more or larger repeats than RE2 allows.
		p.linear, _ = regexp.Compile(writePattern(tree, true))
	}
	p.backtracking, err = regexp2.Compile(writePattern(tree, false), regexp2.None)
	if err != nil {
		return nil, &PatternError{Pattern: text, Cause: err.Error()}
	}
	p.backtracking.MatchTimeout = patternTimeout
	return p, nil
}

// match reports whether the pattern matches somewhere in the name, as
// re.search does. A name whose search is given up does not match.
func (p *pattern) match(name string) bool {
	if p.linear != nil && inASCII(name) {
		return p.linear.MatchString(name)
	}
	found, err := p.backtracking.MatchString(name)
	if err != nil {
		// Time passes while other programs have the processor, too: a search
		// without end is one that runs out of time twice.
		found, err = p.backtracking.MatchString(name)
	}
	return err == nil && found
}

func inASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
