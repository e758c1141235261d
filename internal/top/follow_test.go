package top

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"haproxystats/internal/haproxysim"
	"haproxystats/internal/snapshot"
	"haproxystats/internal/spool"
)

// store puts a snapshot into a spool, as haproxystats-pull does.
func store(t *testing.T, w *spool.Writer, epoch int64, files map[string][]byte, r snapshot.Round) {
	t.Helper()
	d, err := w.Stage(epoch)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		f, err := d.Create(name)
		if err == nil {
			_, err = f.Write(text)
			err = errors.Join(err, f.Close())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Commit(r); err != nil {
		t.Fatal(err)
	}
}

func openSpool(t *testing.T) (string, *spool.Writer) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "incoming")
	w, err := spool.OpenWriter(spool.WriterOptions{Dir: dir, Tmp: dir + ".tmp"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return dir, w
}

// TestFollow: the follower returns the newest snapshot, waits for the next one, and leaves
// everything as it is.
func TestFollow(t *testing.T) {
	dir, w := openSpool(t)
	files := func(n int64) map[string][]byte {
		s := site(1, n, n)
		return map[string][]byte{"a_info": s.info(), "a_stat": s.stat()}
	}
	epoch := start.Unix()
	store(t, w, epoch, files(10), snapshot.Round{})
	store(t, w, epoch+10, files(20), snapshot.Round{
		SocketsFailed: 1, Failures: []snapshot.Failure{{Socket: "/run/b", Cause: "refused"}}, Down: []string{"b"},
	})
	before := tree(t, dir)
	f := &Follower{Dir: dir, Patience: time.Hour}
	defer f.Close()
	m := newMachine(t)
	r, err := f.Next(t.Context())
	if err != nil || r.Snapshot.Epoch != epoch+10 || len(r.Failures) != 1 || r.Failures[0].Name != "b" {
		t.Fatalf("got %+v, %v", r, err)
	}
	m.take(r)
	if after := tree(t, dir); !slices.Equal(before, after) {
		t.Errorf("the spool has changed: got %q, want %q", after, before)
	}
	next := make(chan *Round, 1)
	go func() {
		r, _ := f.Next(t.Context())
		next <- r
	}()
	store(t, w, epoch+20, files(120), snapshot.Round{})
	m.take(<-next)
	m.want(m.row(Frontend, "", "www"), Requests, 10)
	if _, err := w.Stage(epoch + 30); err != nil {
		t.Error("the spool is not the writer's any more", err)
	}
}

// TestFollowNeverGoesBack: a snapshot that is left behind the newest is not the next one, unless
// the clock was set back.
func TestFollowNeverGoesBack(t *testing.T) {
	dir, w := openSpool(t)
	s := site(1, 10, 10)
	files := map[string][]byte{"a_info": s.info(), "a_stat": s.stat()}
	epoch := start.Unix()
	store(t, w, epoch, files, snapshot.Round{})
	store(t, w, epoch+10, files, snapshot.Round{})
	f := &Follower{Dir: dir, Patience: time.Hour}
	defer f.Close()
	if r, err := f.Next(t.Context()); err != nil || r.Snapshot.Epoch != epoch+10 {
		t.Fatalf("got %+v, %v, want the newest", r, err)
	}
	if err := os.RemoveAll(filepath.Join(dir, strconv.FormatInt(epoch+10, 10))); err != nil {
		t.Fatal(err)
	}
	if r, err := f.newest(); r != nil || err != nil {
		t.Errorf("got %+v, %v, want none: the older one was passed over", r, err)
	}
	f.waited = f.waited.Add(-2 * time.Hour)
	if r, err := f.Next(t.Context()); err != nil || r.Snapshot.Epoch != epoch {
		t.Errorf("got %+v, %v, want the only one after a long time", r, err)
	}
}

// TestFollowWithoutServers: a snapshot without rows of servers has none that are 0.
func TestFollowWithoutServers(t *testing.T) {
	dir, w := openSpool(t)
	f := &Follower{Dir: dir, Patience: time.Hour}
	defer f.Close()
	m := newMachine(t)
	s := site(1, 10, 10)
	for n, only := range []bool{true, false} {
		stat := s.stat()
		if only {
			stat = haproxysim.ProxiesOf(stat)
		}
		store(t, w, start.Unix()+int64(n), map[string][]byte{"a_info": s.info(), "a_stat": stat}, snapshot.Round{ProxiesOnly: only})
		r, err := f.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		m.take(r)
		var text, doc bytes.Buffer
		if err := errors.Join(m.WriteText(&text, Kinds(), Query{Key: ByName}, false), m.WriteJSON(&doc, Kinds(), Query{Key: ByName})); err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct{ text, has string }{
			{text.String(), "\nSERVERS: not collected (server-rows = false in [pull])\n"},
			{doc.String(), "\n  \"servers\": null,\n"},
			{doc.String(), "\"servers_up\": null, \"servers_down\": null"},
		} {
			if strings.Contains(c.text, c.has) != only {
				t.Errorf("proxies only: %t: got %q in it: %t, want %t\n%s", only, c.has, !only, only, c.text)
			}
		}
		if !json.Valid(doc.Bytes()) {
			t.Errorf("got no JSON: %s", &doc)
		}
	}
}

// tree returns the names below a directory.
func tree(t *testing.T, dir string) []string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		names = append(names, path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// TestFollowOldWorkers: old workers are processes of their own, and counters go on over a
// reload if haproxystats-pull has kept account of them.
func TestFollowOldWorkers(t *testing.T) {
	dir, w := openSpool(t)
	f := &Follower{Dir: dir, Patience: time.Hour}
	defer f.Close()
	m := newMachine(t)
	take := func(after int64, files map[string][]byte, instances ...snapshot.Instance) {
		t.Helper()
		store(t, w, start.Unix()+after, files, snapshot.Round{Accounts: []snapshot.Account{{Socket: "a", Instances: instances}}})
		r, err := f.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		m.take(r)
	}
	old, now := site(1, 100, 1000), site(2, 1, 10)
	began := start.Unix() - 100
	take(0, map[string][]byte{"a_info": old.info(), "a_stat": old.stat()}, snapshot.Instance{Pid: 1, Start: began, Role: snapshot.Current})
	last := site(1, 110, 1090)
	worker := snapshot.Instance{Pid: 1, Start: began, Role: snapshot.Old}
	take(10, map[string][]byte{
		"a_info": now.info(), "a_stat": now.stat(),
		worker.File("a", snapshot.InfoSuffix): last.info(), worker.File("a", snapshot.StatSuffix): last.stat(),
	}, snapshot.Instance{Pid: 2, Start: began, Role: snapshot.Current}, worker)
	m.want(m.row(Frontend, "", "www"), Requests, 10)
	if s := m.Summary; s.Processes != 1 || s.Old != 1 {
		t.Errorf("got %d processes and %d old, want 1 and 1", s.Processes, s.Old)
	}
	if r := m.row(Process, "1", "a"); r.State != Old || r.Info.Pid != "1" {
		t.Errorf("got %+v, want the old worker", r)
	}
}

func TestFollowFails(t *testing.T) {
	missing := &Follower{Dir: filepath.Join(t.TempDir(), "none"), Patience: time.Hour}
	if _, err := missing.Next(t.Context()); err == nil || !strings.Contains(err.Error(), "does not exist") {
		t.Errorf("no directory: got %v", err)
	}
	dir, _ := openSpool(t)
	silent := &Follower{Dir: dir, Patience: time.Nanosecond}
	defer silent.Close()
	if _, err := silent.Next(t.Context()); err == nil || !strings.Contains(err.Error(), "doctor") {
		t.Errorf("no snapshot: got %v", err)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if _, err := (&Follower{Dir: dir, Patience: time.Hour}).Next(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want canceled", err)
	}
}
