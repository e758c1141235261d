package pull

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"haproxystats/internal/haproxy"
)

// fault is an error of a fetcher that tells more.
type fault struct{ notStats, silent, master bool }

func (f fault) Error() string  { return fmt.Sprintf("fault %v %v", f.notStats, f.silent) }
func (f fault) NotStats() bool { return f.notStats }
func (f fault) Silent() bool   { return f.silent }

func (f fault) Master() bool { return f.master }

var (
	errMaster  = fmt.Errorf("wrapped: %w", fault{notStats: true, master: true})
	errForeign = fmt.Errorf("wrapped: %w", fault{notStats: true})
	errSilent  = fmt.Errorf("wrapped: %w", fault{silent: true})
	errRefused = errors.New("connection refused")
)

// socketDir is a directory with these sockets, and a puller that asks them once a
// minute: answers are by the base name of the socket.
func socketDir(t *testing.T, log *logged, answers map[string]error, names ...string) (p *Puller, spool *memory) {
	t.Helper()
	dir := t.TempDir()
	for _, name := range names {
		listen(t, filepath.Join(dir, name))
	}
	spool = new(memory)
	return &Puller{
		Spool: spool, SocketDir: dir, Interval: time.Minute, Log: log.logger(),
		Fetcher: fetchFunc(func(ctx context.Context, address string, info, stat io.Writer) error {
			if err := answers[filepath.Base(address)]; err != nil {
				return err
			}
			return answer(ctx, address, info, stat)
		}),
	}, spool
}

// TestStrangers has sockets of other programs in socket-dir.
func TestStrangers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log logged
		answers := map[string]error{"b": errForeign}
		p, spool := socketDir(t, &log, answers, "a", "b")
		asked := 0
		fetch := p.Fetcher
		p.Fetcher = fetchFunc(func(ctx context.Context, address string, info, stat io.Writer) error {
			if filepath.Base(address) == "b" {
				asked++
			}
			return fetch.Fetch(ctx, "unix", address, info, stat)
		})
		round := func() { p.round(t.Context(), time.Now().Unix(), 0, new(epochs)); time.Sleep(time.Minute) }
		for range 10 {
			round()
		}
		for epoch, files := range spool.stored {
			if got := slices.Sorted(maps.Keys(files)); !slices.Equal(got, []string{"a_info", "a_stat"}) {
				t.Errorf("%d: got %q, want a's", epoch, got)
			}
		}
		if len(spool.stored) != 10 || spool.staged != 0 || asked != 1 {
			t.Errorf("got %d snapshots, %d staged, %d times asked; want 10, 0, 1", len(spool.stored), spool.staged, asked)
		}
		if log.count("level=WARN", "socket is not a stats socket, passing it over", "/b", errForeign.Error()) != 1 || log.count("level=ERROR") != 0 {
			t.Errorf("want one warning and no error, got\n%s", log.String())
		}

		round() // ten minutes have passed
		if asked != 2 || log.count("level=WARN") != 1 {
			t.Errorf("got %d times asked, want 2; and no other warning:\n%s", asked, log.String())
		}

		// It was made anew: by HAProxy, by now.
		answers["b"] = nil
		remake(t, filepath.Join(p.SocketDir, "b"))
		round()
		if got := len(spool.stored[time.Now().Unix()-60]); got != 4 {
			t.Errorf("got %d files, want 4\n%s", got, log.String())
		}

		// A socket that was a stats socket fails, whatever it answers.
		answers["b"] = errForeign
		round()
		if log.count("level=ERROR", "socket failed", "/b") != 1 || log.count("round dropped") != 1 {
			t.Errorf("want a failure of b, got\n%s", log.String())
		}
	})
}

