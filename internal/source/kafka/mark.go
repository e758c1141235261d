package kafka

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// markPrefix begins the metadata of a commit that has a mark.
const markPrefix = "haproxystats mark "

// markText returns a mark as the metadata of a commit; the zero time is no mark.
func markText(mark time.Time) string {
	if mark.IsZero() {
		return ""
	}
	return markPrefix + strconv.FormatInt(mark.UnixMilli(), 10)
}

// parseMark returns the mark in the metadata of a commit. What somebody else wrote, such
// as a tool that resets the offsets, has none.
func parseMark(metadata string) (time.Time, error) {
	if metadata == "" {
		return time.Time{}, nil
	}
	text, ok := strings.CutPrefix(metadata, markPrefix)
	ms, err := strconv.ParseInt(text, 10, 64)
	if !ok || err != nil || ms <= 0 {
		return time.Time{}, fmt.Errorf("metadata %.100q of the commit is not a mark", metadata)
	}
	return time.UnixMilli(ms), nil
}
