package truth

import (
	"fmt"
	"testing"
)

// reply is a socket that has said something.
func reply(t *testing.T, pid int, start, at, sessionsSoFar int64) Reply {
	t.Helper()
	w := script{pid: pid, start: start, rows: sessions(sessionsSoFar), info: map[string]int64{"CumReq": 10 * sessionsSoFar}}.word(t, at)
	return Reply{Info: w.Info, Stat: w.Stat}
}

// total returns what a base and a reply say of the sessions, or -1 without a base.
func total(b *Base, r Reply) int64 {
	if b == nil {
		return -1
	}
	var sum int64
	if r.Stat != nil {
		for i := range r.Stat.keys {
			sum += get(r.Stat.at(i), r.Stat.position(columnSessions))
		}
	}
	for i := range b.keys {
		sum += get(b.at(i), b.position(columnSessions))
	}
	return sum
}

func TestLedger(t *testing.T) {
	var l Ledger
	take := func(at int64, replies map[string]Reply, kept ...string) map[string]*Base {
		return l.Take("eu/lb1", at, at, replies, kept)
	}
	check := func(when string, got, want int64) {
		t.Helper()
		if got != want {
			t.Errorf("%s: got %d sessions, want %d", when, got, want)
		}
	}
	a1, b1 := reply(t, 1, 1000, 1100, 50), reply(t, 2, 1000, 1100, 7)
	bases := take(1100, map[string]Reply{"a": a1, "b": b1})
	check("the first snapshot", total(bases["a"], a1), 50)

	// Worker 3 follows 1; b goes on.
	a2, b2 := reply(t, 3, 1105, 1110, 4), reply(t, 2, 1000, 1110, 9)
	bases = take(1110, map[string]Reply{"a": a2, "b": b2})
	check("after a restart", total(bases["a"], a2), 54)
	check("beside it", total(bases["b"], b2), 9)
	if got := bases["a"].Info["CumReq"]; got != 500 {
		t.Errorf("got a base of %d requests, want 500", got)
	}
	again := take(1110, map[string]Reply{"a": a2, "b": b2})
	check("the same snapshot again", total(again["a"], a2), 54)

	// An older snapshot comes late: its numbers are those of its time.
	late := reply(t, 1, 1000, 1105, 52)
	check("a late snapshot", total(take(1105, map[string]Reply{"a": late})["a"], late), 52)
	early := reply(t, 1, 1000, 1090, 40)
	check("one before all others", total(take(1090, map[string]Reply{"a": early})["a"], early), -1)

	// A socket that is silent keeps what it has counted, and goes on.
	a3 := reply(t, 3, 1105, 1120, 6)
	bases = take(1120, map[string]Reply{"a": a3})
	check("a silent socket", total(bases["b"], Reply{}), 9)
	b4 := reply(t, 2, 1000, 1130, 11)
	bases = take(1130, map[string]Reply{"b": b4})
	check("the socket answers again", total(bases["b"], b4), 11)
	check("the other one is silent", total(bases["a"], Reply{}), 56)

	// Counters are cleared.
	b5 := reply(t, 2, 1000, 1140, 1)
	check("a clear", total(take(1140, map[string]Reply{"b": b5})["b"], b5), 12)

	// Somebody keeps an account now.
	if got := take(1150, nil, "b")["b"]; got != nil {
		t.Errorf("got a base for a socket with an account: %+v", got)
	}
	// After an hour nobody remembers.
	if got := take(1130+forgotten+1, nil); len(got) != 0 {
		t.Errorf("got bases after an hour: %v", got)
	}
	if got := l.Take("eu/lb2", 1100, 9000, map[string]Reply{"a": a1}, nil); total(got["a"], a1) != 50 {
		t.Error("another node has no base of its own")
	}
}

// TestLedgerOfASharedSocket has two processes that answer by turns, as HAProxy with nbproc
// and one socket: nothing can be said of their growth.
func TestLedgerOfASharedSocket(t *testing.T) {
	var l Ledger
	for i := range int64(6) {
		at := 1100 + 10*i
		r := reply(t, 1+int(i%2), 1000, at, 50+i)
		base := l.Take("n", at, at, map[string]Reply{"a": r}, nil)["a"]
		if i >= 2 && base != nil {
			t.Errorf("snapshot %d: got the base %+v, want none", i, base)
		}
	}
}

