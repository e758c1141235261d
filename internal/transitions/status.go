package transitions

import (
	"bytes"
	"strings"

	"haproxystats/internal/event"
	"haproxystats/internal/haproxy"
)

// status is the state of a row.
type status uint8

// The states. Their numbers are on disk.
const (
	unknown status = iota
	down
	up
	maint
	drain
	nolb
	open
	full
	stopped
	paused
	statuses
)

var statusNames = [statuses]string{"", "DOWN", "UP", "MAINT", "DRAIN", "NOLB", "OPEN", "FULL", "STOP", "PAUSED"}

func (s status) String() string { return statusNames[s] }

// statusOf returns the state that the column status tells. Text that follows the first
// word is ignored.
func statusOf(t haproxy.RowType, text []byte) status {
	if string(text) == "UP" && t != haproxy.FrontendRow { // nearly always
		return up
	}
	word, _, _ := bytes.Cut(text, []byte(" "))
	if t == haproxy.FrontendRow {
		switch string(word) {
		case "OPEN":
			return open
		case "FULL":
			return full
		case "STOP":
			return stopped
		case "PAUSED":
			return paused
		}
		return unknown
	}
	switch string(word) {
	case "UP", "no": // `no check`
		return up
	case "DOWN":
		return down
	}
	if t == haproxy.ServerRow {
		switch string(word) {
		case "MAINT":
			return maint
		case "DRAIN":
			return drain
		case "NOLB":
			return nolb
		}
	}
	return unknown
}

// serves reports whether a row in this state may have clients, so that going down from
// it counts.
func (s status) serves() bool { return s == up || s == drain || s == nolb }

// movesAge reports whether lastchg moves with a change from one state to another.
func movesAge(from, to status) bool {
	switch {
	case from == to, from == up && to == drain, from == drain && to == up, from == down && to == maint, from == maint && to == down:
		return false
	}
	return true
}

// why returns the reason of a server's change, and the result of the check that caused
// it.
func why(from, to status, text, check, agent []byte) (event.Reason, string) {
	_, rest, _ := strings.Cut(string(text), " ")
	result := strings.TrimPrefix(string(check), "* ")
	byAgent := strings.HasPrefix(rest, "(agent)")
	switch {
	case to == maint && strings.HasPrefix(rest, "(via "):
		return event.Tracked, ""
	case to == maint && strings.HasPrefix(rest, "(resolution)"):
		return event.Resolution, ""
	case to == maint, to == drain && !byAgent:
		return event.Forced, ""
	case byAgent:
		return event.Agent, strings.TrimPrefix(string(agent), "* ")
	case to == up && (from == drain || from == maint), string(text) == "no check":
		return "", ""
	case result == "" && len(agent) > 0:
		return event.Agent, strings.TrimPrefix(string(agent), "* ")
	case result == "":
		return event.Tracked, ""
	case passes(result) && to == down && strings.Contains(rest, "/"), fails(result) && to == up:
		return event.Check, "" // the result is that of a later check
	case passes(result) && to == down:
		return event.Forced, result
	}
	return event.Check, result
}

// passes reports whether a check with this result has succeeded.
func passes(result string) bool {
	switch result {
	case "L4OK", "L6OK", "L7OK", "PROCOK":
		return true
	}
	return false
}

// fails reports whether a check with this result has failed.
func fails(result string) bool {
	for _, word := range []string{"TOUT", "CON", "RSP", "STS", "ERR"} {
		if strings.HasSuffix(result, word) {
			return true
		}
	}
	return false
}
