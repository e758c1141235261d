package app

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"haproxystats/internal/haproxysim"
	"haproxystats/internal/sink"
	"haproxystats/test/programs"
)

// TestPrograms runs both programs as systemd does, and ends them in every state.
func TestPrograms(t *testing.T) {
	dir := t.TempDir()
	if err := programs.Build(t.Context(), dir, "haproxystats-pull", "haproxystats-process"); err != nil {
		t.Fatal(err)
	}
	t.Run("watchdog", func(t *testing.T) { testWatchdog(t, dir) })
	t.Run("stop", func(t *testing.T) { testStop(t, dir) })
	t.Run("log", func(t *testing.T) { testLogReader(t, dir) })
}

// place is where one program works.
type place struct {
	t      *testing.T
	base   string
	stderr *os.File // of what is started there; nil to keep it
}

// newPlace makes one, with a path short enough for sockets in it.
func newPlace(t *testing.T) place {
	base, err := os.MkdirTemp("", "app")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(base) })
	p := place{t: t, base: base}
	if err := os.Mkdir(p.path("sockets"), 0o750); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p place) path(name string) string { return filepath.Join(p.base, name) }

// hand puts a recorded snapshot into the spool.
func (p place) hand(epoch string) {
	p.t.Helper()
	snapshots, err := filepath.Glob("../../testdata/golden/2.6.12-multi3/snapshot/*")
	if err != nil || len(snapshots) != 1 {
		p.t.Fatal(snapshots, err)
	}
	err = errors.Join(
		os.CopyFS(p.path("staged"), os.DirFS(snapshots[0])),
		os.MkdirAll(p.path("incoming"), 0o750),
		os.Rename(p.path("staged"), filepath.Join(p.path("incoming"), epoch)))
	if err != nil {
		p.t.Fatal(err)
	}
}

// names lists a directory in the place.
func (p place) names(dir string) []string {
	p.t.Helper()
	entries, err := os.ReadDir(p.path(dir))
	if err != nil {
		p.t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// running is a program under a fake systemd.
type running struct {
	t        *testing.T
	cmd      *exec.Cmd
	messages chan string // what it has told systemd
	stderr   bytes.Buffer
	ended    chan error
}

// start starts a program; port is Graphite's.
func (p place) start(program, port string, watchdog time.Duration) *running {
	p.t.Helper()
	conf := p.path("haproxystats.conf")
	write(p.t, conf, fmt.Appendf(nil, `[paths]
base-dir = %s
[pull]
socket-dir = %s
pull-interval = 60
pull-timeout = 50
[graphite]
server = 127.0.0.1
port = %s
confirm-hold = 0.05
`, p.base, p.path("sockets"), port))
	notify, err := os.MkdirTemp(p.base, "")
	if err != nil {
		p.t.Fatal(err)
	}
	notify = filepath.Join(notify, "notify")
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: notify, Net: "unixgram"})
	if err != nil {
		p.t.Fatal(err)
	}
	r := &running{t: p.t, messages: make(chan string, 1000), ended: make(chan error, 1)}
	received := make(chan struct{})
	go func() {
		defer close(received)
		b := make([]byte, 4096)
		for {
			n, err := l.Read(b)
			if err != nil {
				return
			}
			r.messages <- string(b[:n])
		}
	}()
	r.cmd = exec.Command(program, "-f", conf)
	r.cmd.Stderr = &r.stderr
	if p.stderr != nil {
		r.cmd.Stderr = p.stderr
	}
	r.cmd.Env = append(os.Environ(), "NOTIFY_SOCKET="+notify, "WATCHDOG_PID=")
	if watchdog > 0 {
		r.cmd.Env = append(r.cmd.Env, fmt.Sprintf("WATCHDOG_USEC=%d", watchdog.Microseconds()))
	}
	if err := r.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	waited := make(chan struct{})
	go func() {
		defer close(waited)
		r.ended <- r.cmd.Wait()
	}()
	p.t.Cleanup(func() {
		r.cmd.Process.Kill() // most have ended
		<-waited
		l.Close()
		<-received
		if p.t.Failed() {
			p.t.Logf("%s said:\n%s", filepath.Base(program), r.stderr.String())
		}
	})
	return r
}

// await waits for a message that begins so.
func (r *running) await(message string) {
	r.t.Helper()
	deadline := time.After(30 * time.Second)
	for {
		select {
		case m := <-r.messages:
			if strings.HasPrefix(m, message) {
				return
			}
		case <-deadline:
			r.t.Fatalf("systemd is not told %s", message)
		}
	}
}

