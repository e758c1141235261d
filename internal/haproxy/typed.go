package haproxy

import (
	"bytes"
	"strings"
)

// Typed is a number in the answer to `show info typed desc` or `show stat ... typed desc`,
// with what HAProxy says of its kind.
//
// Source: HAProxy's management guide, "Typed output format".
type Typed struct {
	// Row is F, B, S or L for a field of `show stat`, and 0 for one of `show info`.
	Row byte
	// Name is that of the field.
	Name string
	// Origin, Nature and Scope are the first three letters of the tags.
	Origin, Nature, Scope byte
	// Kind is the type, such as "u32" or "str".
	Kind string
	// Help is the description; empty if there is none.
	Help string
}

// TypedVersion begins the first line of a file with typed answers, which has the version of
// HAProxy.
const TypedVersion = "# HAProxy "

// VersionOfTyped returns the version in the first line of a file with typed answers; empty if
// it has none.
func VersionOfTyped(file []byte) string {
	line, _, _ := bytes.Cut(file, []byte("\n"))
	version, _ := strings.CutPrefix(string(line), TypedVersion)
	if version == string(line) {
		return ""
	}
	return version
}

// ReadTyped reads answers in the typed form. Lines that are not in this form are left out,
// as are the lines of texts that go on.
func ReadTyped(answer []byte) []Typed {
	var all []Typed
	for line := range bytes.Lines(answer) {
		if t, ok := parseTyped(strings.TrimSuffix(string(line), "\n")); ok {
			all = append(all, t)
		}
	}
	return all
}

// parseTyped parses a line: position and name, tags, type, value and description.
func parseTyped(line string) (t Typed, ok bool) {
	key, rest, ok1 := strings.Cut(line, ":")
	tags, rest, ok2 := strings.Cut(rest, ":")
	kind, rest, ok3 := strings.Cut(rest, ":")
	if !ok1 || !ok2 || !ok3 || len(tags) < 3 || strings.Trim(tags, letters) != "" {
		return t, false
	}
	t.Origin, t.Nature, t.Scope, t.Kind = tags[0], tags[1], tags[2], kind
	parts := strings.Split(key, ".")
	before := 1 // the position
	if len(parts[0]) == 1 && strings.Contains("FBSL", parts[0]) {
		t.Row, before = parts[0][0], 4
	}
	if len(parts) < before+2 {
		return t, false
	}
	for _, n := range append(parts[len(parts)-1:], parts[min(1, before-1):before]...) {
		if _, ok := Number([]byte(n)); !ok {
			return t, false
		}
	}
	t.Name = strings.Join(parts[before:len(parts)-1], ".") // which may hold dots
	switch kind {
	case "str":
		return t, true // texts may hold anything
	case "u32", "s32", "u64", "s64", "flt":
	default:
		return t, false
	}
	if _, help, found := strings.Cut(rest, `:"`); found {
		t.Help = strings.TrimSuffix(help, `"`)
	}
	return t, true
}

const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
