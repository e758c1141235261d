package workers

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"haproxystats/internal/event"
	"haproxystats/internal/snapshot"
)

// told returns the events of a snapshot in short.
func told(t *testing.T, s snapshot.Snapshot) []string {
	t.Helper()
	events, err := event.ReadSnapshot(s.Files)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range events {
		all = append(all, e.What())
		if e.Node != "lb1" || e.Socket != "admin.sock" || e.Seen < time.Now().Unix()-60 {
			t.Errorf("got %+v, want an event of admin.sock at lb1 that was seen now", e)
		}
	}
	return all
}

func (x *site) wantEvents(want ...string) {
	x.t.Helper()
	if got := told(x.t, x.round()); !slices.Equal(got, want) {
		x.t.Errorf("got the events\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

// app sets the rows of the backend that workers show.
func (f *fakeHAProxy) app(rows ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rows = strings.Join(rows, "\n")
	if f.rows != "" {
		f.rows += "\n"
	}
}

func TestEvents(t *testing.T) {
	x := newSite(t, true)
	a := x.f.current
	x.f.app("app,a1,0,0,0,2,UP,100,0")
	x.f.work(a, 3, 0, 0)
	x.wantEvents()
	x.f.app("app,a1,0,0,0,2,DOWN,0,1")
	x.wantEvents("server app/a1 is DOWN, was UP (tracked)")
	x.wantEvents()

	t.Log("two reloads between two rounds, with an old worker")
	b := x.f.reload()
	x.looks() // a stops, and b is met
	x.f.reload()
	x.looks() // b has no client: it says its final words
	<-b.ended
	x.wantEvents(
		"HAProxy was reloaded: worker 102 follows 101, 1 old worker left",
		"HAProxy was reloaded: worker 103 follows 102, 1 old worker left",
		"old worker 102 of HAProxy has ended, 1 old worker left",
	)
	x.f.work(a, 0, 3, 30)
	x.looks()
	<-a.ended
	x.wantEvents("old worker 101 of HAProxy has ended, no old worker is left")

	t.Log("the end of the program")
	x.stop()
	x.start()
	x.wantEvents()

	t.Log("a kill, and a new worker")
	x.f.kill(x.f.current)
	x.round()
	x.f.reload()
	got := told(t, x.round())
	if len(got) != 1 || !strings.HasPrefix(got[0], "HAProxy was restarted: worker 104 follows 103") {
		t.Errorf("got %q, want a restart", got)
	}
}

// TestEventsOfDroppedRounds are in the next snapshot that is stored, with their ids.
func TestEventsOfDroppedRounds(t *testing.T) {
	x := newSite(t, true)
	x.f.app("app,a1,0,0,0,2,UP,100,0")
	x.round()
	x.f.app("app,a1,0,0,0,2,DOWN,0,1")
	x.drop = true
	first, err := event.ReadSnapshot(x.round().Files)
	if err != nil || len(first) != 1 {
		t.Fatalf("got %+v, error %v, want an event", first, err)
	}
	x.f.app("app,a1,0,0,0,2,UP,0,1")
	x.stop()
	x.start()
	x.drop = false
	again, err := event.ReadSnapshot(x.round().Files)
	if err != nil || len(again) != 2 || again[0] != first[0] || again[1].To != "UP" {
		t.Errorf("got %+v, error %v, want the event of the dropped round and another one", again, err)
	}
	x.wantEvents()
}

// TestEventsOfMaster tells of failed reloads, and of workers that are gone while the
// master goes on.
func TestEventsOfMaster(t *testing.T) {
	x := newSite(t, true)
	failed := 0
	x.stop()
	x.master = x.f.master(&failed)
	x.start()
	x.wantEvents()
	x.f.mu.Lock()
	failed = 2
	x.f.mu.Unlock()
	x.wantEvents("reload of HAProxy has failed 2 times")
	x.f.kill(x.f.current)
	x.wantEvents()
	x.f.reload()
	got := told(t, x.round())
	if len(got) != 2 || !strings.Contains(strings.Join(got, "\n"), "HAProxy was restarted: worker 102 follows 101") ||
		!strings.Contains(strings.Join(got, "\n"), "worker 101 of HAProxy has crashed") {
		t.Errorf("got %q, want a crash and a restart", got)
	}
}

// TestEventsGap tells of a time in which nobody asked.
func TestEventsGap(t *testing.T) {
	x := newSite(t, false)
	x.round()
	for _, s := range x.k.all() {
		s.asked = s.asked.Add(-2 * time.Hour)
	}
	x.wantEvents("HAProxy was not asked for 7200 seconds")
	x.wantEvents()
}

// TestEventsCanBeOff makes no file without the option.
func TestEventsCanBeOff(t *testing.T) {
	x := newSite(t, true)
	x.stop()
	x.silent = true
	x.start()
	x.f.app("app,a1,0,0,0,2,UP,100,0")
	x.round()
	x.f.reload()
	x.looks()
	x.f.app("app,a1,0,0,0,2,DOWN,0,1")
	x.wantEvents()
	if files, _ := filepath.Glob(filepath.Join(x.dir, "events", "*")); len(files) > 1 {
		t.Errorf("got %q, want nothing new", fmt.Sprint(files))
	}
}

// TestKilledBeforeTheEvent: a program that was killed when the account was on disk and the
// event of a worker's end was not tells of the end all the same, and of what was lost.
func TestKilledBeforeTheEvent(t *testing.T) {
	for name, c := range map[string]struct {
		end  func(x *site, a *fakeWorker)
		want func(events []string) bool
	}{
		"an old worker is killed": {
			end: func(x *site, a *fakeWorker) { x.f.kill(a) },
			want: func(events []string) bool {
				return len(events) == 1 && strings.HasPrefix(events[0], "old worker 101 of HAProxy has ended") && strings.Contains(events[0], "some 7 requests were not heard")
			},
		},
		"an old worker drains": {
			end: func(x *site, a *fakeWorker) { x.f.work(a, 0, 1, 0) },
			want: func(events []string) bool {
				return slices.Equal(events, []string{"old worker 101 of HAProxy has ended, no old worker is left"})
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			x := newSite(t, true)
			a := x.f.current
			x.f.work(a, 5, 4, 200)
			x.round()
			x.f.reload()
			x.looks()
			x.round()
			x.f.work(a, 7, 7, 0)
			x.looks() // the requests are heard of, the rows are not
			states := filepath.Join(x.dir, "events")
			saved := filepath.Join(x.dir, "saved")
			if err := os.CopyFS(saved, os.DirFS(states)); err != nil {
				t.Fatal(err)
			}
			c.end(x, a)
			x.looks()
			x.drop = true // no snapshot has told
			x.round()
			x.stop()
			if err := errors.Join(os.RemoveAll(states), os.Rename(saved, states)); err != nil {
				t.Fatal(err)
			}
			x.start()
			x.drop = false
			if got := told(t, x.round()); !c.want(got) {
				t.Errorf("got the events %q", got)
			}
			x.wantEvents()
		})
	}
}
