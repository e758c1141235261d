package ini

import (
	"fmt"
	"strings"
)

// maxDepth bounds the references that lead from an option to a text, as in Python.
const maxDepth = 10

// Python does not bound the size of an expansion: a few lines could fill any memory.
const (
	maxExpansion  = 1 << 20 // bytes of one value
	maxReferences = 1 << 16 // references followed for one value
)

// Get returns the value of an option, as [Document.Lookup] finds it, with
// `${option}` and `${section:option}` replaced by values, `${env:NAME}` by that of a
// variable of the environment, and `$$` by a dollar sign. The error is an [*Error] at the
// faulty option, which may be one that the requested option refers to.
func (d *Document) Get(section, name string) (string, error) {
	x, err := d.get(section, name, false)
	return x.out.String(), err
}

// Shown returns the value as [Document.Get] does, for people: `${env:NAME}` stays as it is,
// because the environment may hold secrets, and need not have the variable.
func (d *Document) Shown(section, name string) (string, error) {
	x, err := d.get(section, name, true)
	return x.out.String(), err
}

// Environment returns the variables of the environment to which the value of an option
// refers, directly or through other options.
func (d *Document) Environment(section, name string) []string {
	x, err := d.get(section, name, true)
	if err != nil {
		return nil
	}
	return x.variables
}

func (d *Document) get(section, name string, shown bool) (*expansion, error) {
	x := &expansion{doc: d, section: section, shown: shown}
	o, ok := d.Lookup(section, name)
	if !ok {
		return x, &Error{Section: section, Option: name, Err: ErrNoOption, Detail: "the option is not set"}
	}
	x.option = o
	if err := x.expand(section, o, 1); err != nil {
		x.out.Reset()
		return x, err
	}
	return x, nil
}

// Environment is the section in references to variables of the environment. A section of
// the document with this name, which has the option, goes first, as it always has.
const Environment = "env"

// expansion replaces the references in one value.
type expansion struct {
	doc        *Document
	section    string
	option     Option
	shown      bool // references to the environment stay
	out        strings.Builder
	references int
	variables  []string // of the environment
}

// tooFar returns an error that blames the requested option, because no other option
// is at fault alone.
func (x *expansion) tooFar(detail string) error {
	return &Error{Pos: x.option.Pos, Section: x.section, Option: x.option.Name, Err: ErrExpansion, Detail: detail}
}

// expand writes the value of o, as seen from a section.
func (x *expansion) expand(section string, o Option, depth int) error {
	fault := func(e Error) error {
		e.Pos, e.Section, e.Option = o.Pos, section, o.Name
		return &e
	}
	if depth > maxDepth {
		return fault(Error{
			Err:    ErrDepth,
			Detail: fmt.Sprintf("%s takes part in more than %d nested references", quote(o.Raw), maxDepth),
			Hint:   "Check that no option refers to itself",
		})
	}
	for rest := o.Raw; rest != ""; {
		var t token
		var syntax *Error
		if t, rest, syntax = next(rest); syntax != nil {
			return fault(*syntax)
		}
		text := t.text
		if t.reference {
			if x.references++; x.references > maxReferences {
				return x.tooFar(fmt.Sprintf("the value needs more than %d references", maxReferences))
			}
			from := t.from(section)
			to, ok := x.doc.Lookup(from, t.text)
			if !ok && t.isEnvironment() && x.doc.LookupEnv != nil {
				value, err := x.variable(t)
				if err != nil {
					return fault(*err)
				}
				x.out.WriteString(value)
				if x.out.Len() > maxExpansion {
					return x.tooFar(fmt.Sprintf("the value is longer than %d bytes", maxExpansion))
				}
				continue
			}
			if !ok {
				return fault(Error{
					Err:    ErrReference,
					Detail: fmt.Sprintf("%s refers to an option that is not set", t),
					Hint:   "Set that option, or write $$ for a dollar sign",
				})
			}
			if strings.Contains(to.Raw, "$") {
				if err := x.expand(from, to, depth+1); err != nil {
					return err
				}
				continue
			}
			text = to.Raw
		}
		x.out.WriteString(text)
		if x.out.Len() > maxExpansion {
			return x.tooFar(fmt.Sprintf("the value is longer than %d bytes", maxExpansion))
		}
	}
	return nil
}

