package workers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"haproxystats/internal/haproxy"
	"haproxystats/internal/pull"
	"haproxystats/internal/snapshot"
	"haproxystats/internal/spool"
	"haproxystats/internal/transitions/pending"
	"haproxystats/internal/truth"
	"haproxystats/internal/truth/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// site is haproxystats-pull with a HAProxy.
type site struct {
	t      *testing.T
	f      *fakeHAProxy
	dir    string
	hold   bool
	k      *Keeper
	s      *store.Store
	w      *spool.Writer
	client *haproxy.Client
	log    safeBuffer
	epoch  int64
	seen   Held
	master string // the path of the master's socket
	every  time.Duration
	find   bool
	events *pending.Store
	silent bool // no events are made
	drop   bool // rounds are dropped
	deaf   bool // nobody listens to the replies
	fault  error
	// fetched is called when the replies have arrived.
	fetched func()
}

// tee shows what is written.
type tee struct {
	io.Writer
	heard func([]byte)
}

func (t tee) Write(p []byte) (int, error) {
	t.heard(p)
	return t.Writer.Write(p)
}

type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func newSite(t *testing.T, hold bool) *site {
	t.Helper()
	x := &site{t: t, f: newFake(t), dir: t.TempDir(), hold: hold, client: &haproxy.Client{Timeout: time.Minute}, epoch: 1000}
	var err error
	if x.w, err = spool.OpenWriter(spool.WriterOptions{Dir: filepath.Join(x.dir, "in"), Tmp: filepath.Join(x.dir, "in.tmp")}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { x.w.Close() })
	x.start()
	t.Cleanup(x.stop)
	return x
}

