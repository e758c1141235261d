package pull

import (
	"errors"
	"fmt"
	"testing"
	"time"
)

// TestManyDeadSockets costs a line or two a round, not one a socket.
func TestManyDeadSockets(t *testing.T) {
	var log logged
	var dead, alive []outcome
	for i := range 2000 {
		s := Socket{"unix", fmt.Sprintf("/run/%d", i)}
		dead = append(dead, outcome{socket: s, err: fmt.Errorf("connect %s: connection refused (tried %d times)", s.Address, i)})
		alive = append(alive, outcome{socket: s})
	}
	var troubles troubles
	now := time.Now()
	for range 90 { // a quarter of an hour
		troubles.tell(log.logger(), dead, now)
		now = now.Add(10 * time.Second)
	}
	for range 2 {
		troubles.tell(log.logger(), alive, now)
	}
	for _, line := range [][]string{
		{"level=ERROR", `msg="sockets failed"`, "count=2000", `sockets="/run/0, /run/1, /run/2 and 1997 more"`, "connection refused (tried 0 times)"},
		{"level=ERROR", `msg="sockets still fail"`, "count=2000", "minutes=10", "connection refused"},
		{"level=INFO", `msg="sockets answer again"`, "count=2000", "minutes=15"},
	} {
		if got := log.count(line...); got != 1 {
			t.Errorf("got %d lines, want one with %q:\n%s", got, line, log.String())
		}
	}
	if got := log.count("msg="); got != 3 {
		t.Errorf("got %d lines, want 3:\n%s", got, log.String())
	}
	if len(troubles) != 0 {
		t.Errorf("got %d sockets remembered, want none", len(troubles))
	}
}

// TestCauses: a new cause is told, and many causes are as many lines at most.
func TestCauses(t *testing.T) {
	socket := Socket{"unix", "/run/a"}
	one := func(err error) []outcome { return []outcome{{socket: socket, err: err}} }
	var log logged
	var told troubles
	now := time.Now()
	for _, err := range []error{
		errors.New("no such file"), errors.New("no such file"), errors.New("permission denied"), errors.New("permission denied"), nil, errors.New("no such file"),
	} {
		told.tell(log.logger(), one(err), now)
	}
	if log.count("socket failed") != 3 || log.count("socket failed", "permission denied") != 1 || log.count("sockets answer again", "sockets=/run/a") != 1 {
		t.Errorf("want three failures and one recovery, got\n%s", log.String())
	}

	log = logged{}
	var many []outcome
	for i := range 100 {
		cause := errors.New(string(rune('a'+i%25)) + " is wrong")
		many = append(many, outcome{socket: Socket{"unix", fmt.Sprintf("/run/%02d", i)}, err: cause})
	}
	var fresh troubles
	fresh.tell(log.logger(), many, now)
	if got := log.count("sockets failed"); got != causes {
		t.Errorf("got %d lines, want %d:\n%s", got, causes, log.String())
	}
}
