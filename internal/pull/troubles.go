package pull

import (
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"
)

const (
	// named is the number of sockets with one cause that get a line each, or are named
	// in their common line.
	named = 3
	// causes is the number of causes that get their own lines in a round.
	causes = 8
)

// troubles remembers the sockets that fail. Each is logged when it begins to fail,
// when the cause changes, every ten minutes, and when it answers again.
type troubles map[string]*trouble // by address

type trouble struct {
	since, told time.Time
	cause       string // without the parts that differ between sockets and rounds
}

// tell logs what is new about the sockets of a round.
func (t *troubles) tell(log *slog.Logger, outcomes []outcome, now time.Time) {
	failed := make(troubles)
	var begun, last, healed []outcome
	for _, o := range outcomes {
		address := o.socket.Address
		before := (*t)[address]
		switch {
		case o.err == nil && before != nil:
			healed = append(healed, o)
		case o.err != nil && (before == nil || before.cause != causeOf(o)):
			failed[address] = &trouble{since: now, told: now, cause: causeOf(o)}
			if before != nil {
				failed[address].since = before.since
			}
			begun = append(begun, o)
		case o.err != nil:
			failed[address] = before
			if now.Sub(before.told) >= again {
				before.told = now
				last = append(last, o)
			}
		}
	}
	for _, group := range byCause(begun) {
		if len(group) > named {
			log.Error("sockets failed", "count", len(group), "sockets", namesOf(group), "error", group[0].err)
			continue
		}
		for _, o := range group {
			log.Error("socket failed", "socket", o.socket.Address, "error", o.err)
		}
	}
	for _, group := range byCause(last) {
		log.Error("sockets still fail", "count", len(group), "sockets", namesOf(group),
			"minutes", int(now.Sub(failed[group[0].socket.Address].since).Minutes()), "error", group[0].err)
	}
	if len(healed) > 0 {
		log.Info("sockets answer again", "count", len(healed), "sockets", namesOf(healed),
			"minutes", int(now.Sub((*t)[healed[0].socket.Address].since).Minutes()))
	}
	*t = failed
}

// causeOf returns the text of an error without the socket and numbers.
func causeOf(o outcome) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return -1
		}
		return r
	}, strings.ReplaceAll(o.err.Error(), o.socket.Address, ""))
}

// byCause groups failed sockets by cause, the largest group first; the last group
// has the sockets of all further causes.
func byCause(outcomes []outcome) [][]outcome {
	found := make(map[string][]outcome)
	for _, o := range outcomes {
		found[causeOf(o)] = append(found[causeOf(o)], o)
	}
	groups := slices.SortedFunc(maps.Values(found), func(a, b []outcome) int {
		if len(a) != len(b) {
			return len(b) - len(a)
		}
		return strings.Compare(a[0].socket.Address, b[0].socket.Address)
	})
	for len(groups) > causes {
		n := len(groups) - 1
		groups[n-1] = append(groups[n-1], groups[n]...)
		groups = groups[:n]
	}
	return groups
}

// namesOf returns the addresses of the first sockets and the number of the others.
func namesOf(outcomes []outcome) string {
	var names []string
	for _, o := range outcomes[:min(len(outcomes), named)] {
		names = append(names, o.socket.Address)
	}
	text := strings.Join(names, ", ")
	if others := len(outcomes) - len(names); others > 0 {
		text += fmt.Sprintf(" and %d more", others)
	}
	return text
}
