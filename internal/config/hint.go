package config

import (
	"errors"
	"regexp"
	"slices"
	"strings"
)

// hinted is a fault of a value with what to do about it.
type hinted struct {
	reason string
	hint   string // a sentence without its full stop
}

func (h *hinted) Error() string { return h.reason }

// hintOf returns the hint of an error, or "" if it has none.
func hintOf(err error) string {
	var h *hinted
	if errors.As(err, &h) {
		return h.hint
	}
	return ""
}

// joined returns the faults of the items of one value as one error, in one line. Its
// hints are those of all faults.
func joined(faults []error) error {
	var reasons, hints []string
	for _, err := range faults {
		reasons = append(reasons, err.Error())
		if h := hintOf(err); h != "" && !slices.Contains(hints, h) {
			hints = append(hints, h)
		}
	}
	return &hinted{strings.Join(reasons, "; "), strings.Join(hints, ". ")}
}

const commentHint = "Put the comment on a line of its own"

// withUnit matches a number with a unit.
var withUnit = regexp.MustCompile(`^[0-9][0-9._]*[ \t]*[A-Za-zµμ]+$`)

// valueHint returns what to do about a refused value of a kind. Three mistakes make a
// value longer than the operator meant: a unit, a comment after the value, and an
// indented option after it.
func valueHint(kind, text string, err error) string {
	if withUnit.MatchString(text) {
		switch kind {
		case positiveSeconds.name, wholeSeconds.name:
			return "Write seconds, without a unit"
		case factor.name, retries.name:
			return "Write the number without a unit"
		}
	}
	if strings.Contains(text, " #") || strings.Contains(text, " ;") {
		return commentHint
	}
	var hints []string
	if h := hintOf(err); h != "" {
		hints = append(hints, h)
	}
	if strings.Contains(text, "\n") {
		hints = append(hints, "Do not indent the next option: an indented line continues the value above it")
	}
	return strings.Join(hints, ". ")
}