// start begins a process.
func (x *site) start() {
	x.t.Helper()
	log := slog.New(slog.NewTextHandler(&x.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	s, err := store.Open(store.Options{Dir: filepath.Join(x.dir, "truth"), Node: "lb1", Log: log})
	if err != nil {
		x.t.Fatal(err)
	}
	x.s = s
	x.events = nil
	if !x.silent {
		if x.events, err = pending.Open(pending.Options{Dir: filepath.Join(x.dir, "events"), Node: "lb1", Max: 100, Log: log}); err != nil {
			x.t.Fatal(err)
		}
	}
	x.k = New(Options{Store: s, Events: x.events, Client: x.client, Hold: x.hold, Master: x.master, FindMasters: x.find, ServersEvery: x.every, Log: log, Observe: func(h Held) { x.seen = h }})
}

// stop ends the process, as a signal does.
func (x *site) stop() {
	if x.s == nil {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := x.k.Run(ctx); err != nil {
		x.t.Error(err)
	}
	if err := x.s.Close(); err != nil {
		x.t.Error(err)
	}
	if x.events != nil {
		if err := x.events.Close(); err != nil {
			x.t.Error(err)
		}
	}
	x.s = nil
}

// looks looks at all workers once, as each second does.
func (x *site) looks() {
	for _, s := range x.k.all() {
		s.mu.Lock()
		s.look(x.t.Context(), time.Now().Add(patience))
		s.mu.Unlock()
	}
}

// round makes a round and returns the snapshot.
func (x *site) round() snapshot.Snapshot {
	x.t.Helper()
	x.epoch += 10
	d, err := x.w.Stage(x.epoch)
	if err != nil {
		x.t.Fatal(err)
	}
	info, err := d.Create("admin.sock_info")
	if err != nil {
		x.t.Fatal(err)
	}
	stat, err := d.Create("admin.sock_stat")
	if err != nil {
		x.t.Fatal(err)
	}
	of := pull.Socket{Network: "unix", Address: x.f.path}
	var l pull.Listener
	toInfo, toStat := io.Writer(info), io.Writer(stat)
	if !x.deaf {
		l = x.k.Listen(of, "admin.sock")
		toInfo, toStat = tee{info, l.Info}, tee{stat, l.Stat}
	}
	failed := x.client.Fetch(x.t.Context(), "unix", x.f.path, toInfo, toStat)
	if failed == nil {
		failed = x.fault
	}
	if l != nil {
		l.End(failed)
	}
	if x.fetched != nil {
		x.fetched()
	}
	if err := errors.Join(info.Close(), stat.Close()); err != nil {
		x.t.Fatal(err)
	}
	asked := []pull.Asked{{Socket: of, Name: "admin.sock", Failed: failed != nil, Listener: l}}
	if x.find {
		asked = append(asked, pull.Asked{Socket: pull.Socket{Network: "unix", Address: x.f.path + ".master"}, Master: true})
	}
	accounts, workers := x.k.Round(x.t.Context(), d, time.Now(), asked)
	if failed != nil {
		for _, name := range []string{"admin.sock_info", "admin.sock_stat"} {
			if err := d.Remove(name); err != nil {
				x.t.Fatal(err)
			}
		}
	}
	if err := d.Commit(snapshot.Round{Accounts: accounts, Workers: workers}); err != nil {
		x.t.Fatal(err)
	}
	if !x.drop {
		x.k.Stored()
	}
	x.k.observe()
	v, err := spool.OpenView(filepath.Join(x.dir, "in", fmt.Sprint(x.epoch)), nil)
	if err != nil {
		x.t.Fatal(err)
	}
	x.t.Cleanup(func() { v.Close() })
	s, err := v.Snapshot()
	if err != nil {
		x.t.Fatal(err)
	}
	return s
}

// total returns a total as the reader of a snapshot makes it, and a level.
func total(t *testing.T, s snapshot.Snapshot, counter string) (sum int64) {
	t.Helper()
	key := truth.Key{Proxy: "web", Service: "FRONTEND"}
	for _, a := range s.Round.Accounts {
		if a.Generation > 0 {
			text, err := fs.ReadFile(s.Files, a.Socket+snapshot.BaseSuffix)
			if err != nil {
				t.Fatal(err)
			}
			b, err := truth.ParseBase(text)
			if err != nil {
				t.Fatal(err)
			}
			if row := b.Find(key); row >= 0 {
				for i, c := range b.Columns() {
					if c == counter {
						sum += b.Values(row)[i]
					}
				}
			}
		}
		for _, i := range a.Instances {
			text, err := fs.ReadFile(s.Files, i.File(a.Socket, snapshot.StatSuffix))
			if err != nil {
				t.Fatal(err)
			}
			stat, err := truth.ReadStat(bytes.NewReader(text), 0)
			if err != nil {
				t.Fatal(err)
			}
			if v, ok := stat.Value(key, counter); ok {
				sum += v
			}
		}
	}
	return sum
}

func roles(s snapshot.Snapshot) string {
	var all []string
	for _, a := range s.Round.Accounts {
		for _, i := range a.Instances {
			all = append(all, fmt.Sprintf("%d %s", i.Pid, i.Role))
		}
	}
	return strings.Join(all, ", ")
}

func (x *site) want(s snapshot.Snapshot, sessions, bytes int64, who string) {
	x.t.Helper()
	if got := total(x.t, s, "stot"); got != sessions {
		x.t.Errorf("got %d sessions, want %d", got, sessions)
	}
	if got := total(x.t, s, "bin"); got != bytes {
		x.t.Errorf("got %d bytes, want %d", got, bytes)
	}
	if got := roles(s); got != who {
		x.t.Errorf("got the workers %q, want %q", got, who)
	}
}

// TestHeldIsToldWhileItIsLookedAt: the looks of Run, which hold the sockets, must not keep the
// connections from being told.
func TestHeldIsToldWhileItIsLookedAt(t *testing.T) {
	x := newSite(t, true)
	a := x.f.current
	x.f.work(a, 5, 2, 200)
	x.round()
	x.f.reload()
	x.round()
	told := make(chan Held)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	x.k.Change(func(o *Options) {
		o.Observe = func(h Held) {
			select {
			case told <- h:
			case <-ctx.Done():
			}
		}
	})
	ended := make(chan error, 1)
	go func() { ended <- x.k.Run(ctx) }()
	for range 3 { // each a second
		select {
		case h := <-told:
			if h.Current != 1 || h.Old != 1 || h.Conns != 3 || h.Oldest <= 0 {
				t.Errorf("got %+v, want a connection to each of two workers", h)
			}
		case <-ctx.Done():
			t.Fatal("nothing is told")
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestReloads counts every session and byte over three reloads with open sessions.
func TestReloads(t *testing.T) {
	for _, prompt := range []string{"> ", ""} {
		x := newSite(t, true)
		x.f.prompt = prompt
		a := x.f.current
		x.f.work(a, 5, 2, 200)
		x.want(x.round(), 5, 200, "101 current")
		x.f.work(a, 1, 1, 100) // after the last round before the reload
		b := x.f.reload()
		x.f.work(b, 2, 2, 50)
		s := x.round()
		x.want(s, 8, 350, "101 old, 102 current")
		if s.Round.Workers != (snapshot.Workers{Reloads: 1}) {
			t.Errorf("got %+v, want one reload", s.Round.Workers)
		}
		if x.seen.Current != 1 || x.seen.Old != 1 || x.seen.Conns != 3 {
			t.Errorf("got %+v, want connections to both", x.seen)
		}
		if late := time.Since(time.Unix(b.start, 0)) - x.seen.Oldest; late < 0 || late > time.Minute {
			t.Errorf("got an old worker that was replaced %v ago, want the age of its successor, %v", x.seen.Oldest, time.Since(time.Unix(b.start, 0)))
		}
		c := x.f.reload()
		x.f.work(c, 1, 0, 0)
		x.f.work(b, 0, 0, 0)
		x.looks() // b has no client any more, and says its final words
		if x.f.isAlive(b) {
			<-b.ended
		}
		x.f.work(a, 0, 3, 3000) // the last sessions of a end, with their bytes
		if !x.f.isAlive(a) {
			t.Fatal("got a worker that has exited, want it to wait for its final words")
		}
		x.looks()
		<-a.ended
		s = x.round()
		x.want(s, 9, 3350, "103 current")
		if s.Round.Workers != (snapshot.Workers{Reloads: 1}) {
			t.Errorf("got %+v, want one reload and nothing unaccounted", s.Round.Workers)
		}
		x.want(x.round(), 9, 3350, "103 current")
		if x.seen.Old != 0 {
			t.Errorf("got %+v, want no old worker left", x.seen)
		}
	}
}

// TestReloadsWithinARound counts what a worker does that is replaced before a round has
// seen it.
func TestReloadsWithinARound(t *testing.T) {
	x := newSite(t, true)
	a := x.f.current
	x.f.work(a, 5, 2, 200)
	x.want(x.round(), 5, 200, "101 current")
	b := x.f.reload()
	x.looks() // a stops
	x.f.work(b, 4, 4, 40)
	c := x.f.reload()
	x.looks() // b has no client any more, and says its final words
	x.f.work(c, 2, 1, 10)
	d := x.f.reload()
	x.looks() // c stops with a client
	<-b.ended
	x.f.work(d, 1, 1, 1)
	s := x.round()
	x.want(s, 12, 251, "101 old, 104 current, 103 old")
	if s.Round.Workers != (snapshot.Workers{Reloads: 3}) {
		t.Errorf("got %+v, want three reloads and nothing unaccounted", s.Round.Workers)
	}
	x.f.work(c, 0, 1, 1000)
	x.looks()
	<-c.ended
	s = x.round()
	x.want(s, 12, 1251, "101 old, 104 current")
	if s.Round.Workers != (snapshot.Workers{}) {
		t.Errorf("got %+v, want nothing", s.Round.Workers)
	}
}

// TestWithoutHolding counts what was heard, and says what was not.
func TestWithoutHolding(t *testing.T) {
	x := newSite(t, false)
	x.f.work(x.f.current, 5, 5, 200)
	x.want(x.round(), 5, 200, "101 current")
	x.f.work(x.f.current, 2, 2, 20) // nobody hears of it
	x.f.work(x.f.reload(), 1, 1, 1)
	s := x.round()
	x.want(s, 6, 201, "102 current")
	if s.Round.Workers.Reloads != 1 {
		t.Errorf("got %+v, want a reload", s.Round.Workers)
	}
}

// TestCrash goes on from what was heard last.
func TestCrash(t *testing.T) {
	x := newSite(t, true)
	a := x.f.current
	x.f.work(a, 5, 2, 200)
	x.want(x.round(), 5, 200, "101 current")
	x.f.work(a, 7, 7, 0)
	x.looks()
	x.f.kill(a)
	s := x.round()
	x.want(s, 5, 200, "101 silent")
	x.f.work(x.f.reload(), 3, 3, 30)
	s = x.round()
	x.want(s, 8, 230, "102 current")
	if w := s.Round.Workers; w.Restarts != 1 || w.Reloads != 0 || w.RequestsUnaccounted != 7 {
		t.Errorf("got %+v, want a restart and 7 requests that no row has", w)
	}
}

// TestRestartOfPull ends the program with an old worker alive: it is not heard again.
func TestRestartOfPull(t *testing.T) {
	x := newSite(t, true)
	a := x.f.current
	x.f.work(a, 5, 2, 200)
	x.round()
	b := x.f.reload()
	x.f.work(b, 1, 1, 1)
	x.want(x.round(), 6, 201, "101 old, 102 current")
	x.stop()
	x.start()
	x.f.work(b, 1, 1, 1)
	x.want(x.round(), 7, 202, "102 current")
	x.f.work(a, 0, 3, 0)
	<-a.ended // nobody holds it
	x.f.work(x.f.reload(), 1, 0, 0)
	x.looks()
	x.want(x.round(), 8, 202, "103 current")
}

// TestHeaderOnlyWorker keeps the last rows of a worker that shows none while it stops.
func TestHeaderOnlyWorker(t *testing.T) {
	x := newSite(t, true)
	a := x.f.current
	a.headerOnly = true
	x.f.work(a, 5, 2, 200)
	x.round()
	x.f.work(x.f.reload(), 1, 1, 1)
	x.want(x.round(), 6, 201, "101 stale, 102 current")
	x.f.work(a, 0, 3, 0)
	x.looks()
	<-a.ended
	x.want(x.round(), 6, 201, "102 current")
}

// TestHungWorkers lets several old workers hang: a round and a look take no longer than
// for one.
func TestHungWorkers(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for a deadline")
	}
	for what, ask := range map[string]func(x *site){
		"round": func(x *site) { x.round() },
		"look":  func(x *site) { x.looks() },
	} {
		x := newSite(t, true)
		for range 6 {
			x.f.work(x.f.current, 2, 1, 10)
			x.round()
			x.f.reload()
		}
		x.round()
		x.f.mu.Lock()
		for _, w := range x.f.lives[:6] {
			w.hung = true
		}
		x.f.mu.Unlock()
		begun := time.Now()
		ask(x)
		if took := time.Since(begun); took >= 3*patience {
			t.Errorf("%s: took %v, want less than 6 times %v", what, took, patience)
		}
		x.want(x.round(), 12, 60, "107 current")
	}
}

// TestHungWorker costs the current one no round, and its connection only.
func TestHungWorker(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for a deadline")
	}
	x := newSite(t, true)
	a := x.f.current
	x.f.work(a, 5, 2, 200)
	x.round()
	x.f.work(x.f.reload(), 1, 1, 1)
	x.f.mu.Lock()
	a.hung = true
	x.f.mu.Unlock()
	x.want(x.round(), 6, 201, "102 current") // what it said last is in the base
	if !strings.Contains(x.log.String(), "connection to a worker can't be held") {
		t.Errorf("got the log %s", x.log.String())
	}
	x.want(x.round(), 6, 201, "102 current")
}

// TestLookEndsWithTheRound: no look goes on for longer than a round may, and one in a round
// ends in time for it.
func TestLookEndsWithTheRound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		for _, c := range []struct {
			timeout time.Duration // of rounds
			into    time.Duration // time since the round has begun; -1: there is none
			want    time.Duration // until the look has to end; 0: there is none
		}{
			{0, -1, patience},
			{0, time.Hour, patience},
			{5 * time.Second, -1, patience},
			{700 * time.Millisecond, -1, 700 * time.Millisecond},
			{5 * time.Second, 0, patience},
			{5 * time.Second, 4 * time.Second, time.Second},
			{5 * time.Second, 4*time.Second + 1, 0},
			{700 * time.Millisecond, 350 * time.Millisecond, 350 * time.Millisecond},
			{700 * time.Millisecond, 400 * time.Millisecond, 0},
		} {
			k := New(Options{Timeout: c.timeout})
			end := k.Begin()
			if c.into < 0 {
				end()
			}
			until, ok := k.lookUntil(now.Add(max(c.into, 0)))
			if got := until.Sub(now.Add(max(c.into, 0))); ok != (c.want > 0) || ok && got != c.want {
				t.Errorf("rounds of %v, %v into one: got a look of %v (%t), want %v", c.timeout, c.into, got, ok, c.want)
			}
			end()
		}
	})
}

// TestAccountFault costs the account of the round, and no file of the current worker.
func TestAccountFault(t *testing.T) {
	x := newSite(t, true)
	x.f.work(x.f.current, 5, 2, 200)
	x.round()
	x.f.work(x.f.reload(), 1, 1, 1)
	last := filepath.Join(x.dir, "truth", "last")
	if err := os.Rename(last, last+".away"); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(last + ".away")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries { // the directory stays open; a file in it becomes a directory
		if strings.HasSuffix(e.Name(), "_stat") {
			path := filepath.Join(last+".away", e.Name())
			if err := errors.Join(os.Remove(path), os.Mkdir(path, 0o750)); err != nil {
				t.Fatal(err)
			}
		}
	}
	s := x.round()
	if len(s.Round.Accounts) != 0 || s.Round.Workers.AccountsFailed != 1 {
		t.Errorf("got the accounts %+v and %+v, want none, and one failure", s.Round.Accounts, s.Round.Workers)
	}
	names, err := fs.Glob(s.Files, "*")
	if err != nil || fmt.Sprint(names) != "[.manifest admin.sock_info admin.sock_stat]" {
		t.Errorf("got the files %q, %v, want those of the current worker", names, err)
	}
	if !strings.Contains(x.log.String(), "counters can't be accounted for") {
		t.Errorf("got the log %s", x.log.String())
	}
}

// TestManyReloads leaves no worker and no connection behind.
func TestManyReloads(t *testing.T) {
	x := newSite(t, true)
	sessions, traffic := int64(0), int64(0)
	for i := range int64(100) {
		w := x.f.current
		x.f.work(w, 3, 1, 10)
		sessions, traffic = sessions+3, traffic+10
		if i%3 == 0 {
			x.looks()
		}
		s := x.round()
		if got := total(t, s, "stot"); got != sessions {
			t.Fatalf("reload %d: got %d sessions, want %d", i, got, sessions)
		}
		x.f.reload()
		x.f.work(w, 0, 2, 1000)
		traffic += 1000
		x.looks()
		<-w.ended
	}
	s := x.round()
	x.want(s, sessions, traffic, "201 current")
	if s.Round.Workers.SecondsUnaccounted != 0 || x.seen != (Held{Current: 1}) {
		t.Errorf("got %+v, %+v, want nothing unaccounted and one connection", s.Round.Workers, x.seen)
	}
}

// TestMaster hears through the master of a worker that was replaced before the program
// began, and counts failed reloads.
func TestMaster(t *testing.T) {
	x := newSite(t, true)
	failed := 2
	x.master = x.f.master(&failed)
	a := x.f.current
	x.f.work(a, 5, 2, 200)
	x.round()
	x.f.work(x.f.reload(), 1, 1, 1)
	x.stop()
	x.start()
	s := x.round()
	x.want(s, 6, 201, "101 old, 102 current")
	if s.Round.Workers.FailedReloads != 0 {
		t.Errorf("got %+v, want no failed reload: they were before the start", s.Round.Workers)
	}
	failed = 3
	x.f.work(a, 1, 1, 10)
	s = x.round()
	x.want(s, 7, 211, "101 old, 102 current")
	if s.Round.Workers.FailedReloads != 1 {
		t.Errorf("got %+v, want a failed reload", s.Round.Workers)
	}
	failed = 0
	x.f.work(a, 0, 3, 0)
	<-a.ended // nobody holds it
	s = x.round()
	x.want(s, 7, 211, "102 current")
	if s.Round.Workers.FailedReloads != 0 {
		t.Errorf("got %+v, want no failed reload", s.Round.Workers)
	}
}

// TestMasterFound uses a master that package pull has found, unless another one or none
// is configured.
func TestMasterFound(t *testing.T) {
	x := newSite(t, true)
	failed := 0
	x.f.master(&failed)
	x.find = true
	x.stop()
	x.start()
	x.f.work(x.f.current, 5, 2, 200)
	x.round()
	failed = 1
	if s := x.round(); s.Round.Workers.FailedReloads != 1 || len(x.k.masters) != 1 {
		t.Errorf("got %+v and %d masters, want a failed reload and one", s.Round.Workers, len(x.k.masters))
	}
	for _, k := range []*Keeper{New(Options{FindMasters: false}), New(Options{FindMasters: true, Master: "/m"})} {
		stats, masters := k.split([]pull.Asked{{Socket: pull.Socket{Address: "a"}}, {Socket: pull.Socket{Address: "b"}, Master: true}})
		if len(stats) != 1 || stats[0].Socket.Address != "a" || fmt.Sprint(masters) != fmt.Sprint(map[bool]string{true: "[/m]", false: "[]"}[k.opt().FindMasters]) {
			t.Errorf("got %+v and %q", stats, masters)
		}
	}
}

// TestCrashes tells a worker that crashed from a restart by a master or an older worker
// that lives on.
func TestCrashes(t *testing.T) {
	for _, c := range []struct {
		name                string
		master, reborn, old bool
		want                snapshot.Workers
	}{
		{"the master lives on", true, false, false, snapshot.Workers{Crashes: 1}},
		{"the master is another one", true, true, false, snapshot.Workers{Restarts: 1}},
		{"no master is known", false, false, false, snapshot.Workers{Restarts: 1}},
		{"an older worker lives on", false, false, true, snapshot.Workers{Crashes: 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := newSite(t, true)
			failed := 0
			x.f.master(&failed)
			x.find = c.master
			x.stop()
			x.start()
			if c.old {
				x.f.work(x.f.current, 1, 0, 0)
				x.round()
				x.f.reload()
			}
			x.round()
			x.f.kill(x.f.current)
			x.looks()
			x.f.mu.Lock()
			x.f.reborn = c.reborn
			x.f.mu.Unlock()
			x.f.reload()
			s := x.round()
			s.Round.Workers.SecondsUnaccounted = 0
			if s.Round.Workers != c.want {
				t.Errorf("got %+v, want %+v\n%s", s.Round.Workers, c.want, x.log.String())
			}
			if got := strings.Contains(x.log.String(), "worker of HAProxy has crashed"); got != (c.want.Crashes > 0) {
				t.Errorf("got a message: %t, want it for a crash\n%s", got, x.log.String())
			}
		})
	}
}

// TestMasterHangs costs no round, and the master is left alone afterwards.
func TestMasterHangs(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for a deadline")
	}
	x := newSite(t, false)
	failed := 0
	x.master = x.f.master(&failed)
	x.stop()
	x.start()
	a := x.f.current
	x.f.work(a, 5, 2, 200)
	x.round()
	x.f.work(x.f.reload(), 1, 1, 1)
	x.f.mu.Lock()
	a.hung = true
	x.f.mu.Unlock()
	x.want(x.round(), 6, 201, "101 silent, 102 current") // the master lists it
	if got := strings.Count(x.log.String(), "HAProxy's master does not answer"); got != 1 {
		t.Errorf("got %d messages, want one:\n%s", got, x.log.String())
	}
	if x.k.masters[x.master].truce != firstTruce {
		t.Errorf("got a truce of %v, want %v", x.k.masters[x.master].truce, firstTruce)
	}
	x.want(x.round(), 6, 201, "102 current") // and was not asked again
}

