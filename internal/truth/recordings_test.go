package truth

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"testing"

	"haproxystats/internal/haproxy"
	"haproxystats/internal/truth/truthtest"
)

func recordings(t *testing.T, scenario string) []truthtest.Recording {
	t.Helper()
	return truthtest.Recordings(t, "testdata/recordings", scenario)
}

// wordsOf returns what the instances say in a step. A reply without a byte is none: the
// worker has crashed.
func wordsOf(t *testing.T, s truthtest.Step) []Word {
	t.Helper()
	var words []Word
	for _, name := range slices.Sorted(maps.Keys(s.Files)) {
		socket, ok := strings.CutSuffix(name, "_info")
		if !ok {
			continue
		}
		info, err := ReadInfo(bytes.NewReader(s.Files[name]), int64(s.Time))
		if err != nil {
			t.Fatalf("%s/%s: %v", s.Name, name, err)
		}
		w := Word{Info: info, Current: socket == "haproxy.sock" && !info.Stopping}
		if stat, ok := s.Files[socket+"_stat"]; ok {
			if w.Stat, err = ReadStat(bytes.NewReader(stat), 0); err != nil && len(stat) > 0 {
				t.Fatalf("%s/%s: %v", s.Name, name, err)
			}
		}
		words = append(words, w)
	}
	return words
}

// ended returns the members that do not answer in a step in which somebody does.
func ended(a *Account, words []Word) []Instance {
	var gone []Instance
	for _, m := range a.Members {
		if len(words) > 0 && !slices.ContainsFunc(words, func(w Word) bool { return w.Info.IsLaterOf(m.Instance, m.Info) }) {
			gone = append(gone, m.Instance)
		}
	}
	return gone
}

// keyed returns the key of a name in expected.json.
func keyed(name string) Key {
	proxy, service, _ := strings.Cut(name, "/")
	switch service {
	case "FRONTEND":
		return Key{haproxy.FrontendRow, proxy, service}
	case "BACKEND":
		return Key{haproxy.BackendRow, proxy, service}
	}
	return Key{haproxy.ServerRow, proxy, service}
}

func TestRecordings(t *testing.T) {
	values := 0
	for _, r := range recordings(t, "") {
		t.Run(r.Version+"/"+r.Scenario, func(t *testing.T) {
			a := &Account{}
			seen := make(map[string]int64)
			for _, s := range r.Steps {
				words := wordsOf(t, s)
				a.Step(words, ended(a, words), int64(s.Time))
				for name, columns := range s.Want.Totals {
					for column, want := range columns {
						got, ok := a.Total(keyed(name), column)
						if !ok || got != want {
							t.Errorf("%s: %s %s: got %d, %t, want %d", s.Name, name, column, got, ok, want)
						}
						if id := name + " " + column; got < seen[id] {
							t.Errorf("%s: %s: got %d after %d: a total fell", s.Name, id, got, seen[id])
						} else {
							seen[id] = got
						}
						values++
					}
				}
				for name, want := range s.Want.Info {
					if name == "CurrConns" {
						continue
					}
					if got, ok := a.InfoTotal(name); !ok || got != want {
						t.Errorf("%s: %s: got %d, %t, want %d", s.Name, name, got, ok, want)
					}
					values++
				}
			}
		})
	}
	if values < 20_000 {
		t.Errorf("got %d values compared, want at least 20,000", values)
	}
}
