package transitions

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"haproxystats/internal/event"
	"haproxystats/internal/haproxy"
	"haproxystats/internal/truth"
	"haproxystats/internal/truth/truthtest"
)

const recordings = "../truth/testdata/recordings"

// scan shows a tracker the rows of a reply, as the reader of counters does.
func scan(t *testing.T, tr *Tracker, stat []byte) {
	t.Helper()
	var s haproxy.StatScanner
	if err := s.Reset(bytes.NewReader(stat)); err != nil {
		t.Fatal(err)
	}
	column := func(name string) []byte {
		if c := slices.Index(s.Columns(), name); c >= 0 {
			return s.Text(c)
		}
		return nil
	}
	for _, typ := range []haproxy.RowType{haproxy.FrontendRow, haproxy.BackendRow, haproxy.ServerRow} {
		s.Select(typ, nil)
	}
	for s.Next() {
		age, ok := haproxy.Number(column("lastchg"))
		if !ok {
			age = -1
		}
		tr.See(&truth.Seen{Name: s.Row().Hash(), Row: s.Row(), Age: age, Text: func(i int) []byte { return column(Columns[i]) }})
	}
	if err := s.Err(); err != nil {
		t.Fatal(err)
	}
}

func readInfo(t *testing.T, text []byte, at int64) *truth.Info {
	t.Helper()
	info, err := truth.ReadInfo(bytes.NewReader(text), at)
	if err != nil {
		t.Fatal(err)
	}
	return info
}

// line is an event in short: how long before it was seen it happened, if that is exact.
func line(e event.Event) string {
	when := "?"
	if e.Exact {
		when = fmt.Sprint(e.Seen - e.Time)
	}
	return fmt.Sprintf("%s: %s", when, e.What())
}

func lines(events []event.Event) []string {
	all := make([]string, 0, len(events))
	for _, e := range events {
		all = append(all, line(e))
	}
	slices.Sort(all)
	return all
}

var update = flag.Bool("update", false, "write the events of the recordings to testdata/recorded.txt")

// TestRecorded compares the events of all recordings with testdata/recorded.txt, which
// was compared with what was done: servers go through every state, HAProxy is reloaded,
// restarted and killed, counters are cleared. Steps without events are left out.
func TestRecorded(t *testing.T) {
	var got strings.Builder
	for _, r := range truthtest.Recordings(t, recordings, "") {
		tr := &Tracker{Node: "lb1", Socket: "haproxy.sock"}
		for _, s := range r.Steps {
			text, ok := s.Files["haproxy.sock_info"]
			ok = ok && len(s.Files["haproxy.sock_stat"]) > 0
			if !ok {
				continue
			}
			at := int64(s.Time)
			info := readInfo(t, text, at)
			f := Facts{At: at, Info: info, Members: []truth.Instance{info.Instance}, Change: Reloaded}
			for name, text := range s.Files {
				if strings.HasPrefix(name, "old.") && strings.HasSuffix(name, "_info") {
					if old := readInfo(t, text, at); old.Instance != info.Instance {
						f.Members = append(f.Members, old.Instance)
					}
				}
			}
			tr.Begin(info, at)
			scan(t, tr, s.Files["haproxy.sock_stat"])
			if events := tr.End(f); len(events) > 0 {
				fmt.Fprintf(&got, "%s %s %s\n    %s\n", r.Version, r.Scenario, s.Name, strings.Join(lines(events), "\n    "))
			}
		}
	}
	name := filepath.Join("testdata", "recorded.txt")
	if *update {
		if err := os.WriteFile(name, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != string(want) {
		t.Errorf("got other events than those in %s; compare them with -update and git diff:\n%s", name, got.String())
	}
}
