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

// Problem is one thing that is wrong with a configuration. It is comparable.
type Problem struct {
	Pos     ini.Pos
	Section string // empty where the problem is outside of any
	Option  string // empty where the problem is in no option
	Value   string // as read, with references replaced; shown with Option only
	Reason  string // what is wrong, and what to do where that isn't clear
	Allowed string // what the option takes, where that is the point
	// Refuser is the other program, which will refuse the value; it is empty for
	// all other problems.
	Refuser Program
}

// Error returns the problem in one line, without the passwords of URLs:
//
//	file:12: [pull] workers = "many": not a whole number; allowed: 1 or more
func (p Problem) Error() string {
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
	return userInfo.ReplaceAllString(s.String(), "://***@")
}

// userInfo matches the name and password of a URL.
var userInfo = regexp.MustCompile(`://[^/@\s]*@`)

// shorten quotes a value for a message.
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

// tidy sorts problems by place, those without one at the end, and takes out
// what is said twice.
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

// order is the place of a file in the order of reading.
func order(files []string, file string) int {
	if i := slices.Index(files, file); i >= 0 {
		return i
	}
	return len(files)
}

// unparsed makes a problem of a fault in the form of a file.
func unparsed(fault *ini.Error) Problem {
	p := Problem{Pos: fault.Pos, Section: fault.Section, Reason: fault.Detail}
	if fault.Option != "" {
		p.Reason = fault.Option + ": " + p.Reason
	}
	return p
}

// fromINI makes a problem of a fault in a value.
func fromINI(doc *ini.Document, err error) Problem {
	var fault *ini.Error
	if !errors.As(err, &fault) {
		return Problem{Reason: err.Error()}
	}
	p := Problem{Pos: fault.Pos, Section: fault.Section, Option: fault.Option, Reason: fault.Detail}
	if o, ok := doc.Lookup(fault.Section, fault.Option); ok {
		p.Value = o.Raw
		p.Section = home(doc, fault.Section, fault.Option)
	}
	return p
}

// home returns the section in which the option that a section shows is written.
func home(doc *ini.Document, section, name string) string {
	if s, ok := doc.Section(section); ok {
		if slices.ContainsFunc(s.Options, func(o ini.Option) bool { return o.Name == name }) {
			return section
		}
	}
	return ini.Default
}
