package store

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"haproxystats/internal/haproxy"
	"haproxystats/internal/truth"
	"haproxystats/internal/truth/truthtest"
)

// TestRecordings keeps accounts of all recordings on disk, by tallies where they are
// enough, and opens the store again after each step of every second recording.
func TestRecordings(t *testing.T) {
	for _, deaf := range []bool{false, true} {
		t.Run(map[bool]string{false: "heard", true: "read"}[deaf], func(t *testing.T) { testRecordings(t, deaf) })
	}
}

func testRecordings(t *testing.T, deaf bool) {
	values := 0
	for n, r := range truthtest.Recordings(t, "../testdata/recordings", "") {
		t.Run(r.Version+"/"+r.Scenario, func(t *testing.T) {
			w := newWorld(t)
			w.deaf = deaf
			for _, s := range r.Steps {
				var replies []Reply
				for _, name := range slices.Sorted(maps.Keys(s.Files)) {
					socket, ok := strings.CutSuffix(name, "_info")
					if !ok {
						continue
					}
					info := string(s.Files[name])
					reply := Reply{Info: w.source(info), Current: socket == "haproxy.sock" && !strings.Contains(info, "\nStopping: 1\n")}
					if stat := s.Files[socket+"_stat"]; len(stat) > 0 { // else the worker has crashed
						reply.Stat = w.source(string(stat))
					}
					replies = append(replies, reply)
				}
				a := w.record(int64(s.Time), replies)
				for name, columns := range s.Want.Totals {
					for column, want := range columns {
						if got, ok := a.Total(key(name), column); !ok || got != want {
							t.Errorf("%s: %s %s: got %d, %t, want %d", s.Name, name, column, got, ok, want)
						}
						values++
					}
				}
				for name, want := range s.Want.Info {
					if got, ok := a.InfoTotal(name); name != "CurrConns" && (!ok || got != want) {
						t.Errorf("%s: %s: got %d, %t, want %d", s.Name, name, got, ok, want)
					}
				}
				if n%2 == 0 {
					w.again()
				}
			}
		})
	}
	if values < 20_000 {
		t.Errorf("got %d values compared, want at least 20,000", values)
	}
}

func key(name string) truth.Key {
	proxy, service, _ := strings.Cut(name, "/")
	switch service {
	case "FRONTEND":
		return truth.Key{Type: haproxy.FrontendRow, Proxy: proxy, Service: service}
	case "BACKEND":
		return truth.Key{Type: haproxy.BackendRow, Proxy: proxy, Service: service}
	}
	return truth.Key{Type: haproxy.ServerRow, Proxy: proxy, Service: service}
}

// record makes a round of replies. Members that do not answer, in a round in which
// somebody does, have ended.
func (w *world) record(at int64, replies []Reply) *truth.Account {
	w.t.Helper()
	k := w.s.Socket(address)
	ended := func() (gone []truth.Instance) {
		if err := k.load(); err != nil {
			w.t.Fatal(err)
		}
		for _, m := range k.members {
			answers := len(replies) == 0
			for _, r := range replies {
				info, err := readInfo(r.Info, at)
				answers = answers || err == nil && m.instance.IsSame(info)
			}
			if !answers {
				gone = append(gone, m.instance)
			}
		}
		return gone
	}
	s, err := w.replies(at, ended(), replies)
	if err != nil {
		w.t.Fatal(err)
	}
	return s.a
}
