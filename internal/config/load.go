package config

import (
	"regexp"
	"slices"
	"strings"

	"haproxystats/internal/config/ini"
)

// Loaded is what [Load] has read.
type Loaded struct {
	Config Config
	// Warnings are what does not stop the program but will surprise: names that
	// nothing reads, and bad values for the other program.
	Warnings []Problem
	// Relative are the relative paths, unless Warnings has them. They do what is meant
	// as long as the program is started in the same directory.
	Relative []Problem
	// Notice says that defaults apply because there is no file; or it is empty.
	Notice string
	// SHA256 is the hash, in hexadecimal, of what the program was told; empty if it
	// refuses that. A program that runs tells the one of its start.
	SHA256 string

	program Program
	doc     *ini.Document
}

// Check looks at a configuration and returns what it refuses. Values that have
// been refused already are zero. A problem with an option needs no position and
// no value; they are filled in.
type Check func(*Config) []Problem

// Load reads files for a program. The error is nil or [Problems]: everything
// that is wrong with the sections that the program uses, also by the checks.
// Bad values in the other program's sections are warnings, and zero.
//
// With an error too it returns what it has read, which is good for
// [Loaded.Print] only.
func Load(program Program, files Files, checks ...Check) (*Loaded, error) {
	sources, notice, problems := files.read()
	loaded, err := assemble(program, sources, problems, checks)
	loaded.Notice = notice
	return loaded, err
}

// assemble makes a configuration of what files hold. It is given the problems
// of reading them.
func assemble(program Program, sources []source, problems []Problem, checks []Check) (*Loaded, error) {
	l := loader{Loaded: &Loaded{program: program, doc: defaults()}, problems: problems}
	var names []string
	for _, s := range sources {
		names = append(names, s.name)
		for _, fault := range l.doc.Parse(s.name, s.data) {
			l.problems = append(l.problems, unparsed(fault))
		}
	}
	l.setSwitched()
	l.config = &l.Config
	for _, o := range options {
		l.setOption(o)
	}
	l.fallBack()
	l.setPorts()
	l.setGroups()
	if program == ForProcess {
		l.checkTLS()
		l.checkGroups()
		l.readNames()
	} else {
		l.checkDirectories()
		l.checkTimes()
	}
	l.checkPaths()
	l.checkStatusSockets()
	if len(l.problems) == 0 {
		l.checkSpool()
	}
	for _, check := range checks {
		for _, p := range check(l.config) {
			if p.Pos.IsZero() && p.Option != "" {
				p = l.problem(p.Section, p.Option, p.Reason)
			}
			l.problems = append(l.problems, p)
		}
	}
	l.findUnknown()
	l.problems = tidy(l.problems, names)
	l.Warnings = slices.DeleteFunc(tidy(l.Warnings, names), func(w Problem) bool {
		return slices.ContainsFunc(l.problems, func(p Problem) bool { return p.Pos == w.Pos })
	})
	if len(l.problems) > 0 {
		return l.Loaded, Problems(l.problems)
	}
	l.SHA256 = l.hash()
	return l.Loaded, nil
}

// defaults returns a document of built-in values.
func defaults() *ini.Document {
	doc := new(ini.Document)
	for _, o := range options {
		if s, _ := lookupSection(o.Section); o.HasDefault && !s.Switch {
			doc.Set(o.Section, o.Name, o.Default)
		}
	}
	return doc
}

// loader is the work on one configuration.
type loader struct {
	*Loaded
	config   *Config
	problems []Problem
}

// setSwitched adds the defaults of sections that a file has opened.
func (l *loader) setSwitched() {
	_, l.Config.LocalStore.Enabled = l.doc.Section("local-store")
	for _, o := range options {
		if _, ok := l.doc.Section(o.Section); !ok || !o.HasDefault {
			continue
		}
		if _, ok := l.doc.Lookup(o.Section, o.Name); !ok {
			l.doc.Set(o.Section, o.Name, o.Default)
		}
	}
}

func (l *loader) setOption(o Option) {
	written, ok := l.doc.Lookup(o.Section, o.Name)
	if !ok {
		return
	}
	text, err := l.doc.Get(o.Section, o.Name)
	if err != nil {
		l.report(o.Section, fromINI(l.doc, err))
		return
	}
	if err := o.set(l.config, text); err != nil {
		if written.Pos.IsZero() {
			return // the fault is that of base-dir, which has been reported
		}
		p := l.problem(o.Section, o.Name, err.Error()+hint(o.Kind, text))
		p.Allowed = o.Allowed
		l.report(o.Section, p)
	}
}

// withUnit matches a number with a unit.
var withUnit = regexp.MustCompile(`^[0-9][0-9._]*[ \t]*[A-Za-zµμ]+$`)

// hint explains how a value of a kind comes to hold more than was meant.
func hint(kind, text string) string {
	switch {
	case withUnit.MatchString(text) && (kind == positiveSeconds.name || kind == wholeSeconds.name):
		return " (write seconds, without a unit)"
	case withUnit.MatchString(text) && (kind == factor.name || kind == retries.name):
		return " (write the number without a unit)"
	case strings.Contains(text, "\n"):
		return " (an indented line continues the value above it)"
	case strings.Contains(text, " #") || strings.Contains(text, " ;"):
		return " (a comment needs a line of its own)"
	}
	return ""
}

// problem describes an option as a section shows it.
func (l *loader) problem(section, name, reason string) Problem {
	p := Problem{Section: home(l.doc, section, name), Option: name, Reason: reason}
	if o, ok := l.doc.Lookup(section, name); ok {
		p.Pos, p.Value = o.Pos, o.Raw
	}
	if text, err := l.doc.Get(section, name); err == nil {
		p.Value = text
	}
	return p
}

// refuse adds a problem with an option of the program's own.
func (l *loader) refuse(section, name, reason string) {
	l.problems = append(l.problems, l.problem(section, name, reason))
}

func (l *loader) warn(p Problem) { l.Warnings = append(l.Warnings, p) }

// report adds a problem with an option of a section: a warning where the
// section is the other program's.
func (l *loader) report(section string, p Problem) {
	s, _ := lookupSection(section)
	if s.usedBy(l.program) {
		l.problems = append(l.problems, p)
		return
	}
	p.Refuser = s.Programs[0]
	p.Reason = string(p.Refuser) + " will refuse this: " + p.Reason
	l.warn(p)
}
