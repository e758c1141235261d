package truth

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Instance is one life of a HAProxy worker. The process identifier alone is not
// enough: in containers it is always the same.
type Instance struct {
	Pid int
	// Start is the start time in seconds since 1970.
	Start int64
}

// The bounds of plausible instances. Linux has at most 2^22 process identifiers.
const (
	maxPid   = 1 << 30
	maxStart = 1 << 40
)

// String returns the instance as it appears in names of files: PID-START.
func (i Instance) String() string { return fmt.Sprintf("%d-%d", i.Pid, i.Start) }

var errInstance = errors.New("not an instance: want PID-START")

// ParseInstance parses the result of [Instance.String].
func ParseInstance(text string) (Instance, error) {
	pid, start, _ := strings.Cut(text, "-")
	p, err1 := strconv.ParseUint(pid, 10, 30)
	s, err2 := strconv.ParseUint(start, 10, 40)
	i := Instance{int(p), int64(s)}
	if err1 != nil || err2 != nil || p == 0 || i.String() != text {
		return Instance{}, fmt.Errorf("%q: %w", text, errInstance)
	}
	return i, nil
}

// startSlack is the number of seconds by which two start times of one life may differ
// if one of them follows from an uptime in whole seconds.
const startSlack = 2

// IsSame reports whether the instance of a reply is i. Before HAProxy 2.4, the start
// time of a reply is not exact.
func (i Instance) IsSame(info *Info) bool {
	apart := info.Instance.Start - i.Start
	return i.Pid == info.Instance.Pid && (apart == 0 || !info.Exact && apart >= -startSlack && apart <= startSlack)
}

// IsLaterOf reports whether a reply is of the same life as an earlier one, whose
// instance is i. Before HAProxy 2.4, the start time moves if the clock is set; there the
// uptime decides, too.
func (info *Info) IsLaterOf(i Instance, before *Info) bool {
	return i.IsSame(info) || !info.Exact && !before.Exact && i.Pid == info.Instance.Pid && info.Uptime+startSlack >= before.Uptime
}
