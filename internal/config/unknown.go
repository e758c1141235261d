package config

import (
	"slices"
	"strings"

	"haproxystats/internal/config/ini"
)

// findUnknown warns of names that nothing reads. What a reference uses is a
// variable and not one of them.
func (l *loader) findUnknown() {
	for _, o := range l.doc.Defaults().Options {
		l.lookAtDefault(o)
	}
	for _, s := range l.doc.Sections() {
		known, ok := lookupSection(s.Name)
		switch {
		case !ok:
			l.lookAtSection(s)
		case !known.Groups:
			for _, o := range s.Options {
				l.lookAtOption(s.Name, o)
			}
		}
	}
}

func (l *loader) lookAtSection(s *ini.Section) {
	if slices.ContainsFunc(s.Options, func(o ini.Option) bool { return l.doc.Referenced(s.Name, o.Name) }) {
		return
	}
	var names []string
	for _, s := range sections {
		names = append(names, s.Name)
	}
	l.warn(Problem{Pos: s.Pos, Section: s.Name, Reason: "unknown section, nothing in it is read" + meant(s.Name, names)})
}

func (l *loader) lookAtOption(section string, o ini.Option) {
	if _, ok := lookupOption(section, o.Name); ok || l.doc.Referenced(section, o.Name) {
		return
	}
	p := l.problem(section, o.Name, "unknown option")
	if in := sectionsWith(o.Name, func(Option) bool { return true }); in != "" {
		p.Reason += "; it belongs in " + in
	} else {
		p.Reason += meant(o.Name, namesIn(section, "DEFAULT"))
	}
	l.warn(p)
}

// lookAtDefault warns of an option of [DEFAULT] that no section takes from there.
func (l *loader) lookAtDefault(o ini.Option) {
	if _, ok := lookupOption("DEFAULT", o.Name); ok || l.doc.Referenced("DEFAULT", o.Name) {
		return
	}
	if sectionsWith(o.Name, inherits) != "" {
		return
	}
	p := l.problem("DEFAULT", o.Name, "unknown option")
	if in := sectionsWith(o.Name, func(Option) bool { return true }); in != "" {
		p.Reason = "no effect here, because a default of its section goes before it; set it in " + in
	} else {
		p.Reason += meant(o.Name, namesIn("DEFAULT"))
	}
	l.warn(p)
}

// inherits reports whether what [DEFAULT] sets goes before the option's own default:
// a section that a file opens gets its defaults last.
func inherits(o Option) bool {
	s, _ := lookupSection(o.Section)
	return !o.HasDefault || s.Switch
}

// sectionsWith names the sections that have a fitting option of that name.
func sectionsWith(name string, fits func(Option) bool) string {
	var found []string
	for _, o := range options {
		if o.Name == name && fits(o) {
			found = append(found, "["+o.Section+"]")
		}
	}
	return strings.Join(found, " or ")
}

// namesIn returns the names of the options of sections.
func namesIn(sections ...string) []string {
	var names []string
	for _, o := range options {
		if slices.Contains(sections, o.Section) {
			names = append(names, o.Name)
		}
	}
	return names
}
