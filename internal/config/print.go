package config

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strings"

	"haproxystats/internal/config/ini"
)

// PrintDefaults writes the defaults of the sections that a program prints, without
// the sections that have an effect just by their presence.
func PrintDefaults(w io.Writer, program Program) error {
	doc := defaults()
	return write(w, doc, program, func(section string) []string {
		s, _ := doc.Section(section)
		var names []string
		for _, o := range s.Options {
			names = append(names, o.Name)
		}
		slices.Sort(names)
		return names
	})
}

// Print writes every option of the sections that the program prints with its value,
// also unknown options. Every section has the options of [DEFAULT]. A value whose
// references can't be replaced is written unchanged, and so is each `${env:NAME}`.
func (l *Loaded) Print(w io.Writer) error {
	return write(w, l.doc, l.program, l.doc.Names)
}

// Text returns the options of sections of these kinds with their values, without those of
// [DEFAULT]. Equal texts mean equal settings.
func (l *Loaded) Text(kinds ...string) string {
	return l.text(func(kind, _ string) bool { return slices.Contains(kinds, kind) })
}

// SectionText is [Loaded.Text] of the section of a kind that has a name, which is empty for the
// one without. It has what the section inherits, too.
func (l *Loaded) SectionText(kind, name string) string {
	return l.text(func(k, n string) bool { return k == kind && n == name })
}

// text returns the values of the options of sections.
func (l *Loaded) text(of func(kind, name string) bool) string {
	var out strings.Builder
	if l.doc == nil { // made by hand
		return ""
	}
	for _, s := range l.doc.Sections() {
		kind, instance, ok := instanceOf(s.Name)
		if !ok || !of(kind.Name, instance) {
			continue
		}
		fmt.Fprintf(&out, "[%s]\n", s.Name)
		for _, o := range options {
			if o.Section != kind.Name {
				continue
			}
			if value, err := l.doc.Shown(s.Name, o.Name); err == nil {
				fmt.Fprintf(&out, "%s = %q\n", o.Name, value)
			}
		}
	}
	return out.String()
}

// hash returns the hash of the program's configuration: the options of its sections,
// and what the files of names hold. Comments, order and the other
// program's sections do not change it, and neither do the values of variables of the
// environment, so that others can compare it who do not have them.
func (l *Loaded) hash() string {
	h := sha256.New()
	_ = l.Print(h) // writing to a hash never fails
	for _, f := range l.Config.Process.NameFiles() {
		fmt.Fprintf(h, "%q\n", f.Names)
		for _, p := range f.Patterns {
			fmt.Fprintf(h, "%q\n", p.Text)
		}
	}
	for _, i := range l.Config.Clusters {
		fmt.Fprintf(h, "%q\n", i.Options.Nodes.Names)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// write prints INI as haproxystats 0.5 does: sorted, and without the sections of other
// programs.
func write(w io.Writer, doc *ini.Document, program Program, names func(section string) []string) error {
	sections := []string{ini.Default}
	for _, s := range doc.Sections() {
		sections = append(sections, s.Name)
	}
	slices.Sort(sections)
	var out strings.Builder
	for _, section := range sections {
		if !prints(program, section) {
			continue
		}
		fmt.Fprintf(&out, "[%s]\n", section)
		for _, name := range names(section) {
			value, err := doc.Shown(section, name)
			if err != nil {
				o, _ := doc.Lookup(section, name)
				value = o.Raw
			}
			fmt.Fprintf(&out, "%s = %s\n", name, value)
		}
		out.WriteString("\n")
	}
	_, err := io.WriteString(w, out.String())
	return err
}

// prints tells which sections a program prints: haproxystats-pull [DEFAULT] and
// [pull], as haproxystats 0.5 did, the others those that they use, and unknown ones.
func prints(program Program, section string) bool {
	if program == ForPull {
		return section == ini.Default || section == "pull"
	}
	s, ok := lookupSection(section)
	return !ok || s.usedBy(program)
}
