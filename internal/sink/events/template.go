package events

import (
	"fmt"
	"slices"
	"strings"
)

// Template is a text with fields of events in braces. Two braces stand for one.
type Template string

// Check returns an error for a template that can't be filled in.
func (t Template) Check() error {
	return t.walk(func(string) {}, func(name string) error {
		if !slices.Contains(Fields(), name) {
			return fmt.Errorf("there is no field {%s}", name)
		}
		return nil
	})
}

// fill returns the text for an event, and whether all its fields have a value.
func (t Template) fill(i *item) (text string, full bool) {
	var b strings.Builder
	full = true
	_ = t.walk(func(text string) { b.WriteString(text) }, func(name string) error {
		value := i.value(name)
		full = full && value != ""
		b.WriteString(value)
		return nil
	})
	return strings.TrimSpace(b.String()), full
}

// walk calls text and field for the parts of the template, in order.
func (t Template) walk(text func(string), field func(name string) error) error {
	rest := string(t)
	for rest != "" {
		at := strings.IndexAny(rest, "{}")
		if at < 0 {
			break
		}
		text(rest[:at])
		brace := rest[at]
		rest = rest[at+1:]
		if rest != "" && rest[0] == brace {
			text(string(brace))
			rest = rest[1:]
			continue
		}
		if brace == '}' {
			return fmt.Errorf("a brace closes nothing: write }} for one that is meant")
		}
		name, after, closed := strings.Cut(rest, "}")
		if !closed {
			return fmt.Errorf("a brace is not closed: write {{ for one that is meant")
		}
		if err := field(name); err != nil {
			return err
		}
		rest = after
	}
	text(rest)
	return nil
}