// TestMasterInSocketDir finds the socket of a master, gives it to the accounts and does
// not ask it in rounds. HAProxy makes it again with each reload; it fails no round then,
// and none when it is asked again.
func TestMasterInSocketDir(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log logged
		answers := map[string]error{"m": errMaster}
		p, spool := socketDir(t, &log, answers, "a", "m")
		accounts := new(accountant)
		p.Accounts = accounts
		asked := 0
		fetch := p.Fetcher
		p.Fetcher = fetchFunc(func(ctx context.Context, address string, info, stat io.Writer) error {
			if filepath.Base(address) == "m" {
				asked++
			}
			return fetch.Fetch(ctx, "unix", address, info, stat)
		})
		rounds := 0
		round := func() {
			p.round(t.Context(), time.Now().Unix(), 0, new(epochs))
			rounds++
			time.Sleep(time.Minute)
			last := accounts.asked[len(accounts.asked)-1]
			want := []Asked{
				{Socket: Socket{"unix", filepath.Join(p.SocketDir, "a")}, Name: "a"},
				{Socket: Socket{"unix", filepath.Join(p.SocketDir, "m")}, Master: true},
			}
			if len(spool.stored) != rounds || !slices.Equal(last, want) {
				t.Fatalf("round %d: got %d snapshots and %+v asked, want %+v\n%s", rounds, len(spool.stored), last, want, log.String())
			}
		}
		round()
		round()
		answers["m"] = errRefused
		remake(t, filepath.Join(p.SocketDir, "m"))
		for range 10 {
			round()
		}
		if asked != 2 || log.count("level=WARN") != 0 || log.count("level=ERROR") != 0 || log.count("socket of HAProxy's master found") != 1 {
			t.Errorf("got %d times asked, want 2; and one message:\n%s", asked, log.String())
		}
		// A stats socket that has its place is asked again after a while.
		delete(answers, "m")
		for range 10 {
			p.round(t.Context(), time.Now().Unix(), 0, new(epochs))
			time.Sleep(time.Minute)
		}
		if got := len(spool.stored[time.Now().Unix()-60]); got != 4 {
			t.Errorf("got %d files, want 4\n%s", got, log.String())
		}
		if last := accounts.asked[len(accounts.asked)-1]; len(last) != 2 || last[1].Master {
			t.Errorf("got %+v asked, want two stats sockets", last)
		}
	})
}

// remake replaces a socket file by another one, which has another inode.
func remake(t *testing.T, path string) {
	t.Helper()
	listen(t, path+".new")
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// TestSilentSocket is taken for a stranger only when it never answers.
func TestSilentSocket(t *testing.T) {
	for _, test := range []struct {
		name    string
		answers []error // of b, a round
		failed  []int   // rounds that are dropped
	}{
		{"a stranger", []error{errSilent, errSilent, errSilent, errSilent, errSilent}, []int{0, 1}},
		{"HAProxy that reloads", []error{nil, errSilent, errSilent, errSilent, errSilent}, []int{1, 2, 3, 4}},
		{"HAProxy that starts", []error{errSilent, errSilent, nil, errSilent, errSilent}, []int{0, 1, 3, 4}},
		{"not in a row", []error{errSilent, errRefused, errSilent, errRefused, errSilent}, []int{0, 1, 2, 3, 4}},
		{"dead", []error{errRefused, errRefused, errRefused, errRefused, errRefused}, []int{0, 1, 2, 3, 4}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var log logged
			answers := make(map[string]error)
			p, spool := socketDir(t, &log, answers, "a", "b")
			var failed []int
			for i, err := range test.answers {
				answers["b"] = err
				if p.round(t.Context(), int64(i), 0, new(epochs)); spool.stored[int64(i)] == nil {
					failed = append(failed, i)
				}
			}
			if !slices.Equal(failed, test.failed) {
				t.Errorf("got rounds %d dropped, want %d\n%s", failed, test.failed, log.String())
			}
		})
	}
}

// TestListedSocketIsNoStranger: what the operator has listed must answer.
func TestListedSocketIsNoStranger(t *testing.T) {
	var log logged
	p, spool := socketDir(t, &log, map[string]error{"b": errForeign}, "a", "b")
	p.Servers = []Socket{{"unix", filepath.Join(p.SocketDir, "b")}}
	p.round(t.Context(), 1000, 0, new(epochs))
	wantDropped(t, spool, &log)
	if log.count("level=ERROR", "socket failed", "/b") != 1 {
		t.Errorf("want a failure of b, got\n%s", log.String())
	}
}

