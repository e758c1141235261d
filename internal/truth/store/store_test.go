package store

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"haproxystats/internal/durable"
	"haproxystats/internal/haproxy"
	"haproxystats/internal/truth"
)

// fileSource is a file of a snapshot. linkless is the error of its links.
type fileSource struct {
	path     string
	linkless error
}

func (f fileSource) Open() (io.ReadCloser, error) { return os.Open(f.path) }

func (f fileSource) Link(to *durable.Dir, as string) error {
	if f.linkless != nil {
		return f.linkless
	}
	return os.Link(f.path, filepath.Join(to.Path(), as))
}

// worker is an instance with its counters.
type worker struct {
	pid, start int64
	rows       map[string]int64 // sessions by frontend
	down       int64            // time spent down of the backend app
	reqs       int64
	final      bool
	old        bool
	headerOnly bool
	server     int64 // sessions of the server app/a1; 0 for none
	// proxiesOnly leaves the server out of the reply.
	proxiesOnly bool
}

// world is a store with the replies of workers.
type world struct {
	t        *testing.T
	dir      string
	s        *Store
	now      int64
	n        int
	linkless error
	log      bytes.Buffer
	deaf     bool // rows are read back, not heard while they arrive
}

const address = "/run/haproxy/admin.sock"

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir(), now: 1_700_000_000}
	w.open()
	return w
}

func (w *world) open() {
	w.t.Helper()
	s, err := Open(Options{Dir: filepath.Join(w.dir, "truth"), Node: "lb1", Log: slog.New(slog.NewTextHandler(&w.log, nil))})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { s.Close() })
	s.sync = func(*os.File) error { return nil } // no test loses power
	w.s = s
}

// again ends the store and opens it as another process would.
func (w *world) again() {
	w.t.Helper()
	if err := w.s.Close(); err != nil {
		w.t.Fatal(err)
	}
	w.open()
}

func (w *world) source(text string) Source {
	w.t.Helper()
	w.n++
	path := filepath.Join(w.dir, fmt.Sprintf("reply%d", w.n))
	if err := os.WriteFile(path, []byte(text), 0o640); err != nil {
		w.t.Fatal(err)
	}
	return fileSource{path, w.linkless}
}

func (w *world) reply(k worker) Reply {
	w.t.Helper()
	info := fmt.Sprintf("Name: HAProxy\nVersion: 2.6.12\nPid: %d\nStart_time_sec: %d\nUptime_sec: %d\nCumReq: %d\n\n", k.pid, k.start, w.now-k.start, uint32(k.reqs))
	var stat strings.Builder
	stat.WriteString("# pxname,svname,stot,downtime,type,\n")
	if !k.headerOnly {
		for _, name := range sorted(k.rows) {
			fmt.Fprintf(&stat, "%s,FRONTEND,%d,,0,\n", name, k.rows[name])
		}
		if k.server > 0 && !k.proxiesOnly {
			fmt.Fprintf(&stat, "app,a1,%d,0,2,\n", k.server)
		}
		fmt.Fprintf(&stat, "app,BACKEND,0,%d,1,\n", k.down)
	}
	return Reply{Info: w.source(info), Stat: w.source(stat.String() + "\n"), Current: !k.old, Final: k.final, ProxiesOnly: k.proxiesOnly}
}

