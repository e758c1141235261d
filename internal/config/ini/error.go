package ini

import "errors"

// The causes that an [Error] wraps.
var (
	ErrEncoding         = errors.New("not UTF-8 text")
	ErrNoHeader         = errors.New("text before the first [section]")
	ErrLine             = errors.New("not an option")
	ErrDuplicateSection = errors.New("section given twice")
	ErrDuplicateOption  = errors.New("option given twice")
	ErrReferenceSyntax  = errors.New("bad use of $")
	ErrReference        = errors.New("reference to nothing")
	ErrEnvironment      = errors.New("environment variable not set")
	ErrDepth            = errors.New("references nest too deeply")
	ErrExpansion        = errors.New("value expands too far")
	ErrNoOption         = errors.New("no such option")
)

// Error is one fault of a file.
type Error struct {
	Pos     Pos
	Section string // empty if the fault is outside of any section
	Option  string // empty if the fault is not in an option's value
	Err     error  // one of the causes above
	Detail  string // what is wrong
	Hint    string // what to do, a sentence without its full stop; may be empty
}

// Error returns the position, the option, the detail and the hint in one line.
func (e *Error) Error() string {
	s := e.Pos.String() + ": "
	switch {
	case e.Option != "":
		s += "[" + e.Section + "] " + e.Option + ": "
	case e.Section != "":
		s += "[" + e.Section + "]: "
	}
	s += e.Detail
	if e.Hint != "" {
		s += ". " + e.Hint
	}
	return s
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }
