package workers

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// fakeHAProxy is a HAProxy in master-worker mode: one worker listens, and those that
// were replaced live until their last client has gone and no connection to their stats
// socket is held.
type fakeHAProxy struct {
	t    *testing.T
	path string
	// prompt follows each reply of an interactive connection, up to 3.1.
	prompt string

	mu      sync.Mutex
	clock   int64
	born    time.Time
	reborn  bool // the master is another one
	pid     int
	current *fakeWorker
	lives   []*fakeWorker
	conns   sync.WaitGroup
	answers int // connections that were answered
	// maint has the servers of backend app with their states, and admin what `show servers
	// state` answers; asked counts these questions.
	maint []string
	admin string
	asked int
	rows  string
}

// fakeWorker is one worker. Its fields are guarded by the HAProxy's mutex.
type fakeWorker struct {
	pid        int
	start      int64
	sessions   int64
	bytes      int64
	clients    int64
	stopping   bool
	headerOnly bool // it shows no rows while it stops
	hung       bool
	ended      chan struct{}
	held       map[net.Conn]bool
}

func newFake(t *testing.T) *fakeHAProxy {
	t.Helper()
	f := &fakeHAProxy{t: t, path: filepath.Join(t.TempDir(), "admin.sock"), prompt: "> ", born: time.Now(), clock: time.Now().Unix() - 10_000, pid: 100}
	f.reload()
	l, err := net.Listen("unix", f.path)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			f.mu.Lock()
			w := f.current
			f.answers++
			refused := w == nil
			f.mu.Unlock()
			if refused {
				conn.Close()
				continue
			}
			f.conns.Go(func() { f.serve(conn, w) })
		}
	}()
	t.Cleanup(func() {
		l.Close()
		<-done
		f.mu.Lock()
		for _, w := range f.lives {
			f.exit(w)
		}
		f.mu.Unlock()
		f.conns.Wait()
	})
	return f
}

// reload starts a worker. The one before stops when its clients have gone.
func (f *fakeHAProxy) reload() *fakeWorker {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.current != nil {
		f.current.stopping = true
		f.maybeExit(f.current)
	}
	f.clock += 10
	f.pid++
	f.current = &fakeWorker{pid: f.pid, start: f.clock, ended: make(chan struct{}), held: make(map[net.Conn]bool)}
	f.lives = append(f.lives, f.current)
	return f.current
}

// kill ends a worker at once.
func (f *fakeHAProxy) kill(w *fakeWorker) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.exit(w)
	if f.current == w {
		f.current = nil
	}
}

// exit ends a worker. The mutex is held.
func (f *fakeHAProxy) exit(w *fakeWorker) {
	select {
	case <-w.ended:
		return
	default:
	}
	close(w.ended)
	for c := range w.held {
		c.Close()
	}
}

// maybeExit ends a worker that has nothing left to do. The mutex is held.
func (f *fakeHAProxy) maybeExit(w *fakeWorker) {
	if w.stopping && w.clients == 0 && len(w.held) == 0 {
		f.exit(w)
	}
}

// work gives a worker sessions with bytes, which are counted when a session ends.
func (f *fakeHAProxy) work(w *fakeWorker, opened, closed, bytes int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	w.sessions += opened
	w.clients += opened - closed
	w.bytes += bytes
	f.maybeExit(w)
}

func (f *fakeHAProxy) isAlive(w *fakeWorker) bool {
	select {
	case <-w.ended:
		return false
	default:
		return true
	}
}

func (f *fakeHAProxy) info(w *fakeWorker) string {
	stopping := 0
	if w.stopping {
		stopping = 1
	}
	return fmt.Sprintf("Name: HAProxy\nVersion: 2.6.12\nPid: %d\nUptime_sec: %d\nStart_time_sec: %d\nCurrConns: %d\nCumReq: %d\nSessRate: 0\nStopping: %d\n\n",
		w.pid, 5, w.start, w.clients, w.sessions, stopping)
}