func sorted(m map[string]int64) []string {
	var names []string
	for n := range m {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// sent is what a reader makes of the files of a round.
type sent struct {
	a      *truth.Account
	result Result
}

// round makes a round ten seconds later.
func (w *world) round(ended []truth.Instance, workers ...worker) (sent, error) {
	w.t.Helper()
	w.now += 10
	var replies []Reply
	for _, k := range workers {
		replies = append(replies, w.reply(k))
	}
	return w.replies(w.now, ended, replies)
}

// replies makes a round of replies, and reads what it carries as a reader does.
func (w *world) replies(at int64, ended []truth.Instance, replies []Reply) (sent, error) {
	s := sent{a: &truth.Account{Base: &truth.Base{}}}
	for n := range replies {
		w.hear(at, &replies[n])
	}
	_, err := w.s.Socket(address).Round(at, replies, ended, func(r Result) error {
		s.result = r
		if r.Base != nil {
			text, err := os.ReadFile(filepath.Join(r.Base.Dir.Path(), r.Base.Name))
			if err != nil {
				return err
			}
			if s.a.Base, err = truth.ParseBase(text); err != nil {
				return err
			}
			if int64(len(text)) != r.Base.Size || s.a.Base.Generation != r.Base.Generation {
				return fmt.Errorf("got %+v for %d bytes of generation %d", r.Base, len(text), s.a.Base.Generation)
			}
		}
		for _, m := range r.Members {
			member := &truth.Member{Instance: m.Instance, Info: m.Info, Current: m.Current}
			var source Source
			if !m.Stale {
				source = replies[m.Reply].Stat
			} else if m.LastStat != nil {
				source = m.LastStat
			}
			if source != nil {
				var err error
				if member.Stat, err = readStat(source, 0); err != nil {
					return err
				}
			}
			s.a.Members = append(s.a.Members, member)
		}
		return nil
	})
	return s, err
}

// hear hears the rows of a reply, as they arrive in pieces.
func (w *world) hear(at int64, r *Reply) {
	if w.deaf || r.Stat == nil || r.Heard != nil {
		return
	}
	info, err := readInfo(r.Info, at)
	if err != nil {
		return
	}
	f, err := r.Stat.Open()
	if err != nil {
		w.t.Fatal(err)
	}
	defer f.Close()
	text, err := io.ReadAll(f)
	if err != nil {
		w.t.Fatal(err)
	}
	r.Said = info
	w.s.Socket(address).Resolve(info)
	if r.Heard = w.s.Socket(address).Hear(info, nil); r.Heard == nil {
		return
	}
	for n := 1; len(text) > 0; n = n%700 + 97 {
		n := min(n, len(text))
		r.Heard.Take(text[:n])
		text = text[n:]
	}
	r.Heard.End(true)
}

func (w *world) mustRound(ended []truth.Instance, workers ...worker) sent {
	w.t.Helper()
	s, err := w.round(ended, workers...)
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

func (s sent) want(t *testing.T, name string, want int64) {
	t.Helper()
	if got, ok := s.a.Total(truth.Key{Type: haproxy.FrontendRow, Proxy: name, Service: "FRONTEND"}, "stot"); !ok || got != want {
		t.Errorf("%s: got %d, %t, want %d", name, got, ok, want)
	}
}

func web(n int64) map[string]int64 { return map[string]int64{"web": n, "api": 2 * n} }

func TestReload(t *testing.T) {
	w := newWorld(t)
	w.mustRound(nil, worker{pid: 1, start: 100, rows: web(5), reqs: 10}).want(t, "web", 5)
	s := w.mustRound(nil, worker{pid: 1, start: 100, rows: web(6), reqs: 10, old: true}, worker{pid: 2, start: 200, rows: web(1)})
	s.want(t, "web", 7)
	if s.result.Base != nil {
		t.Errorf("got the base %+v, want none as long as both workers live", s.result.Base)
	}
	w.again()
	s = w.mustRound(nil, worker{pid: 1, start: 100, rows: web(8), reqs: 11, old: true, final: true}, worker{pid: 2, start: 200, rows: web(2)})
	s.want(t, "web", 10)
	if len(s.a.Members) != 1 || s.result.Base == nil {
		t.Errorf("got %d members and the base %v, want 1 and a base", len(s.a.Members), s.result.Base)
	}
	if got, _ := s.a.InfoTotal("CumReq"); got != 11 {
		t.Errorf("got CumReq %d, want 11", got)
	}
	w.again()
	w.mustRound(nil, worker{pid: 2, start: 200, rows: web(3)}).want(t, "web", 11)
	if names := list(t, w.s.last); len(names) != 2 {
		t.Errorf("got %q in last, want two replies", names)
	}
	if names := list(t, w.s.bases); len(names) != 1 {
		t.Errorf("got %q in bases, want one", names)
	}
}

func list(t *testing.T, d *durable.Dir) []string {
	t.Helper()
	var names []string
	if err := d.List(func(e fs.DirEntry) { names = append(names, e.Name()) }); err != nil {
		t.Fatal(err)
	}
	return names
}

// TestClearIsFoundByTally clears counters between two rounds.
func TestClearIsFoundByTally(t *testing.T) {
	w := newWorld(t)
	w.mustRound(nil, worker{pid: 1, start: 100, rows: web(5)})
	for i, n := range []int64{6, 2, 3} {
		s := w.mustRound(nil, worker{pid: 1, start: 100, rows: web(n)})
		s.want(t, "web", []int64{6, 8, 9}[i])
		if got, want := s.result.Changed, i == 1; got != want {
			t.Errorf("round %d: got a changed base: %t, want %t", i, got, want)
		}
	}
}

// TestSilentMember goes on with the last words of a worker that does not answer.
func TestSilentMember(t *testing.T) {
	w := newWorld(t)
	w.mustRound(nil, worker{pid: 1, start: 100, rows: web(5)})
	s := w.mustRound(nil, worker{pid: 2, start: 200, rows: web(1)})
	s.want(t, "web", 6)
	for _, m := range s.result.Members {
		if m.Stale != (m.Instance.Pid == 1) || m.Current != (m.Instance.Pid == 2) {
			t.Errorf("got %+v", m)
		}
	}
	w.mustRound([]truth.Instance{{Pid: 1, Start: 100}}, worker{pid: 2, start: 200, rows: web(1)}).want(t, "web", 6)
}

// TestHeaderOnly keeps the rows of a worker of 2.4 that shows none while it stops.
func TestHeaderOnly(t *testing.T) {
	w := newWorld(t)
	w.mustRound(nil, worker{pid: 1, start: 100, rows: web(5)})
	for range 3 {
		s := w.mustRound(nil, worker{pid: 1, start: 100, old: true, headerOnly: true}, worker{pid: 2, start: 200, rows: web(1)})
		s.want(t, "web", 6)
		w.again()
	}
	w.mustRound([]truth.Instance{{Pid: 1, Start: 100}}, worker{pid: 2, start: 200, rows: web(2)}).want(t, "web", 7)
}

func TestWrapOfInfo(t *testing.T) {
	w := newWorld(t)
	w.mustRound(nil, worker{pid: 1, start: 100, rows: web(1), reqs: 1<<32 - 5})
	s := w.mustRound(nil, worker{pid: 1, start: 100, rows: web(1), reqs: 1<<32 + 7})
	if got, _ := s.a.InfoTotal("CumReq"); got != 1<<32+7 {
		t.Errorf("got %d, want %d", got, 1<<32+7)
	}
	w.again()
	s = w.mustRound(nil, worker{pid: 1, start: 100, rows: web(1), reqs: 1<<32 + 9})
	if got, _ := s.a.InfoTotal("CumReq"); got != 1<<32+9 {
		t.Errorf("got %d, want %d", got, 1<<32+9)
	}
}

// TestNoLinks copies replies where the file system has no links.
func TestNoLinks(t *testing.T) {
	for _, err := range []error{unix.EXDEV, unix.EPERM, unix.EOPNOTSUPP} {
		w := newWorld(t)
		w.linkless = &os.LinkError{Op: "link", Err: err}
		w.mustRound(nil, worker{pid: 1, start: 100, rows: web(5)})
		w.mustRound(nil, worker{pid: 2, start: 200, rows: web(1)}, worker{pid: 1, start: 100, rows: web(6), old: true, final: true}).want(t, "web", 7)
		w.again()
		w.mustRound(nil, worker{pid: 2, start: 200, rows: web(2)}).want(t, "web", 8)
	}
}

func TestOneUser(t *testing.T) {
	w := newWorld(t)
	if _, err := Open(Options{Dir: filepath.Join(w.dir, "truth")}); !errors.Is(err, durable.ErrLocked) {
		t.Errorf("got %v, want ErrLocked", err)
	}
}

// TestBadFiles goes on after files that can't be used.
func TestBadFiles(t *testing.T) {
	reloaded := func() *world {
		w := newWorld(t)
		w.mustRound(nil, worker{pid: 1, start: 100, rows: web(5)})
		w.mustRound([]truth.Instance{{Pid: 1, Start: 100}}, worker{pid: 2, start: 200, rows: web(1)}).want(t, "web", 6)
		return w
	}
	base := func(w *world) string {
		return filepath.Join(w.s.bases.Path(), w.s.Socket(address).file.Name)
	}
	last := func(w *world, suffix string) string {
		return filepath.Join(w.s.last.Path(), lastName(prefix(address), truth.Instance{Pid: 2, Start: 200}, suffix))
	}
	text := func(path string) string {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	// rewrite replaces a file, not the one that a snapshot has.
	rewrite := func(path, text string) {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		damage func(*world)
		want   int64 // for 2 sessions of the present worker
		log    string
	}{
		"a base that is cut": {func(w *world) { rewrite(base(w), text(base(w))[:40]) }, 2, "base of totals can't be used"},
		"a base of a later version": {
			func(w *world) { rewrite(base(w), strings.Replace(text(base(w)), "base 1", "base 2", 1)) }, 2, "newer version",
		},
		"a base of another node": {func(w *world) {
			b, err := truth.ParseBase([]byte(text(base(w))))
			if err != nil {
				t.Fatal(err)
			}
			b.Node = "lb2"
			rewrite(base(w), string(b.Append(nil)))
		}, 2, "another node"},
		"a base of a time when the node had no name": {func(w *world) {
			b, err := truth.ParseBase([]byte(text(base(w))))
			if err != nil {
				t.Fatal(err)
			}
			b.Node = ""
			rewrite(base(w), string(b.Append(nil)))
		}, 7, ""},
		"an empty reply":      {func(w *world) { rewrite(last(w, "_stat"), "") }, 7, "can't be read"},
		"a reply that is cut": {func(w *world) { rewrite(last(w, "_info"), "Pid: 2") }, 7, "can't be read"},
		"a forged instance":   {func(w *world) { rewrite(last(w, "_info"), "Pid: 3\nStart_time_sec: 4\n\n") }, 7, "can't be read"},
		"names of no instances": {func(w *world) {
			for _, name := range []string{"x", prefix(address) + ".1-2-3_stat", prefix(address) + ".-1-2_info", prefix(address) + ".1-2_info.x"} {
				if err := os.WriteFile(filepath.Join(w.s.last.Path(), name), nil, 0o640); err != nil {
					t.Fatal(err)
				}
			}
		}, 7, ""},
		"a link": {func(w *world) {
			if err := os.Remove(base(w)); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink("/etc/passwd", base(w)); err != nil {
				t.Fatal(err)
			}
		}, 2, "base of totals can't be used"},
		"nothing": {func(*world) {}, 7, ""},
	} {
		w := reloaded()
		c.damage(w)
		w.again()
		s, err := w.round(nil, worker{pid: 2, start: 200, rows: web(2)})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got, _ := s.a.Total(truth.Key{Type: haproxy.FrontendRow, Proxy: "web", Service: "FRONTEND"}, "stot"); got != c.want {
			t.Errorf("%s: got %d, want %d", name, got, c.want)
		}
		if got := w.log.String(); !strings.Contains(got, c.log) || c.log == "" && got != "" {
			t.Errorf("%s: got the log %q, want %q", name, got, c.log)
		}
		w.mustRound(nil, worker{pid: 2, start: 200, rows: web(3)}).want(t, "web", c.want+1)
	}
}

// TestBadReply costs the account of one round.
func TestBadReply(t *testing.T) {
	w := newWorld(t)
	w.mustRound(nil, worker{pid: 1, start: 100, rows: web(5)})
	good := w.reply(worker{pid: 1, start: 100, rows: web(6)})
	for name, bad := range map[string]Reply{
		"no instance": {Info: w.source("Name: HAProxy\n\n"), Stat: good.Stat, Current: true},
		"info is cut": {Info: w.source("Pid: 1"), Stat: good.Stat, Current: true},
		"stat is cut": {Info: good.Info, Stat: w.source("# pxname,svname,stot,type,\nweb,FRONTEND,1,0,\n"), Current: true},
		"no header":   {Info: good.Info, Stat: w.source("x\n\n"), Current: true},
		"no file":     {Info: good.Info, Stat: fileSource{path: filepath.Join(w.dir, "none")}, Current: true},
	} {
		if _, err := w.s.Socket(address).Round(w.now, []Reply{bad}, nil, nil); err == nil || !strings.Contains(err.Error(), address) {
			t.Errorf("%s: got %v, want an error that names the socket", name, err)
		}
	}
	w.mustRound(nil, worker{pid: 1, start: 100, rows: web(7)}).want(t, "web", 7)
}

func TestForget(t *testing.T) {
	w := newWorld(t)
	w.mustRound(nil, worker{pid: 1, start: 100, rows: web(5)})
	w.mustRound([]truth.Instance{{Pid: 1, Start: 100}}, worker{pid: 2, start: 200, rows: web(1)})
	if n, err := w.s.Forget(time.Now().Unix() - 100); n != 0 || err != nil {
		t.Errorf("got %d, %v, want 0: the files are new", n, err)
	}
	w.again() // nobody has asked for the socket
	if n, err := w.s.Forget(time.Now().Unix() + 100); n != 1 || err != nil {
		t.Errorf("got %d, %v, want 1", n, err)
	}
	if left := append(list(t, w.s.bases), list(t, w.s.last)...); len(left) != 0 {
		t.Errorf("got %q left, want nothing", left)
	}
}

// TestKilled ends the program between any two steps of a round: a total never falls, and
// nothing is counted twice.
func TestKilled(t *testing.T) {
	killed := errors.New("killed")
	type turn struct {
		ended   []truth.Instance
		workers []worker
		truth   int64 // sessions of web, all of which the workers have told by then
	}
	turns := []turn{
		{nil, []worker{{pid: 1, start: 100, rows: web(5), reqs: 1<<32 - 9}}, 5},
		{nil, []worker{{pid: 1, start: 100, rows: web(9), reqs: 1<<32 + 9}}, 9},                                                                        // a wrap
		{nil, []worker{{pid: 1, start: 100, rows: web(2), reqs: 1<<32 + 9, down: 3}}, 11},                                                              // a clear
		{nil, []worker{{pid: 1, start: 100, rows: web(3), reqs: 1<<32 + 10, old: true, down: 3}, {pid: 2, start: 200, rows: web(1)}}, 13},              // a reload
		{nil, []worker{{pid: 1, start: 100, rows: web(4), reqs: 1<<32 + 11, old: true, final: true, down: 3}, {pid: 2, start: 200, rows: web(2)}}, 15}, // final words
		{nil, []worker{{pid: 2, start: 200, rows: web(3)}}, 16},
		{[]truth.Instance{{Pid: 2, Start: 200}}, []worker{{pid: 3, start: 300, rows: web(1)}}, 17}, // a restart
		{nil, []worker{{pid: 3, start: 300, rows: web(2)}}, 18},
	}
	steps := 0
	for at := 0; ; at++ {
		w := newWorld(t)
		n, died := 0, ""
		fault := func(name string) error {
			if n++; n == at+1 {
				died = name
				return killed
			}
			return nil
		}
		w.s.step = fault
		highest, reqs := int64(0), int64(0)
		for i, turn := range turns {
			s, err := w.round(turn.ended, turn.workers...)
			if errors.Is(err, killed) {
				w.again() // the step after which it ended is not made
				s, err = w.round(turn.ended, turn.workers...)
			}
			if err != nil {
				t.Fatalf("killed at %q: turn %d: %v", died, i, err)
			}
			got, _ := s.a.Total(truth.Key{Type: haproxy.FrontendRow, Proxy: "web", Service: "FRONTEND"}, "stot")
			if got != turn.truth || got < highest {
				t.Errorf("killed at %d, %q: turn %d: got %d after %d, want %d", at, died, i, got, highest, turn.truth)
			}
			highest = got
			total, _ := s.a.InfoTotal("CumReq")
			if total < reqs || total > 1<<32+11 {
				t.Errorf("killed at %d, %q: turn %d: got CumReq %d after %d", at, died, i, total, reqs)
			}
			reqs = total
			if down, _ := s.a.Total(truth.Key{Type: haproxy.BackendRow, Proxy: "app", Service: "BACKEND"}, truth.ColumnDowntime); i > 1 && down != 3 {
				t.Errorf("killed at %d, %q: turn %d: got %d s of downtime, want 3", at, died, i, down)
			}
		}
		if died == "" {
			steps = n
			break
		}
	}
	if steps < 40 {
		t.Errorf("got %d steps, want at least 40", steps)
	}
}

// TestKilledTwice ends the program between any two steps, and again in the round that
// follows.
func TestKilledTwice(t *testing.T) {
	killed := errors.New("killed")
	for first := 1; first < 14; first++ {
		for second := 1; second < 14; second++ {
			w := newWorld(t)
			w.mustRound(nil, worker{pid: 1, start: 100, rows: web(9)})
			last := []worker{{pid: 1, start: 100, rows: web(4), old: true, final: true}, {pid: 2, start: 200, rows: web(2)}}
			for _, at := range []int{first, second} {
				n := 0
				w.s.step = func(string) error {
					if n++; n == at {
						return killed
					}
					return nil
				}
				_, err := w.round(nil, last...)
				if err != nil && !errors.Is(err, killed) {
					t.Fatal(err)
				}
				w.again()
			}
			w.mustRound(nil, last...).want(t, "web", 9+4+2)
		}
	}
}

// TestLooks bounds what is lost by the latest look at a worker.
func TestLooks(t *testing.T) {
	w := newWorld(t)
	w.mustRound(nil, worker{pid: 1, start: 100, rows: web(5), reqs: 10})
	info, err := readInfo(w.reply(worker{pid: 1, start: 100, reqs: 25}).Info, w.now+4)
	if err != nil {
		t.Fatal(err)
	}
	w.s.Socket(address).Heard(info)
	s := w.mustRound([]truth.Instance{{Pid: 1, Start: 100}}, worker{pid: 2, start: w.now + 6, rows: web(0)})
	if want := (truth.Loss{Seconds: 2, Requests: 15}); s.result.Loss != want {
		t.Errorf("got %+v, want %+v", s.result.Loss, want)
	}
}

// TestTotalsAfterTheLastWorker loses no total when the last worker ends: nobody can say then
// which rows are gone for good.
func TestTotalsAfterTheLastWorker(t *testing.T) {
	w := newWorld(t)
	rows := make(map[string]int64)
	for _, c := range "abcdefghijklmnopqrstuvwxyz" {
		for _, d := range "abcdefghijklmnopqrstuvwxyz" {
			for _, e := range "ab" {
				rows[string([]rune{c, d, e})] = 3
			}
		}
	}
	w.mustRound(nil, worker{pid: 1, start: 100, rows: rows})
	r, err := w.s.Socket(address).Round(w.now+1, []Reply{w.reply(worker{pid: 1, start: 100, rows: rows, final: true})}, nil, nil)
	if err != nil || r.Forgotten != 0 {
		t.Errorf("got %d forgotten rows, error %v, want none", r.Forgotten, err)
	}
	s := w.mustRound(nil, worker{pid: 2, start: 200, rows: rows})
	for name := range rows {
		s.want(t, name, 6)
	}
}
