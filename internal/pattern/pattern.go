// Package pattern matches names against regular expressions of Python 3.11, as
// its re.search does.
//
// Go's package regexp runs the patterns that it can express. A backtracking engine
// runs the others, as those with look-around or references to groups, and has a time
// limit. Names are texts without line ends; the package matches nothing else.
package pattern

import (
	"fmt"
	"regexp"
	"slices"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/dlclark/regexp2"
)

// timeout ends a search by backtracking, which for some patterns takes twice as long
// with every character of the name. The limit is far above the microseconds of normal
// searches, so that results do not depend on the machine's speed. The engine reads its
// clock that seldom, too, so that a search ends within twice the timeout.
const timeout = 100 * time.Millisecond

// maxSlow is how many names a pattern may be too slow for before it is switched
// off, which bounds the time that it can take in all.
const maxSlow = 5

// maxSlowTogether is how often the patterns of one [Budget] may be too slow before each
// of them is switched off by its next slow name.
const maxSlowTogether = 20

// Budget bounds the time that patterns take together. The zero value is ready for use,
// by several goroutines.
type Budget struct {
	mu   sync.Mutex
	slow int // slow searches so far
}

// spend counts a name that a pattern was too slow for, and reports whether the budget
// is used up.
func (b *Budget) spend() bool {
	if b == nil {
		return false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.slow++
	return b.slow > maxSlowTogether
}

// Error is the reason why a text is not a regular expression of Python 3.
type Error struct {
	Pattern string
	Offset  int // the number of characters before the fault, as Python counts
	Cause   string
}

func (e *Error) Error() string {
	return fmt.Sprintf("pattern %q: position %d: %s", e.Pattern, e.Offset, e.Cause)
}

// Pattern is a regular expression of Python 3. It is safe for concurrent use.
//
// Neither engine reads Python's syntax as Python does. So this package parses a
// pattern and writes it again in the few constructs that both engines read alike:
// sets are spelled out, flags are resolved, and only groups that a reference or a
// condition needs capture.
//
// A pattern that is too slow for a name does not match it, and is not tried on it
// again. A pattern that is too slow for maxSlow names, or for one after its Budget is
// used up, matches nothing any more.
//
// A name holds no line ends, so `$` is the end of the name, `.` is any
// character, and the flags m and s change nothing.
type Pattern struct {
	linear       *regexp.Regexp // for names in ASCII; nil where RE2 can't express the pattern
	backtracking *regexp2.Regexp

	// Slow, unless nil, is called for each name that the pattern is too slow for;
	// off is true for the last one. It must be set before the first Match.
	Slow func(name string, off bool)

	// Budget, unless nil, is shared with other patterns. It must be set before the first
	// Match.
	Budget *Budget

	mu   sync.Mutex
	slow []string // names that the pattern is too slow for
	off  bool     // it matches nothing any more
}

// Compile reads a regular expression. An error is an [*Error].
func Compile(text string) (*Pattern, error) {
	tree, regular, err := parse(text)
	if err != nil {
		return nil, err
	}
	p := &Pattern{}
	if regular {
		// An error means that RE2 allows fewer or smaller repetitions.
		p.linear, _ = regexp.Compile(write(tree, true))
	}
	p.backtracking, err = regexp2.Compile(write(tree, false), regexp2.None)
	if err != nil {
		return nil, &Error{Pattern: text, Cause: err.Error()}
	}
	p.backtracking.MatchTimeout = timeout
	return p, nil
}

// Match reports whether the pattern matches somewhere in the name. The time for a
// name in ASCII is proportional to its length, unless the pattern needs backtracking.
// A search by backtracking ends after some tenths of a second; then the name does not
// match.
func (p *Pattern) Match(name string) bool {
	if p.linear != nil && inASCII(name) {
		return p.linear.MatchString(name)
	}
	if p.tooSlow(name) {
		return false
	}
	found, err := p.backtracking.MatchString(name)
	if err != nil {
		// The timeout includes the time in which other programs have the processor, so
		// only the second one counts.
		found, err = p.backtracking.MatchString(name)
	}
	if err != nil {
		p.giveUp(name)
		return false
	}
	return found
}

// tooSlow reports whether the pattern was too slow for the name before, or is switched
// off.
func (p *Pattern) tooSlow(name string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.off || slices.Contains(p.slow, name)
}

// giveUp records that the pattern is too slow for a name.
func (p *Pattern) giveUp(name string) {
	p.mu.Lock()
	if p.off || slices.Contains(p.slow, name) {
		p.mu.Unlock()
		return // another goroutine was faster
	}
	p.slow = append(p.slow, name)
	spent := p.Budget.spend()
	off := spent || len(p.slow) == maxSlow
	p.off = off
	p.mu.Unlock()
	if p.Slow != nil {
		p.Slow(name, off)
	}
}

func inASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