func TestOnlyStrangers(t *testing.T) {
	var log logged
	p, spool := socketDir(t, &log, map[string]error{"a": errForeign}, "a")
	observer := new(seen)
	p.Observer = observer
	for range 2 { // it is asked in the first one
		p.round(t.Context(), 1000, 0, new(epochs))
	}
	wantDropped(t, spool, &log)
	if log.count("level=ERROR", "round skipped: no socket found", errStrange.Error()) != 2 {
		t.Errorf("want two rounds skipped, got\n%s", log.String())
	}
	for _, r := range observer.results {
		if r.Outcome != Skipped || !errors.Is(r.Cause, errStrange) {
			t.Errorf("got %v, %v, want it skipped", r.Outcome, r.Cause)
		}
	}
}

// TestRealStrangers asks sockets of other kinds beside HAProxy's.
func TestRealStrangers(t *testing.T) {
	dir := t.TempDir()
	node, _ := simulate(t, dir)
	for name, kind := range map[string]int{"log": unix.SOCK_DGRAM, "packets": unix.SOCK_SEQPACKET} {
		fd, err := unix.Socket(unix.AF_UNIX, kind, 0)
		if err != nil {
			t.Fatal(err)
		}
		unix.CloseOnExec(fd)
		defer unix.Close(fd)
		if err := unix.Bind(fd, &unix.SockaddrUnix{Name: filepath.Join(dir, name)}); err != nil {
			t.Fatal(err)
		}
	}
	l, err := net.Listen("unix", filepath.Join(dir, "docker.sock"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Read(make([]byte, 100))
			_, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n")
			c.Close()
		}
	}()
	var log logged
	spool := new(memory)
	p := &Puller{
		Spool: spool, Fetcher: &haproxy.Client{Timeout: 10 * time.Second, Retries: 5, Interval: time.Hour}, SocketDir: dir,
		Interval: 10 * time.Second, Timeout: time.Minute, Log: log.logger(),
	}
	p.round(t.Context(), 1000, 0, new(epochs))
	if got, want := len(spool.stored[1000]), 2*(len(node.sockets)-1); got != want {
		t.Errorf("got %d files, want %d\n%s", got, want, log.String())
	}
	if log.count("passing it over") != 3 || log.count("level=ERROR") != 0 {
		t.Errorf("want three warnings, got\n%s", log.String())
	}
}

// TestOneSocketOfTwoNames is asked once, by the first of its names.
func TestOneSocketOfTwoNames(t *testing.T) {
	var log logged
	p, spool := socketDir(t, &log, nil, "a", "other")
	elsewhere := filepath.Join(t.TempDir(), "run")
	for _, err := range []error{
		os.Symlink("a", filepath.Join(p.SocketDir, "current")),
		os.Link(filepath.Join(p.SocketDir, "a"), filepath.Join(p.SocketDir, "hard")),
		os.Symlink(p.SocketDir, elsewhere),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	p.Servers = []Socket{{"unix", filepath.Join(elsewhere, "a")}}
	for epoch := range int64(3) {
		p.round(t.Context(), epoch, 0, new(epochs))
		if got, want := slices.Sorted(maps.Keys(spool.stored[epoch])), []string{"a_info", "a_stat", "other_info", "other_stat"}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	for _, name := range []string{"/current", "/hard", "/run/a"} {
		if log.count("level=WARN", "two names lead to one stats socket, asking it once", "socket=", name, "same_as="+filepath.Join(p.SocketDir, "a")) != 1 {
			t.Errorf("want one warning of %s, got\n%s", name, log.String())
		}
	}
	targets, err := p.Targets()
	if err != nil || len(targets) != 2 || len(targets[0].Same) != 3 || !strings.HasSuffix(targets[0].Same[2].Address, "/run/a") {
		t.Errorf("got %v, %v, want a with three other names", targets, err)
	}

	// A socket that took the place of the link's is another one.
	if err := os.Remove(filepath.Join(p.SocketDir, "current")); err != nil {
		t.Fatal(err)
	}
	listen(t, filepath.Join(p.SocketDir, "current"))
	p.round(t.Context(), 4, 0, new(epochs))
	if got := len(spool.stored[4]); got != 6 {
		t.Errorf("got %d files, want 6\n%s", got, log.String())
	}
}
