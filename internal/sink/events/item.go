package events

import (
	"bytes"
	"errors"
	"fmt"
	"path"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"haproxystats/internal/event"
	"haproxystats/internal/snapshot"
)

// maxLine bounds the line of an event, in bytes.
const maxLine = 128 << 10

// item is an event on its way.
type item struct{ event.Event }

// line returns the event as JSON, in one line with its line break.
func (i *item) line() []byte { return event.Append(nil, []event.Event{i.Event}) }

// idOf returns the id, as a line of a file can have it.
func (i *item) idOf() string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return '_'
		}
		return r
	}, i.ID[:min(len(i.ID), maxID)])
}

// fields has the index of each field of an event by its name in JSON, and names these in
// their order.
var fields, names = func() (map[string]int, []string) {
	index := make(map[string]int)
	var names []string
	t := reflect.TypeFor[event.Event]()
	for n := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(n).Tag.Get("json"), ",")
		index[name] = n
		names = append(names, name)
	}
	return index, names
}()

// The names of what is made of several fields.
const (
	fieldSummary = "summary"
	fieldDetails = "details"
)

// Fields returns the names that a [Template] may have in braces, in the order of the
// documentation.
func Fields() []string { return append([]string{fieldSummary, fieldDetails}, names...) }

// value returns a field; empty for one that does not apply.
func (i *item) value(name string) string {
	switch name {
	case fieldSummary:
		return i.What()
	case fieldDetails:
		return i.details()
	}
	n, ok := fields[name]
	if !ok {
		return ""
	}
	switch v := reflect.ValueOf(&i.Event).Elem().Field(n); v.Kind() {
	case reflect.String:
		return v.String()
	case reflect.Bool:
		return strconv.FormatBool(v.Bool())
	default:
		if v.Int() == 0 {
			return ""
		}
		return strconv.FormatInt(v.Int(), 10)
	}
}

// details returns the fields that apply, but for those that tell which event it is.
func (i *item) details() string {
	var all []string
	for _, name := range names {
		switch name {
		case "id", "time", "seen", "node", "kind", "ref":
			continue
		}
		if value := i.value(name); value != "" {
			all = append(all, name+"="+value)
		}
	}
	return strings.Join(all, " ")
}

// Kinds are patterns of kinds.
type Kinds []string

// Check returns an error for a pattern that no kind has.
func (k Kinds) Check() error {
	for _, pattern := range k {
		if !slices.ContainsFunc(event.Kinds, Kinds{pattern}.match) {
			return fmt.Errorf("there is no kind %q", pattern)
		}
	}
	return nil
}

func (k Kinds) match(kind event.Kind) bool {
	return slices.ContainsFunc(k, func(pattern string) bool {
		ok, err := path.Match(pattern, string(kind))
		return ok && err == nil
	})
}

// read returns the events of a snapshot. Bad is what is wrong with them, so that they will
// never be read.
func read(s snapshot.Snapshot) (all []*item, bad, err error) {
	events, err := event.ReadSnapshot(s.Files)
	if errors.Is(err, event.ErrInvalid) {
		return nil, err, nil
	}
	return itemsOf(events), nil, err
}

func itemsOf(events []event.Event) []*item {
	all := make([]*item, len(events))
	for n, e := range events {
		all[n] = &item{e}
	}
	return all
}

// parseLines returns the events of lines, or nothing if they are damaged.
func parseLines(data []byte) []*item {
	events, err := event.Read(bytes.NewReader(data))
	if err != nil {
		return nil
	}
	return itemsOf(events)
}