// TestShortStatsTimeout gives holding up for a while if HAProxy closes the connections
// early.
func TestShortStatsTimeout(t *testing.T) {
	x := newSite(t, true)
	w := x.f.current
	for range maxTries + 1 {
		x.round()
		x.f.mu.Lock()
		for c := range w.held {
			c.Close()
		}
		x.f.mu.Unlock()
		x.looks()
	}
	x.round()
	if x.seen.Current != 0 || !strings.Contains(x.log.String(), "stats timeout") {
		t.Errorf("got %+v and the log %s, want no connection and the remedy", x.seen, x.log.String())
	}
	// A reload is still one, and what nobody heard is said.
	x.f.work(w, 3, 3, 0)
	x.f.reload()
	if s := x.round(); s.Round.Workers.Reloads != 1 || s.Round.Workers.Restarts != 0 {
		t.Errorf("got %+v, want a reload", s.Round.Workers)
	}
}

// TestPathTaken counts both workers if another HAProxy takes the path of the socket.
func TestPathTaken(t *testing.T) {
	x := newSite(t, true)
	a := x.f.current
	x.f.work(a, 5, 2, 200)
	x.round()
	x.f.work(x.f.reload(), 1, 1, 1)
	x.f.mu.Lock()
	a.stopping = false // it is not a reload
	x.f.mu.Unlock()
	x.want(x.round(), 6, 201, "101 old, 102 current")
	if !strings.Contains(x.log.String(), "another process has taken the stats socket's path") {
		t.Errorf("got the log %s", x.log.String())
	}
	x.f.work(a, 2, 0, 0)
	x.want(x.round(), 8, 201, "101 old, 102 current")
}

// TestOldWorkerAnswers does not take a worker that stops for the current one.
func TestOldWorkerAnswers(t *testing.T) {
	x := newSite(t, true)
	a := x.f.current
	x.f.work(a, 5, 2, 200)
	x.round()
	b := x.f.reload()
	x.f.work(b, 1, 1, 1)
	x.want(x.round(), 6, 201, "101 old, 102 current")
	x.f.mu.Lock()
	x.f.current = a // as happens for moments around a reload
	x.f.mu.Unlock()
	if s := x.round(); len(s.Round.Accounts) != 0 || s.Round.Workers.AccountsFailed != 1 {
		t.Errorf("got %+v and %+v, want no account for this round", s.Round.Accounts, s.Round.Workers)
	}
	x.f.mu.Lock()
	x.f.current = b
	x.f.mu.Unlock()
	x.want(x.round(), 6, 201, "101 old, 102 current")
}
