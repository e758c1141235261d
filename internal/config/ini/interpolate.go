package ini

import (
	"fmt"
	"strings"
)

// maxDepth is how many references may lie between an option and the text it
// takes, as in Python.
const maxDepth = 10

// Python has no bounds in width: a few lines could fill any memory.
const (
	maxExpansion  = 1 << 20 // bytes of one value
	maxReferences = 1 << 16 // references followed for one value
)

// Get returns the value of an option, as [Document.Lookup] finds it, with
// `${option}` and `${section:option}` replaced by values and `$$` by a dollar
// sign. The error is an [*Error] at the option in which the fault is, which
// may be another than the one asked for.
func (d *Document) Get(section, name string) (string, error) {
	o, ok := d.Lookup(section, name)
	if !ok {
		return "", &Error{Section: section, Option: name, Err: ErrNoOption, Detail: "the option is not set"}
	}
	x := expansion{doc: d, section: section, option: o}
	if err := x.expand(section, o, 1); err != nil {
		return "", err
	}
	return x.out.String(), nil
}

// expansion is the work on one value.
type expansion struct {
	doc        *Document
	section    string
	option     Option
	out        strings.Builder
	references int
}

// tooFar blames the option that was asked for: no other is at fault alone.
func (x *expansion) tooFar(detail string) error {
	return &Error{Pos: x.option.Pos, Section: x.section, Option: x.option.Name, Err: ErrExpansion, Detail: detail}
}

// expand writes the value of o, as seen from a section.
func (x *expansion) expand(section string, o Option, depth int) error {
	fault := func(cause error, detail string) error {
		return &Error{Pos: o.Pos, Section: section, Option: o.Name, Err: cause, Detail: detail}
	}
	if depth > maxDepth {
		return fault(ErrDepth, fmt.Sprintf("%s takes part in more than %d nested references: it may refer to itself", quote(o.Raw), maxDepth))
	}
	for rest := o.Raw; rest != ""; {
		var t token
		var err error
		if t, rest, err = next(rest); err != nil {
			return fault(ErrReferenceSyntax, err.Error())
		}
		text := t.text
		if t.reference {
			if x.references++; x.references > maxReferences {
				return x.tooFar(fmt.Sprintf("the value needs more than %d references", maxReferences))
			}
			from := t.from(section)
			to, ok := x.doc.Lookup(from, t.text)
			if !ok {
				return fault(ErrReference, fmt.Sprintf("%s refers to an option that is not set; a dollar sign itself is written $$", t))
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

// token is a piece of a value: literal text, or a reference to an option.
type token struct {
	text      string // the literal, or the option's name
	reference bool
	qualified bool // a reference that names its section
	section   string
}

// from returns the section that a reference written in one takes its value in.
func (t token) from(section string) string {
	if t.qualified {
		return t.section
	}
	return section
}

func (t token) String() string {
	if t.qualified {
		return "${" + t.section + ":" + t.text + "}"
	}
	return "${" + t.text + "}"
}

// next cuts the first token off s, which must not be empty.
func next(s string) (t token, rest string, err error) {
	switch i := strings.IndexByte(s, '$'); {
	case i < 0:
		return token{text: s}, "", nil
	case i > 0:
		return token{text: s[:i]}, s[i:], nil
	case strings.HasPrefix(s, "$$"):
		return token{text: "$"}, s[2:], nil
	case !strings.HasPrefix(s, "${"):
		return token{}, "", fmt.Errorf("%s: after a $ comes { or another $; a dollar sign itself is written $$", quote(s))
	}
	path, rest, ok := strings.Cut(s[2:], "}")
	if !ok || path == "" {
		return token{}, "", fmt.Errorf("%s: write ${option}, ${section:option}, or $$ for a dollar sign", quote(s))
	}
	section, name, qualified := strings.Cut(path, ":")
	if !qualified {
		return token{reference: true, text: optionName(path)}, rest, nil
	}
	if strings.Contains(name, ":") {
		return token{}, "", fmt.Errorf("${%s} has more than one colon: write ${section:option}", path)
	}
	return token{reference: true, text: optionName(name), qualified: true, section: section}, rest, nil
}

// References is the set of the options that values of a document refer to.
type References struct {
	named    map[string]bool    // by name, whatever the section
	anywhere map[string]bool    // by name, from a value that every section shows
	in       map[[2]string]bool // by section and name
}

// References collects what the values of the document refer to.
func (d *Document) References() References {
	r := References{named: make(map[string]bool), anywhere: make(map[string]bool), in: make(map[[2]string]bool)}
	for _, s := range append([]*Section{d.Defaults()}, d.sections...) {
		for _, o := range s.Options {
			r.add(s.Name, o.Raw)
		}
	}
	return r
}

// add takes the references of a value that is written in a section. A value of
// [Default] is expanded in whatever section shows it.
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

// Has reports whether the value of any option refers to this one, so that it
// serves as a variable. An option of [Default] is seen from all sections.
func (r References) Has(section, name string) bool {
	if section == Default {
		return r.named[name]
	}
	return r.anywhere[name] || r.in[[2]string{section, name}]
}

// quote shows the start of a text.
func quote(s string) string {
	const limit = 80
	if len(s) > limit {
		return fmt.Sprintf("%.*q...", limit, s)
	}
	return fmt.Sprintf("%q", s)
}
