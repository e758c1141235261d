package event

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"haproxystats/internal/snapshot"
)

// whole has every member.
var whole = Event{
	ID: "lb1/a.sock/3101-1795891243/17", Time: 1795890533, Seen: 1795890540, Node: "lb1", Socket: "a.sock", Kind: ServerState,
	Backend: "app", Frontend: "web", Server: "a<1>", From: "UP", To: "DOWN", Reason: Check, Check: "L4CON", Flaps: 3, DownSeconds: 4,
	Exact: true, OldPid: 1, NewPid: 2, Seconds: 5, OldWorkers: 6, Ref: "lb1/a.sock/1-2/3", SecondsUnaccounted: 7,
	RequestsUnaccounted: 8, Count: 9,
}

func TestLines(t *testing.T) {
	events := []Event{whole, {ID: "n/s/1-2/3", Time: 1, Kind: Wrap, Count: 2}}
	text := Append(nil, events)
	want := `{"id":"lb1/a.sock/3101-1795891243/17","time":1795890533,"seen":1795890540,"node":"lb1","socket":"a.sock","kind":"server_state",` +
		`"backend":"app","frontend":"web","server":"a<1>","from":"UP","to":"DOWN","reason":"check","check":"L4CON","flaps":3,"down_seconds":4,` +
		`"exact":true,"old_pid":1,"new_pid":2,"seconds":5,"old_workers":6,"ref":"lb1/a.sock/1-2/3","seconds_unaccounted":7,` +
		`"requests_unaccounted":8,"count":9}` + "\n" +
		`{"id":"n/s/1-2/3","time":1,"seen":0,"kind":"wrap","exact":false,"count":2}` + "\n"
	if string(text) != want {
		t.Errorf("got\n%swant\n%s", text, want)
	}
	got, err := Read(bytes.NewReader(text))
	if err != nil || !slices.Equal(got, events) {
		t.Errorf("got %+v, error %v, want %+v", got, err, events)
	}
}

func TestUnknownMembersAndKindsAreKeptOrSkipped(t *testing.T) {
	got, err := Read(strings.NewReader(`{"id":"a","time":7,"kind":"cosmic_ray","colour":["red",{"x":1}],"exact":true}`))
	want := []Event{{ID: "a", Time: 7, Kind: "cosmic_ray", Exact: true}}
	if err != nil || !slices.Equal(got, want) {
		t.Fatalf("got %+v, error %v, want %+v", got, err, want)
	}
	if got[0].Kind.IsKnown() || !Reload.IsKnown() {
		t.Errorf("got %v for cosmic_ray and %v for reload, want false and true", got[0].Kind.IsKnown(), Reload.IsKnown())
	}
	if got := got[0].What(); got != "cosmic_ray" {
		t.Errorf("got %q, want cosmic_ray", got)
	}
}

func TestInvalid(t *testing.T) {
	const good = `{"id":"a","time":7,"kind":"wrap"}` + "\n"
	for _, c := range []struct{ name, text, want string }{
		{"no JSON", good + "hello\n", "line 2"},
		{"cut", good + `{"id":"a","time":7,`, "line 2"},
		{"an empty line", "\n" + good, "line 1"},
		{"a list", "[]\n", "line 1"},
		{"no id", `{"time":7,"kind":"wrap"}`, "no id"},
		{"no kind", `{"id":"a","time":7}`, "no kind"},
		{"no time", `{"id":"a","kind":"wrap"}`, "the time 0 is out of range"},
		{"time out of range", `{"id":"a","kind":"wrap","time":1e12}`, "time"},
		{"time beyond the bound", `{"id":"a","kind":"wrap","time":1099511627777}`, "out of range"},
		{"seen before 1970", `{"id":"a","kind":"wrap","time":7,"seen":-1}`, "out of range"},
		{"negative", `{"id":"a","kind":"wrap","time":7,"flaps":-1}`, "negative"},
		{"of another type", `{"id":7,"kind":"wrap","time":7}`, `"id" is not a string`},
		{"long text", `{"id":"` + strings.Repeat("x", maxRead+1) + `","kind":"wrap","time":7}`, "a text of 4097 bytes"},
		{"long line", good + strings.Repeat("x", maxLine), "line 2: not events of haproxystats: longer than"},
		{"many", strings.Repeat(good, MaxEvents+1), "more than 20000"},
		{"large", strings.Repeat(strings.Repeat(" ", 100<<10)+good, MaxBytes/(100<<10)+1), "more than 16777216 bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Read(strings.NewReader(c.text))
			if got != nil || !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %d events, error %v, want none and %q", len(got), err, c.want)
			}
		})
	}
}

