package config

import (
	"fmt"
	"strings"

	"haproxystats/internal/config/ini"
)

// Named holds the sections of one kind, of which the operator names several, as
// [node lb1] and [node lb2]. The section without a name, where there is one, has
// the name "".
type Named[S any] []Instance[S]

// Instance is one of several sections of a kind.
type Instance[S any] struct {
	Name    string
	Options S
}

// of returns the section of that name, which it adds if need be.
func (n *Named[S]) of(name string) *S {
	for i := range *n {
		if (*n)[i].Name == name {
			return &(*n)[i].Options
		}
	}
	*n = append(*n, Instance[S]{Name: name})
	return &(*n)[len(*n)-1].Options
}

// Get returns the section of that name.
func (n Named[S]) Get(name string) (S, bool) {
	for _, i := range n {
		if i.Name == name {
			return i.Options, true
		}
	}
	var none S
	return none, false
}

// instanceMark stands in a default for "-NAME", or for nothing in the section without
// a name.
const instanceMark = "{-name}"

// maxInstanceName bounds the name of an instance, in bytes.
const maxInstanceName = 200

// named describes an option of sections that the operator names.
func named[S, T any](section, name string, k kind[T], list func(*Config) *Named[S], field func(*S) *T) Option {
	return Option{
		Section: section, Name: name, Kind: k.name, Allowed: k.allowed,
		set: func(c *Config, instance, text string) error {
			v, err := k.parse(text)
			if err != nil {
				return err
			}
			*field(list(c).of(instance)) = v
			return nil
		},
		field: func(c *Config) any { return field(list(c).of("")) },
	}
}

// namedWith describes an option of such sections with a default.
func namedWith[S, T any](section, name, text string, k kind[T], list func(*Config) *Named[S], field func(*S) *T) Option {
	o := named(section, name, k, list, field)
	o.Default, o.HasDefault = text, true
	return o
}

// defaultOf returns the default of an option in a section of the file.
func (o Option) defaultOf(instance string) string {
	suffix := ""
	if instance != "" {
		suffix = "-" + instance
	}
	return strings.ReplaceAll(o.Default, instanceMark, suffix)
}

// ShownDefault returns the default as a page has it, with "-NAME" where the name of a
// section comes.
func (o Option) ShownDefault() string { return strings.ReplaceAll(o.Default, instanceMark, "[-NAME]") }

// instanceOf splits a section's name in the file into the kind and the name of the
// section.
func instanceOf(section string) (s Section, instance string, ok bool) {
	for _, s := range sections {
		if section == s.Name && s.Named != OnlyNamed {
			return s, "", true
		}
		if s.Separator == "" {
			continue
		}
		if instance, found := strings.CutPrefix(section, s.Name+s.Separator); found {
			return s, strings.TrimSpace(instance), true
		}
	}
	return Section{}, "", false
}

// SectionOf returns what a section of a file is, whose name may have that of the
// operator behind it.
func SectionOf(name string) (Section, bool) {
	s, _, ok := instanceOf(name)
	return s, ok
}

// inFile is a section of the file.
type inFile struct {
	name     string
	instance string
}

// byKind returns the sections of the file by their kinds.
func byKind(doc *ini.Document) map[string][]inFile {
	kinds := map[string][]inFile{ini.Default: {{name: ini.Default}}}
	for _, s := range doc.Sections() {
		if known, instance, ok := instanceOf(s.Name); ok {
			kinds[known.Name] = append(kinds[known.Name], inFile{s.Name, instance})
		}
	}
	return kinds
}

// inherit gives a section with a name what the one without sets.
func (l *loader) inherit(s inFile, o Option) {
	kind, _ := lookupSection(o.Section)
	if !kind.Inherits || o.Apart || s.instance == "" || o.isOwn(l.doc, s.name) {
		return
	}
	for _, other := range o.Together {
		if l.isOwn(s.name, other) {
			return
		}
	}
	if plain, ok := l.doc.Lookup(kind.Name, o.Name); ok && o.isOwn(l.doc, kind.Name) {
		l.doc.Set(s.name, o.Name, plain.Raw)
	}
}

// isOwn reports whether the section sets the option itself.
func (o Option) isOwn(doc *ini.Document, section string) bool {
	return definingSection(doc, section, o.Name) == section
}

// checkInstances refuses names of sections that can't be part of a path.
func (l *loader) checkInstances() {
	seen := make(map[string]ini.Pos)
	for _, s := range l.doc.Sections() {
		known, instance, ok := instanceOf(s.Name)
		if !ok || known.Separator == "" {
			continue
		}
		id := known.Name + known.Separator + instance
		first, twice := seen[id]
		seen[id] = s.Pos
		reason, hint := "", ""
		switch {
		case instance == "" && s.Name != known.Name:
			reason, hint = "the section has no name", "Write a name after "+known.Name
		case twice:
			reason, hint = fmt.Sprintf("the section is in %s, too", first), "Put all its options into one"
		case len(instance) > maxInstanceName:
			reason, hint = fmt.Sprintf("the name has %d bytes, more than %d", len(instance), maxInstanceName), "Give it a shorter name"
		case strings.Trim(instance, instanceBytes) != "" || strings.Trim(instance, ".") == "" && instance != "":
			reason, hint = "the name can't be part of a path", "Use letters, digits, '.', '_' and '-'"
		default:
			continue
		}
		l.report(s.Name, Problem{Pos: s.Pos, Section: s.Name, Reason: reason, Hint: hint})
	}
}

// instanceBytes may stand in the name of a section.
const instanceBytes = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"
