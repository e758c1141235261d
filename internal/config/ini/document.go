// Package ini reads the dialect of Python's configparser.ConfigParser with
// ExtendedInterpolation: the format of files for the Python haproxystats.
//
// It promises the values that Python gives, for one file or several files read one
// after the other, and a position for every option and every fault. Python stops at
// the first fault of a file; this package reports all of them. It differs from Python
// on purpose in four points: a byte order mark is skipped, a comment need not be
// UTF-8, the size of an expansion is bounded, and `${env:NAME}` is a variable of the
// environment unless the files have a section [env] with an option of that name.
//
// The package does not know which sections and options there should be.
package ini

import (
	"slices"
	"strconv"
)

// Default is the section whose options every other section inherits.
const Default = "DEFAULT"

// Pos is a position in a file. The zero Pos is that of built-in values.
type Pos struct {
	File string
	Line int // from 1; 0 means the whole file
}

// IsZero reports whether p is the position of built-in values.
func (p Pos) IsZero() bool { return p == Pos{} }

// String returns "file:line", or "built-in default".
func (p Pos) String() string {
	switch {
	case p.IsZero():
		return "built-in default"
	case p.Line == 0:
		return p.File
	}
	return p.File + ":" + strconv.Itoa(p.Line)
}

// Option is a name and its value as written.
type Option struct {
	Name string // in lower case
	Raw  string // before interpolation; lines of the value are joined by "\n"
	Pos  Pos    // of the line with the name
}

// Section is a named list of options.
type Section struct {
	Name string
	Pos  Pos // of the first header
	// Options are the section's own options, without those of [Default], in the order
	// of their first occurrence.
	Options []Option

	index map[string]int // into Options, by name
}

func (s *Section) find(name string) (*Option, bool) {
	i, ok := s.index[name]
	if !ok {
		return nil, false
	}
	return &s.Options[i], true
}

// put sets an option and returns it; the pointer is valid until the next put.
func (s *Section) put(o Option) *Option {
	if old, ok := s.find(o.Name); ok {
		*old = o
		return old
	}
	if s.index == nil {
		s.index = make(map[string]int)
	}
	s.index[o.Name] = len(s.Options)
	s.Options = append(s.Options, o)
	return &s.Options[len(s.Options)-1]
}

// Document is the content of a set of files. The zero value is an empty document.
// A document may be read concurrently, but not while it is being changed.
type Document struct {
	// LookupEnv returns the value of a variable of the environment, and whether it is set.
	// Nil means that `${env:NAME}` is a reference to an option, as in Python.
	LookupEnv func(name string) (string, bool)

	defaults Section
	sections []*Section
	byName   map[string]*Section
}

// Defaults returns the section [Default], which every document has.
func (d *Document) Defaults() *Section {
	d.defaults.Name = Default
	return &d.defaults
}

// Sections returns the sections other than [Default], in the order of their first
// occurrence.
func (d *Document) Sections() []*Section { return d.sections }

// Section returns the section of that name, which may be [Default].
func (d *Document) Section(name string) (*Section, bool) {
	if name == Default {
		return d.Defaults(), true
	}
	s, ok := d.byName[name]
	return s, ok
}

// section returns the section of that name, and adds it if it is missing.
func (d *Document) section(name string, at Pos) *Section {
	s, ok := d.Section(name)
	if !ok {
		s = &Section{Name: name, Pos: at}
		d.sections = append(d.sections, s)
		if d.byName == nil {
			d.byName = make(map[string]*Section)
		}
		d.byName[name] = s
	}
	if s.Pos.IsZero() {
		s.Pos = at
	}
	return s
}

// Set gives an option a built-in value. The name must be in lower case.
func (d *Document) Set(section, name, raw string) {
	d.section(section, Pos{}).put(Option{Name: name, Raw: raw})
}

// Lookup returns the section's own option, or else that of [Default]. It returns false
// if neither has the option, or if the section does not exist.
func (d *Document) Lookup(section, name string) (Option, bool) {
	s, ok := d.Section(section)
	if !ok {
		return Option{}, false
	}
	if o, ok := s.find(name); ok {
		return *o, true
	}
	if o, ok := d.defaults.find(name); ok {
		return *o, true
	}
	return Option{}, false
}

// Names returns the names of the section's own options and those of [Default], in
// byte order.
func (d *Document) Names(section string) []string {
	s, ok := d.Section(section)
	if !ok {
		return nil
	}
	var names []string
	for _, o := range s.Options {
		names = append(names, o.Name)
	}
	for _, o := range d.defaults.Options {
		names = append(names, o.Name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}
