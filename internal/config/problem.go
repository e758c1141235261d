package config

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"haproxystats/internal/config/ini"
)

// Problem is one fault of a configuration. It is comparable.
type Problem struct {
	Pos     ini.Pos
	Section string // empty if the problem is outside of any section
	Option  string // empty if the problem is not in an option
	Value   string // as read, with references replaced; shown with Option only
	Reason  string // what is wrong
	Allowed string // the values that the option takes; may be empty
	Hint    string // what to do, a sentence without its full stop; may be empty
	// Refuser is the other program if that one will refuse the value; empty for all
	// other problems.
	Refuser Program
}

// Error returns the problem and its hint in one line, without the passwords of URLs:
//
//	file:12: [pull] workers = "2 # two": not a whole number; allowed: 1 to 1024. Put the comment on a line of its own
func (p Problem) Error() string {
	if p.Hint == "" {
		return p.Description()
	}
	return p.Description() + ". " + hideUser(p.Hint)
}

// secretKinds are the kinds of options whose values may hold secrets: a header can be a login,
// and an address can have a token.
var secretKinds = []string{headerList.name, webAddress.name}

// Public returns the problem in one line for readers who need not be allowed to read the
// configuration: of an option that may hold a secret, neither the value nor a reason that
// quotes it.
func (p Problem) Public() string {
	if o, ok := lookupOption(p.Section, p.Option); ok && slices.Contains(secretKinds, o.Kind) {
		return fmt.Sprintf("%s: [%s] %s: the value is not allowed. The log has the reason", p.Pos, p.Section, p.Option)
	}
	return p.Error()
}

// Description returns the problem in one line as Error does, without its hint.
func (p Problem) Description() string {
	var s strings.Builder
	if !p.Pos.IsZero() {
		s.WriteString(p.Pos.String() + ": ")
	}
	if p.Section != "" {
		s.WriteString("[" + p.Section + "]")
		if p.Option != "" {
			fmt.Fprintf(&s, " %s = %s", p.Option, shorten(p.Value))
		}
		s.WriteString(": ")
	}
	s.WriteString(p.Reason)
	if p.Allowed != "" {
		s.WriteString("; allowed: " + p.Allowed)
	}
	return hideUser(s.String())
}

// userInfo matches the name and password of a URL.
var userInfo = regexp.MustCompile(`://[^/@\s]*@`)

func hideUser(text string) string { return userInfo.ReplaceAllString(text, "://***@") }

// shorten returns the start of a value in quotes.
func shorten(value string) string {
	const limit = 200
	if len(value) > limit {
		return fmt.Sprintf("%.*q...", limit, value)
	}
	return fmt.Sprintf("%q", value)
}

// Problems is all that is wrong with a configuration, in the order of the files.
type Problems []Problem

// Error returns a line per problem.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, problem := range p {
		lines[i] = problem.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns the problems one by one.
func (p Problems) Unwrap() []error {
	errs := make([]error, len(p))
	for i, problem := range p {
		errs[i] = problem
	}
	return errs
}

// tidy sorts problems by position, those without a position at the end, and removes
// repetitions.
func tidy(problems []Problem, files []string) []Problem {
	slices.SortStableFunc(problems, func(a, b Problem) int {
		return cmp.Or(
			cmp.Compare(order(files, a.Pos.File), order(files, b.Pos.File)),
			cmp.Compare(a.Pos.Line, b.Pos.Line),
		)
	})
	seen := make(map[Problem]bool)
	return slices.DeleteFunc(problems, func(p Problem) bool {
		twice := seen[p]
		seen[p] = true
		return twice
	})
}

// order returns the index of a file in the order of reading; unknown files are last.
func order(files []string, file string) int {
	if i := slices.Index(files, file); i >= 0 {
		return i
	}
	return len(files)
}

// syntaxProblem returns a fault in the syntax of a file as a problem.
func syntaxProblem(fault *ini.Error) Problem {
	p := Problem{Pos: fault.Pos, Section: fault.Section, Reason: fault.Detail, Hint: fault.Hint}
	if fault.Option != "" {
		p.Reason = fault.Option + ": " + p.Reason
	}
	return p
}

// referenceProblem returns a fault in the references of a value as a problem.
func referenceProblem(doc *ini.Document, err error) Problem {
	var fault *ini.Error
	if !errors.As(err, &fault) {
		return Problem{Reason: err.Error()}
	}
	p := Problem{Pos: fault.Pos, Section: fault.Section, Option: fault.Option, Reason: fault.Detail, Hint: fault.Hint}
	if o, ok := doc.Lookup(fault.Section, fault.Option); ok {
		p.Value = o.Raw
		p.Section = definingSection(doc, fault.Section, fault.Option)
	}
	return p
}

// definingSection returns the section that defines an option of a section: that
// section itself, or [DEFAULT].
func definingSection(doc *ini.Document, section, name string) string {
	if s, ok := doc.Section(section); ok {
		if slices.ContainsFunc(s.Options, func(o ini.Option) bool { return o.Name == name }) {
			return section
		}
	}
	return ini.Default
}