// variable returns the value of a variable of the environment, in which nothing is
// replaced.
func (x *expansion) variable(t token) (string, *Error) {
	if !isVariable(t.written) {
		return "", &Error{
			Err:    ErrReferenceSyntax,
			Detail: fmt.Sprintf("%s: not the name of an environment variable", t),
			Hint:   "Write ${env:NAME}, with letters, digits and _ in the name",
		}
	}
	x.variables = append(x.variables, t.written)
	if x.shown {
		return t.String(), nil
	}
	value, ok := x.doc.LookupEnv(t.written)
	if !ok {
		return "", &Error{
			Err:    ErrEnvironment,
			Detail: fmt.Sprintf("the environment variable %s is not set", t.written),
			Hint:   "Set it where the program is started, as in /etc/default/haproxystats, or write $$ for a dollar sign",
		}
	}
	return value, nil
}

// isVariable reports whether a text can be the name of a variable in a shell.
func isVariable(name string) bool {
	for i, r := range name {
		letter := r == '_' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
		if !letter && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return name != ""
}

// token is a piece of a value: literal text, or a reference to an option.
type token struct {
	text      string // the literal, or the option's name
	written   string // the option's name as written, if the reference names its section
	reference bool
	qualified bool // a reference that names its section
	section   string
}

// from returns the section in which a reference looks for its option; section is the
// one that the reference stands in.
func (t token) from(section string) string {
	if t.qualified {
		return t.section
	}
	return section
}

// isEnvironment reports whether a reference may be one to the environment.
func (t token) isEnvironment() bool { return t.qualified && t.section == Environment }

func (t token) String() string {
	if t.isEnvironment() {
		return "${" + t.section + ":" + t.written + "}"
	}
	if t.qualified {
		return "${" + t.section + ":" + t.text + "}"
	}
	return "${" + t.text + "}"
}

// next cuts the first token off s, which must not be empty. The error has only a
// cause, a detail and a hint.
func next(s string) (t token, rest string, err *Error) {
	bad := func(detail, hint string) (token, string, *Error) {
		return token{}, "", &Error{Err: ErrReferenceSyntax, Detail: detail, Hint: hint}
	}
	switch i := strings.IndexByte(s, '$'); {
	case i < 0:
		return token{text: s}, "", nil
	case i > 0:
		return token{text: s[:i]}, s[i:], nil
	case strings.HasPrefix(s, "$$"):
		return token{text: "$"}, s[2:], nil
	case !strings.HasPrefix(s, "${"):
		return bad(quote(s)+": neither { nor another $ follows the $", "Write $$ for a dollar sign")
	}
	path, rest, ok := strings.Cut(s[2:], "}")
	if !ok || path == "" {
		return bad(quote(s)+": the reference is incomplete", "Write ${option}, ${section:option}, or $$ for a dollar sign")
	}
	section, name, qualified := strings.Cut(path, ":")
	if !qualified {
		return token{reference: true, text: optionName(path)}, rest, nil
	}
	if strings.Contains(name, ":") {
		return bad("${"+path+"} has more than one colon", "Write ${section:option}")
	}
	return token{reference: true, text: optionName(name), written: name, qualified: true, section: section}, rest, nil
}

// References is the set of the options to which values of a document refer.
type References struct {
	named    map[string]bool    // by name, in any section
	anywhere map[string]bool    // by name, from a value that every section inherits
	in       map[[2]string]bool // by section and name
}

// References returns the options to which the values of the document refer.
func (d *Document) References() References {
	r := References{named: make(map[string]bool), anywhere: make(map[string]bool), in: make(map[[2]string]bool)}
	for _, s := range append([]*Section{d.Defaults()}, d.sections...) {
		for _, o := range s.Options {
			r.add(s.Name, o.Raw)
		}
	}
	return r
}

// add adds the references in a value of a section. A value of [Default] is expanded
// in every section that inherits it.
func (r References) add(from, raw string) {
	for raw != "" {
		t, rest, err := next(raw)
		if err != nil {
			return
		}
		raw = rest
		switch {
		case !t.reference:
			continue
		case !t.qualified && from == Default:
			r.anywhere[t.text] = true
		default:
			r.in[[2]string{t.from(from), t.text}] = true
		}
		r.named[t.text] = true
	}
}

// Has reports whether the value of any option refers to this option, which therefore
// is a variable. All sections can refer to an option of [Default].
func (r References) Has(section, name string) bool {
	if section == Default {
		return r.named[name]
	}
	return r.anywhere[name] || r.in[[2]string{section, name}]
}

// quote returns the start of a text in quotes.
func quote(s string) string {
	const limit = 80
	if len(s) > limit {
		return fmt.Sprintf("%.*q...", limit, s)
	}
	return fmt.Sprintf("%q", s)
}