// TestLedgerIsBounded: names of nodes can be invented.
func TestLedgerIsBounded(t *testing.T) {
	var l Ledger
	for i := range int64(2 * maxBooks) {
		l.Take(fmt.Sprint("n", i), 1000+i, 1000+i, nil, nil)
	}
	if got := len(l.nodes); got > maxBooks {
		t.Errorf("got %d nodes, want at most %d", got, maxBooks)
	}
	for i := range int64(4 * maxVersions) { // a clear in every snapshot
		r := reply(t, 1, 900, 100_000+i, 1000-i)
		l.Take("n1", 100_000+i, 100_000+i, map[string]Reply{"a": r}, nil)
	}
	if got := len(l.nodes["n1"].pages["a"].versions); got > maxVersions {
		t.Errorf("got %d bases, want at most %d", got, maxVersions)
	}
}

// TestLedgerOfWrongClocks: a clock is set back after a restart, and another node's is in the
// future. Both cost nothing.
func TestLedgerOfWrongClocks(t *testing.T) {
	var l Ledger
	at, now := int64(10_000), int64(50_000)
	take := func(node string, r Reply) int64 {
		return total(l.Take(node, at, now, map[string]Reply{"a": r}, nil)["a"], r)
	}
	take("n", reply(t, 1, 1000, at, 50))
	at += 10
	if got := take("n", reply(t, 2, 9000, at, 4)); got != 54 {
		t.Errorf("after a restart: got %d sessions, want 54", got)
	}
	at -= 2000
	back := reply(t, 2, 9000, at, 6)
	back.Info.Uptime = 1020 // HAProxy's own clock has gone on
	if got := take("n", back); got != 56 {
		t.Errorf("after the clock was set back: got %d sessions, want 56", got)
	}
	before := at
	at = 1 << 33
	take("other", reply(t, 7, 1000, 5000, 1))
	at = before + 10
	again := reply(t, 2, 9000, at, 7)
	again.Info.Uptime = 1030
	if got := take("n", again); got != 57 {
		t.Errorf("beside a node of the future: got %d sessions, want 57", got)
	}
}

// TestLedgerOfProxies: of snapshots without accounts, too, servers that nobody asks for keep what
// they had reached.
func TestLedgerOfProxies(t *testing.T) {
	var l Ledger
	reply := func(only bool, pid int, start, at, n int64) Reply {
		s := script{pid: pid, start: start, rows: map[string][4]int64{web: {n, 1, 1}, server: {n, 1, 0, 0}}}
		w := s.word(t, at)
		if only {
			w = proxiesWord(t, s, at)
		}
		return Reply{Info: w.Info, Stat: w.Stat, ProxiesOnly: only}
	}
	for _, c := range []struct {
		only             bool
		pid              int
		start, n         int64
		wantWeb, wantApp int64 // wantApp is 0 where it is not told
	}{
		{false, 1, 1000, 5, 5, 5},
		{true, 1, 1000, 6, 6, 0},
		{false, 1, 1000, 7, 7, 7},
		{true, 1, 1000, 8, 8, 0},
		{true, 2, 1135, 1, 9, 0}, // a restart
		{false, 2, 1135, 2, 10, 7 + 2},
		{false, 2, 1135, 4, 12, 7 + 4},
	} {
		at := max(1100, l.latest()+10)
		r := reply(c.only, c.pid, c.start, at, c.n)
		base := l.Take("", at, at, map[string]Reply{"a": r}, nil)["a"]
		a := Account{Base: base, Members: []*Member{{Instance: r.Info.Instance, Info: r.Info, Stat: r.Stat, Current: true}}}
		wantTotal(t, &a, web, "stot", c.wantWeb)
		if c.wantApp > 0 {
			wantTotal(t, &a, server, "stot", c.wantApp)
		}
	}
}

// latest returns the time of the latest snapshot.
func (l *Ledger) latest() (at int64) {
	for _, b := range l.nodes {
		at = max(at, b.at)
	}
	return at
}