func TestTextsAreBounded(t *testing.T) {
	long := strings.Repeat("\x01é", 5000)
	e := whole
	for _, s := range e.texts() {
		*s = long
	}
	text := Append(nil, []Event{e})
	got, err := Read(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range got[0].texts() {
		if len(*s) > maxText+3 || !strings.HasSuffix(*s, "...") || !strings.HasPrefix(long, (*s)[:90]) {
			t.Errorf("got %q, want the beginning of the text", *s)
		}
	}
	if e.ID != long {
		t.Error("Append has changed the caller's event")
	}
}

func TestReadSnapshot(t *testing.T) {
	line := Append(nil, []Event{whole})
	for _, c := range []struct {
		name  string
		files fs.FS
		want  int
		err   bool
	}{
		{"none", fstest.MapFS{"a_info": {}}, 0, false},
		{"empty", snapshot.Memory{"events": nil}, 0, false},
		{"one", snapshot.Memory{"events": line}, 1, false},
		{"damaged", snapshot.Memory{"events": line[:20]}, 0, true},
		{"a directory", fstest.MapFS{"events/x": {}}, 0, true},
	} {
		got, err := ReadSnapshot(c.files)
		if len(got) != c.want || (err != nil) != c.err {
			t.Errorf("%s: got %d events, error %v, want %d, error %v", c.name, len(got), err, c.want, c.err)
		}
	}
}

func TestWhat(t *testing.T) {
	for _, c := range []struct {
		e    Event
		want string
	}{
		{Event{Kind: ServerState, Backend: "app", Server: "a1", From: "UP", To: "DOWN", Reason: Check, Check: "L4CON", Flaps: 3, DownSeconds: 4}, "server app/a1 is DOWN, was UP (L4CON, went down 3 times, down for 4 seconds)"},
		{Event{Kind: ServerState, Backend: "app", Server: "a1", From: "UP", To: "UP", Flaps: 1, DownSeconds: 1}, "server app/a1 is UP again (went down, down for 1 second)"},
		{Event{Kind: ServerState, Backend: "app", Server: "a1", From: "UP", To: "MAINT", Reason: Forced}, "server app/a1 is MAINT, was UP (forced)"},
		{Event{Kind: ServerState, Backend: "app", Server: "a1", From: "UP", To: "DRAIN", Reason: Agent, Check: "L7OK"}, "server app/a1 is DRAIN, was UP (L7OK, agent)"},
		{Event{Kind: BackendState, Backend: "app", From: "UP", To: "DOWN", Reason: Servers}, "backend app is DOWN, was UP"},
		{Event{Kind: FrontendState, Frontend: "web", To: "PAUSED"}, "frontend web is PAUSED"},
		{Event{Kind: Reload, OldPid: 1, NewPid: 2, OldWorkers: 1}, "HAProxy was reloaded: worker 2 follows 1, 1 old worker left"},
		{Event{Kind: Reload, OldPid: 1, NewPid: 2, OldWorkers: 0}, "HAProxy was reloaded: worker 2 follows 1, no old worker is left"},
		{Event{Kind: WorkerGone, OldPid: 1, Reason: Drained, OldWorkers: 2}, "old worker 1 of HAProxy has ended, 2 old workers left"},
		{Event{Kind: WorkerGone, OldPid: 1, Reason: Unheard, SecondsUnaccounted: 1, RequestsUnaccounted: 20}, "old worker 1 of HAProxy has ended, its last 1 second and some 20 requests were not heard, no old worker is left"},
		{Event{Kind: ReloadFailed, Count: 1}, "reload of HAProxy has failed"},
		{Event{Kind: ReloadFailed, Count: 2}, "reload of HAProxy has failed 2 times"},
		{Event{Kind: Restart, OldPid: 1, NewPid: 2, Seconds: 3}, "HAProxy was restarted: worker 2 follows 1, none was heard for 3 seconds"},
		{Event{Kind: Restart, OldPid: 1, NewPid: 2}, "HAProxy was restarted: worker 2 follows 1"},
		{Event{Kind: Crash, OldPid: 1}, "worker 1 of HAProxy has crashed"},
		{Event{Kind: CountersCleared, Count: 2}, "counters of HAProxy were cleared (2 rows)"},
		{Event{Kind: Wrap, Count: 1}, "1 counter of HAProxy began at 0 after 4294967295"},
		{Event{Kind: Gap, Seconds: 60}, "HAProxy was not asked for 60 seconds"},
		{Event{Kind: PathTaken, OldPid: 1, NewPid: 2}, "process 2 answers at the stats socket of 1, which goes on"},
		{Event{Kind: Preloaded, NewPid: 2, Count: 3}, "worker 2 of HAProxy began with counters of its predecessor (3 rows)"},
		{Event{Kind: More, Count: 5}, "5 more events of HAProxy were left out"},
	} {
		if got := c.e.What(); got != c.want {
			t.Errorf("got  %q\nwant %q", got, c.want)
		}
	}
}

// TestKinds compares the list with the constants.
func TestKinds(t *testing.T) {
	source, err := os.ReadFile("event.go")
	if err != nil {
		t.Fatal(err)
	}
	var constants []Kind
	for _, m := range regexp.MustCompile(`(?m)^\t\w+ +Kind = "(\w+)"$`).FindAllSubmatch(source, -1) {
		constants = append(constants, Kind(m[1]))
	}
	if !slices.Equal(constants, Kinds) {
		t.Errorf("got %v, want %v", Kinds, constants)
	}
}

func FuzzRead(f *testing.F) {
	f.Add(Append(nil, []Event{whole}))
	f.Add([]byte(`{"id":"a","time":7,"kind":"cosmic_ray","colour":["red"]}`))
	f.Add([]byte("{\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		events, err := Read(bytes.NewReader(text))
		if err != nil {
			if !errors.Is(err, ErrInvalid) || events != nil {
				t.Fatalf("got %d events, error %v, want none and ErrInvalid", len(events), err)
			}
			return
		}
		for _, e := range events {
			e.What()
		}
		once := Append(nil, events)
		again, err := Read(bytes.NewReader(once))
		if err != nil {
			t.Fatalf("got %v, want what was written to be read: %s", err, once)
		}
		if twice := Append(nil, again); !bytes.Equal(once, twice) {
			t.Fatalf("got\n%swant\n%s", twice, once)
		}
	})
}
