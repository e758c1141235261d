package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"
)

// Verdict is the judgement of a finding.
type Verdict string

// The verdicts.
const (
	OK      Verdict = "ok"
	Warning Verdict = "warning" // works, but impaired, or not for long
	Error   Verdict = "error"   // does not work
	Skipped Verdict = "skipped" // could not be examined
)

// Finding is the judgement of one thing, with its remedy.
type Finding struct {
	Check   string  `json:"check"`             // the kind of thing, as "socket-level"
	Subject string  `json:"subject,omitempty"` // for example the path of a socket
	Verdict Verdict `json:"verdict"`
	Text    string  `json:"text"`
	Remedy  string  `json:"remedy,omitempty"` // a sentence that starts with a verb: what to do
}

// about makes findings of one thing.
type about struct{ check, subject string }

func (a about) ok(format string, args ...any) Finding {
	return Finding{a.check, a.subject, OK, fmt.Sprintf(format, args...), ""}
}

func (a about) skipped(format string, args ...any) Finding {
	return Finding{a.check, a.subject, Skipped, fmt.Sprintf(format, args...), ""}
}

// asRootRemedy is the remedy where the user of doctor lacks permission.
const asRootRemedy = "Run doctor as root"

// closed returns the finding for a thing that the user of doctor may not see.
func (a about) closed(format string, args ...any) Finding {
	f := a.skipped(format, args...)
	f.Remedy = asRootRemedy
	return f
}

// unseen returns the finding for a thing that could not be examined because of err.
func (a about) unseen(text string, err error) Finding {
	f := a.skipped("%s", text)
	if errors.Is(err, fs.ErrPermission) {
		f.Remedy = asRootRemedy
	}
	return f
}

func (a about) warning(text, remedy string) Finding {
	return Finding{a.check, a.subject, Warning, text, remedy}
}

func (a about) error(text, remedy string) Finding {
	return Finding{a.check, a.subject, Error, text, remedy}
}

// size formats a number of bytes for people.
func size(n uint64) string {
	const unit = 1024
	if n < unit {
		return fmt.Sprintf("%d B", n)
	}
	value, prefix := float64(n)/unit, 0
	for value >= unit && prefix < len(prefixes)-1 {
		value /= unit
		prefix++
	}
	return fmt.Sprintf("%.3g %ciB", value, prefixes[prefix])
}

const prefixes = "KMGTPE"

// count formats a number with its noun, whose plural ends in s.
func count[N ~int | ~int64 | ~uint64](n N, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

// lasting formats a duration for people, without zeros at the end.
func lasting(d time.Duration) string {
	text := d.Round(time.Second).String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