func (f *fakeHAProxy) stat(w *fakeWorker) string {
	header := "# pxname,svname,scur,stot,bin,type,status,lastchg,chkdown,\n"
	if w.headerOnly && w.stopping {
		return header + "\n"
	}
	servers := f.rows
	for _, s := range f.maint {
		name, status, _ := strings.Cut(s, " ")
		servers += fmt.Sprintf("app,%s,0,%d,0,2,%s,,,\n", name, w.sessions, status)
	}
	return header + fmt.Sprintf("web,FRONTEND,%d,%d,%d,0,OPEN,,,\n%s\n", w.clients, w.sessions, w.bytes, servers)
}

// proxiesOnly asks for the rows of frontends and backends.
const proxiesOnly = "show stat -1 3 -1"

func withoutServers(stat string) string {
	var rest strings.Builder
	for line := range strings.Lines(stat) {
		if fields := strings.Split(line, ","); len(fields) < 6 || fields[5] != "2" {
			rest.WriteString(line)
		}
	}
	return rest.String()
}

// serve answers a connection.
func (f *fakeHAProxy) serve(conn net.Conn, w *fakeWorker) {
	defer func() {
		conn.Close()
		f.mu.Lock()
		delete(w.held, conn)
		f.maybeExit(w)
		f.mu.Unlock()
	}()
	f.mu.Lock()
	w.held[conn] = true
	f.mu.Unlock()
	lines := bufio.NewReader(conn)
	interactive := false
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return
		}
		f.mu.Lock()
		hung := w.hung
		f.mu.Unlock()
		if hung {
			<-w.ended
			return
		}
		for command := range strings.SplitSeq(strings.TrimSpace(line), ";") {
			f.mu.Lock()
			answer := ""
			switch command {
			case "prompt i":
				interactive, answer = true, "\n"
			case "show info":
				answer = f.info(w)
			case "show stat":
				answer = f.stat(w)
			case proxiesOnly:
				answer = withoutServers(f.stat(w))
			case "show servers state":
				f.asked++
				answer = f.admin
			default:
				answer = "Unknown command\n\n"
			}
			if interactive {
				answer += f.prompt
			}
			f.mu.Unlock()
			if _, err := io.WriteString(conn, answer); err != nil {
				return
			}
		}
		if !interactive {
			return
		}
	}
}

// master serves the socket of the master, whose list has failed failed reloads.
func (f *fakeHAProxy) master(failed *int) string {
	f.t.Helper()
	path := f.path + ".master"
	l, err := net.Listen("unix", path)
	if err != nil {
		f.t.Fatal(err)
	}
	done := make(chan struct{})
	f.t.Cleanup(func() { l.Close(); <-done })
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			line, _ := bufio.NewReader(conn).ReadString('\n')
			f.mu.Lock()
			answer := f.asMaster(line, *failed)
			f.mu.Unlock()
			if answer == "" {
				_, _ = conn.Read(make([]byte, 1)) // until the client gives up
			}
			_, _ = io.WriteString(conn, answer)
			conn.Close()
		}
	}()
	return path
}

// asMaster returns the answer of the master, or nothing if a worker hangs.
func (f *fakeHAProxy) asMaster(line string, failed int) string {
	var list strings.Builder
	age := int(time.Since(f.born).Seconds()) + 1000
	if f.reborn {
		age = 1
	}
	fmt.Fprintf(&list, "1 master %d [failed: %d] 0d00h%02dm%02ds 2.6.12\n# workers\n", f.pid, failed, age/60, age%60)
	for _, w := range f.lives {
		if !f.isAlive(w) {
			continue
		}
		fmt.Fprintf(&list, "%d worker 0 0d00h00m04s 2.6.12\n", w.pid)
		if strings.HasPrefix(line, fmt.Sprintf("@!%d show info", w.pid)) {
			if w.hung {
				return ""
			}
			if strings.Contains(line, proxiesOnly) {
				return f.info(w) + withoutServers(f.stat(w))
			}
			return f.info(w) + f.stat(w)
		}
	}
	if strings.HasPrefix(line, "show proc") {
		return list.String() + "\n"
	}
	return "Can't find the target PID matching the prefix\n\n"
}