// silence returns whether nothing is told for so long.
func (r *running) silence(d time.Duration) bool {
	for {
		select {
		case <-r.messages: // from before
			continue
		default:
		}
		break
	}
	select {
	case <-r.messages:
		return false
	case <-time.After(d):
		return true
	}
}

func (r *running) signal(s syscall.Signal) {
	r.t.Helper()
	if err := r.cmd.Process.Signal(s); err != nil {
		r.t.Fatal(err)
	}
}

// goesOn reports whether the program has not ended after so long.
func (r *running) goesOn(d time.Duration) bool {
	select {
	case err := <-r.ended:
		r.ended <- err
		return false
	case <-time.After(d):
		return true
	}
}

// end waits for the program to end with status 0 and returns how long it takes.
func (r *running) end() time.Duration {
	r.t.Helper()
	start := time.Now()
	select {
	case err := <-r.ended:
		if err != nil {
			r.t.Errorf("ended with %v", err)
		}
	case <-time.After(30 * time.Second):
		r.t.Fatal("does not end")
	}
	return time.Since(start)
}

// testWatchdog wants signs of life from a program that has nothing to do, and
// none from one that does not get to do anything.
func testWatchdog(t *testing.T, programs string) {
	for _, name := range []string{"haproxystats-pull", "haproxystats-process"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newPlace(t).start(filepath.Join(programs, name), "1", 300*time.Millisecond)
			r.await("READY=1")
			for range 5 {
				r.await("WATCHDOG=1\nSTATUS=no snapshot")
			}
			r.signal(syscall.SIGSTOP)
			r.silence(100 * time.Millisecond) // what was on its way
			if !r.silence(500 * time.Millisecond) {
				t.Error("a program that stands still gives signs of life")
			}
			r.signal(syscall.SIGCONT)
			r.await("WATCHDOG=1")
			r.signal(syscall.SIGTERM)
			r.await("STOPPING=1")
			r.end()
		})
	}
}

// testStop ends the programs in every state, by one signal, by two at once, and
// by a second one of an impatient operator. All ends are clean, nothing is lost,
// and none takes longer than 5 s.
func testStop(t *testing.T, programs string) {
	pull, process := filepath.Join(programs, "haproxystats-pull"), filepath.Join(programs, "haproxystats-process")
	for _, state := range []struct {
		name string
		// begin starts a program and returns it when it is in the state.
		begin func(t *testing.T, p place) *running
		// slow says that the end takes longer than an operator's patience.
		slow bool
		// check looks for what is lost.
		check func(t *testing.T, p place)
	}{
		{"pull idle", func(_ *testing.T, p place) *running {
			r := p.start(pull, "1", 0)
			r.await("READY=1")
			return r
		}, false, checkNothingSpooled},
		{"pull in a round with a stalled socket", func(t *testing.T, p place) *running {
			asked := silent(t, "unix", filepath.Join(p.path("sockets"), "admin.sock"))
			r := p.start(pull, "1", 0)
			asked.await(t)
			return r
		}, false, checkNothingSpooled},
		{"process idle", func(_ *testing.T, p place) *running {
			r := p.start(process, "1", 0)
			r.await("READY=1")
			return r
		}, false, func(*testing.T, place) {}},
		{"process with a stalled Graphite", func(t *testing.T, p place) *running {
			carbon := silent(t, "tcp", "127.0.0.1:0")
			p.hand("1795335122")
			r := p.start(process, carbon.port, 0)
			carbon.await(t)
			return r
		}, true, checkDelivered(process, "1795335122")},
		{"process with a queue that stalls", func(t *testing.T, p place) *running {
			carbon := silent(t, "tcp", "127.0.0.1:0")
			p.queue(1795335121, 1795335122, 1795335123)
			r := p.start(process, carbon.port, 0)
			carbon.await(t)
			return r
		}, true, checkDelivered(process, "1795335121", "1795335122", "1795335123")},
	} {
		for _, way := range []struct {
			name  string
			again bool          // there is a second signal
			pause time.Duration // before it
			hasty bool          // it does not wait for a slow end
		}{
			{"once", false, 0, false},
			{"twice at once", true, 0, false},
			{"impatiently", true, oneWish + 100*time.Millisecond, true},
		} {
			t.Run(state.name+"/"+way.name, func(t *testing.T) {
				t.Parallel()
				p := newPlace(t)
				r := state.begin(t, p)
				start := time.Now()
				r.signal(syscall.SIGTERM)
				if way.again && r.goesOn(way.pause) {
					r.cmd.Process.Signal(syscall.SIGINT) // it may have ended just now
				}
				r.end()
				took := time.Since(start)
				t.Logf("took %v", took.Round(time.Millisecond))
				if took > 5*time.Second {
					t.Errorf("took %v", took)
				}
				said := "msg=ended"
				if way.hasty && state.slow {
					said = "ending at once"
				}
				if !bytes.Contains(r.stderr.Bytes(), []byte(said)) {
					t.Errorf("the log lacks %q", said)
				}
				r.await("STOPPING=1")
				state.check(t, p)
			})
		}
	}
}

