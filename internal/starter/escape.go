package starter

import (
	"errors"
	"io/fs"
	"strings"
	"unicode"
	"unicode/utf8"

	"haproxystats/internal/printable"
)

// unfit returns why a path can't be the value of an option, or nothing if it can.
func unfit(path string) string {
	switch {
	case !utf8.ValidString(path):
		return "is not UTF-8"
	case strings.ContainsFunc(path, printable.Hidden):
		return "contains a line break or another character that is not visible"
	case strings.TrimFunc(path, unicode.IsSpace) != path:
		return "begins or ends with white space"
	case strings.Contains(path, " #") || strings.Contains(path, " ;"):
		return "looks like a value with a comment behind it"
	}
	return ""
}

// unlisted returns why a path can't be in a list of servers, or nothing if it can.
func unlisted(path string) string {
	switch {
	case strings.Contains(path, ","):
		return "contains a comma"
	case strings.ContainsFunc(path, unicode.IsSpace):
		return "contains white space"
	}
	return unfit(path)
}

// value returns a text as the value of an option, in which a dollar sign begins a
// reference.
func value(text string) string { return strings.ReplaceAll(text, "$", "$$") }

// failure returns the cause of an error, without the path that the message has already, and
// what to do about it.
func failure(err error) string {
	cause := err
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		cause = p.Err
	}
	switch {
	case errors.Is(err, fs.ErrPermission):
		return cause.Error() + ". Run the command as root"
	case errors.Is(err, fs.ErrNotExist):
		return cause.Error() + ". If HAProxy runs in a container, name its sockets by their paths on this host: --servers unix:///PATH"
	}
	return cause.Error()
}
