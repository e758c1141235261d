package config

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// pairs describes lists of names with values, in which no name is twice.
type pairs struct {
	what string // "tag", for one of them
	name string // "name", for its first part
	most int
	// check refuses a name or a value.
	check func(name, value string) error
}

// allowed describes the list in messages.
func (p pairs) allowed() string { return p.name + "=value, separated by commas" }

// list is the kind of such a list.
func (p pairs) list() kind[[]Label] {
	return kind[[]Label]{"list of " + p.what + "s", p.allowed(), p.parse}
}

func (p pairs) parse(text string) ([]Label, error) {
	var all []Label
	for part := range strings.SplitSeq(strings.TrimSuffix(strings.TrimSpace(text), ","), ",") {
		name, value, ok := strings.Cut(part, "=")
		l := Label{strings.TrimSpace(name), strings.TrimSpace(value)}
		if !ok {
			return nil, fmt.Errorf("%q is not a %s and a value", strings.TrimSpace(part), p.name)
		}
		if err := p.check(l.Name, l.Value); err != nil {
			return nil, err
		}
		switch {
		case slices.ContainsFunc(all, func(other Label) bool { return other.Name == l.Name }):
			return nil, fmt.Errorf("the %s %q stands there twice", p.what, l.Name)
		case len(all) == p.most:
			return nil, fmt.Errorf("more than %d %ss", p.most, p.what)
		}
		all = append(all, l)
	}
	return all, nil
}

// checkValue refuses values that receivers don't take as those of labels, tags or attributes.
func checkValue(name, value string) error {
	switch {
	case value == "":
		return fmt.Errorf("the value of %q is empty", name)
	case len(value) > maxLabelValue:
		return fmt.Errorf("the value of %q is longer than %d bytes", name, maxLabelValue)
	case !utf8.ValidString(value) || strings.ContainsFunc(value, unicode.IsControl):
		return fmt.Errorf("the value of %q contains a control character", name)
	}
	return nil
}
