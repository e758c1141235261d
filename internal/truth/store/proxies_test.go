package store

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"haproxystats/internal/haproxy"
	"haproxystats/internal/truth"
)

var a1 = truth.Key{Type: haproxy.ServerRow, Proxy: "app", Service: "a1"}

// proxiesTurns switch the rows of servers off and on again. server is the total of app/a1
// where it is told.
var proxiesTurns = []struct {
	name    string
	ended   []truth.Instance
	workers []worker
	web     int64
	server  int64
}{
	{"the first round", nil, []worker{{pid: 1, start: 100, rows: web(5), server: 4}}, 5, 4},
	{"no rows of servers, and a clear", nil, []worker{{pid: 1, start: 100, rows: web(2), server: 6, proxiesOnly: true}}, 7, 0},
	{"no rows of servers", nil, []worker{{pid: 1, start: 100, rows: web(3), server: 7, proxiesOnly: true}}, 8, 0},
	{"all rows", nil, []worker{{pid: 1, start: 100, rows: web(4), server: 9}}, 9, 9},
	{"no rows of servers again", nil, []worker{{pid: 1, start: 100, rows: web(4), server: 9, proxiesOnly: true}}, 9, 0},
	{"a reload", nil, []worker{
		{pid: 1, start: 100, rows: web(5), server: 10, proxiesOnly: true, old: true},
		{pid: 2, start: 200, rows: web(1), server: 1, proxiesOnly: true},
	}, 11, 0},
	{"all rows of both workers", nil, []worker{
		{pid: 1, start: 100, rows: web(6), server: 11, old: true},
		{pid: 2, start: 200, rows: web(2), server: 3},
	}, 13, 14},
	{"the old worker ends while nobody asks for servers", nil, []worker{
		{pid: 1, start: 100, rows: web(6), server: 12, proxiesOnly: true, old: true, final: true},
		{pid: 2, start: 200, rows: web(2), server: 3, proxiesOnly: true},
	}, 13, 0},
	{"all rows of the worker that is left", nil, []worker{{pid: 2, start: 200, rows: web(2), server: 4}}, 13, 11 + 4},
	{"a restart while nobody asks for servers", []truth.Instance{{Pid: 2, Start: 200}}, []worker{
		{pid: 3, start: 300, rows: web(1), server: 1, proxiesOnly: true},
	}, 14, 0},
	{"all rows at last", nil, []worker{{pid: 3, start: 300, rows: web(2), server: 2}}, 15, 11 + 4 + 2},
	{"and on", nil, []worker{{pid: 3, start: 300, rows: web(2), server: 5}}, 15, 11 + 4 + 5},
}

func (s sent) check(t *testing.T, name string, web, server int64) {
	t.Helper()
	if got, ok := s.a.Total(truth.Key{Type: haproxy.FrontendRow, Proxy: "web", Service: "FRONTEND"}, "stot"); !ok || got != web {
		t.Errorf("%s: got %d sessions of web, %t, want %d", name, got, ok, web)
	}
	if got, ok := s.a.Total(a1, "stot"); got != server || ok != (server > 0) {
		t.Errorf("%s: got %d sessions of app/a1, %t, want %d", name, got, ok, server)
	}
}

// TestProxiesOnly keeps the totals of servers while nobody asks for their rows.
func TestProxiesOnly(t *testing.T) {
	for _, c := range []struct {
		name        string
		deaf, again bool
	}{{"heard", false, false}, {"read", true, false}, {"started again after each round", false, true}} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.deaf = c.deaf
			for _, turn := range proxiesTurns {
				s := w.mustRound(turn.ended, turn.workers...)
				s.check(t, turn.name, turn.web, turn.server)
				for _, n := range s.result.Notices {
					if n.Kind == truth.Removed {
						t.Errorf("%s: got %+v, but no row was removed", turn.name, n)
					}
				}
				if c.again {
					w.again()
				}
			}
			if names := list(t, w.s.last); slices.ContainsFunc(names, func(n string) bool { return strings.Contains(n, keptSuffix) }) {
				t.Errorf("got %q, want no kept rows when all are told", names)
			}
		})
	}
}

// TestProxiesOnlyKilled ends the program between any two steps of each round.
func TestProxiesOnlyKilled(t *testing.T) {
	killed := errors.New("killed")
	for at := 0; ; at++ {
		w := newWorld(t)
		n, died := 0, ""
		w.s.step = func(name string) error {
			if n++; n == at+1 {
				died = name
				return killed
			}
			return nil
		}
		for _, turn := range proxiesTurns {
			s, err := w.round(turn.ended, turn.workers...)
			if errors.Is(err, killed) {
				w.again() // the step after which it ended is not made
				s, err = w.round(turn.ended, turn.workers...)
			}
			if err != nil {
				t.Fatalf("killed at %q: %s: %v", died, turn.name, err)
			}
			s.check(t, died+": "+turn.name, turn.web, turn.server)
		}
		if died == "" {
			if n < 40 {
				t.Errorf("got %d steps, want at least 40", n)
			}
			return
		}
	}
}

// TestProxiesOnlyTakenBack ends the program between any two steps of the round that asks for
// no servers any more, and goes on with one that asks for them, as if nobody had wanted it.
func TestProxiesOnlyTakenBack(t *testing.T) {
	killed := errors.New("killed")
	for _, all := range []bool{false, true} {
		for at := 1; at < 16; at++ {
			w := newWorld(t)
			one := worker{pid: 1, start: 100, rows: web(5), server: 4, proxiesOnly: all}
			w.mustRound(nil, worker{pid: 1, start: 100, rows: web(5), server: 4})
			w.mustRound(nil, one)
			n := 0
			w.s.step = func(string) error {
				if n++; n == at {
					return killed
				}
				return nil
			}
			one.server, one.proxiesOnly = 6, !all
			if _, err := w.round(nil, one); err != nil && !errors.Is(err, killed) {
				t.Fatal(err)
			}
			w.again()
			one.proxiesOnly = all
			w.mustRound(nil, one)
			w.mustRound(nil, worker{pid: 1, start: 100, rows: web(6), server: 8}).check(t, "in the end", 6, 8)
		}
	}
}
