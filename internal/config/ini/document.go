// Package ini reads the dialect of Python's configparser.ConfigParser with
// ExtendedInterpolation, which is what files written for the Python
// haproxystats are in.
//
// It promises the values that Python gives, for one file or several read one
// after the other, and a position for every option and every fault. It reports
// all the faults of a file, where Python stops at one. It differs on purpose in
// three points: a byte order mark is skipped, a comment need not be UTF-8, and
// an expansion is bounded in size.
//
// It does not know which sections and options there should be.
package ini

import (
	"slices"
	"strconv"
)

// Default is the section whose options show through in every other section.
const Default = "DEFAULT"

// Pos is where something was read. The zero Pos is that of built-in values.
type Pos struct {
	File string
	Line int // the first is 1
}

// IsZero reports whether p is no place in a file.
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
	Pos  Pos // of the header that came first
	// Options holds the section's own options, not those of [Default], in the
	// order in which their names came first.
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

// Document is what a set of files says. The zero value is an empty document.
// It is not safe for use while it is being changed.
type Document struct {
	defaults Section
	sections []*Section
	byName   map[string]*Section
}

// Defaults returns the section [Default], which every document has.
func (d *Document) Defaults() *Section {
	d.defaults.Name = Default
	return &d.defaults
}

// Sections returns the sections other than [Default], in the order in which
// they came first.
func (d *Document) Sections() []*Section { return d.sections }

// Section returns the section of that name, which may be [Default].
func (d *Document) Section(name string) (*Section, bool) {
	if name == Default {
		return d.Defaults(), true
	}
	s, ok := d.byName[name]
	return s, ok
}

// section returns the section of that name, which it adds if need be.
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

// Lookup returns the option as the section shows it: its own, or else that of
// [Default]. It is false where neither has it, or where the section is missing.
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

// Names returns the names of the options that the section shows, its own and
// those of [Default], in byte order.
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