// testLogReader runs the programs with a log that nobody reads, and with one whose
// reader is gone: they work, and end in time with status 0.
func testLogReader(t *testing.T, programs string) {
	for _, name := range []string{"haproxystats-pull", "haproxystats-process"} {
		for _, gone := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/gone=%t", name, gone), func(t *testing.T) {
				t.Parallel()
				p := newPlace(t)
				reader, stderr, err := os.Pipe()
				if err != nil {
					t.Fatal(err)
				}
				defer reader.Close()
				defer stderr.Close()
				if gone {
					reader.Close()
				} else {
					fillPipe(t, stderr)
				}
				p.stderr = stderr
				port := "1"
				if name == "haproxystats-pull" {
					serveSockets(t, p.path("sockets"), map[string]haproxysim.Fault{"a.sock": {}})
				} else {
					port = receive(t).port
					p.hand("1795335122")
				}
				r := p.start(filepath.Join(programs, name), port, 300*time.Millisecond)
				r.await("READY=1")
				r.await("WATCHDOG=1\nSTATUS=last snapshot")
				start := time.Now()
				r.signal(syscall.SIGTERM)
				r.await("STOPPING=1")
				r.end()
				if took := time.Since(start); took > 5*time.Second {
					t.Errorf("took %v, want 5s at most", took)
				}
			})
		}
	}
}

// fillPipe leaves no room in a pipe.
func fillPipe(t *testing.T, w *os.File) {
	t.Helper()
	fd := int(w.Fd())
	if err := unix.SetNonblock(fd, true); err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{4096, 1} {
		for {
			if _, err := unix.Write(fd, make([]byte, size)); errors.Is(err, unix.EAGAIN) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := unix.SetNonblock(fd, false); err != nil {
		t.Fatal(err)
	}
}

// peer accepts connections and neither reads nor answers.
type peer struct {
	port    string
	reached <-chan struct{} // something has connected
}

func silent(t *testing.T, network, address string) peer {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	reached := make(chan struct{}, 1)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			defer c.Close()
			select {
			case reached <- struct{}{}:
			default:
			}
		}
	}()
	t.Cleanup(func() {
		l.Close()
		<-done
	})
	return peer{port, reached}
}

// await waits until something has connected.
func (p peer) await(t *testing.T) {
	t.Helper()
	select {
	case <-p.reached:
	case <-time.After(30 * time.Second):
		t.Fatal("nothing connects")
	}
}

// queue fills Graphite's queue with a batch of one line for each time.
func (p place) queue(epochs ...int64) {
	p.t.Helper()
	q, err := sink.OpenQueue(sink.QueueOptions{Dir: p.path("queue/graphite"), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		p.t.Fatal(err)
	}
	for _, epoch := range epochs {
		err = errors.Join(err, q.Append(epoch, func(w io.Writer) (int, error) {
			_, err := fmt.Fprintf(w, "a.b 1 %d\n", epoch)
			return 1, err
		}))
	}
	if err := errors.Join(err, q.Close()); err != nil {
		p.t.Fatal(err)
	}
}

// checkNothingSpooled wants no trace of a round that was interrupted.
func checkNothingSpooled(t *testing.T, p place) {
	if left := append(p.names("incoming"), p.names("incoming.tmp")...); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

// checkDelivered starts the program again with a Graphite that is well, and
// wants the snapshots of these times there.
func checkDelivered(program string, epochs ...string) func(*testing.T, place) {
	return func(t *testing.T, p place) {
		carbon := receive(t)
		r := p.start(program, carbon.port, 0)
		lacking := map[string]bool{}
		for _, epoch := range epochs {
			lacking[epoch] = true
		}
		for len(lacking) > 0 {
			lines := carbon.next(t)
			for epoch := range lacking {
				if bytes.Contains(lines, []byte(" "+epoch+"\n")) {
					delete(lacking, epoch)
				}
			}
		}
		r.signal(syscall.SIGTERM)
		r.end()
	}
}
