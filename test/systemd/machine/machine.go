package machine

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	bootLimit = 5 * time.Minute
	stopLimit = 2 * time.Minute
	lineLimit = 5 * time.Minute
	// commandLimit is for an upgrade, too, which waits for programs to end.
	commandLimit = 10 * time.Minute
)

// Machine is a system that systemd has started.
type Machine struct {
	t      *testing.T
	leader string // number of its process 1, here
}

// Boot starts the system in a root, and ends it when the test ends. Binds are
// directories of the host that it sees as well: host:machine.
func Boot(t *testing.T, root string, binds ...string) *Machine {
	t.Helper()
	nspawn := Need(t, "systemd-container")
	ready := listen(t)
	name := filepath.Base(filepath.Dir(ready.path))
	// nspawn makes a group for its payload in the group that it is in, so each has
	// one of its own.
	script := `for dir do [ "$dir" = -- ] && { shift; break; }; echo $$ >"$dir/cgroup.procs" || exit; shift; done; exec "$@"`
	args := []string{"-c", script, "sh"}
	args = append(args, groups(t, name)...)
	args = append(args, "--", nspawn, "--quiet", "--register=no", "--keep-unit", "--link-journal=no", "--console=pipe",
		"--notify-ready=yes", "--machine="+name, "--directory="+root)
	for _, b := range binds {
		args = append(args, "--bind="+b)
	}
	cmd := exec.Command("sh", append(args, "--boot")...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "NOTIFY_SOCKET=" + ready.path, "LC_ALL=C"}
	console, err := os.Create(filepath.Join(t.TempDir(), "console"))
	if err != nil {
		t.Fatal(err)
	}
	defer console.Close()
	cmd.Stdout, cmd.Stderr = console, console
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	m := &Machine{t: t}
	t.Cleanup(func() { m.stop(cmd, ended) })
	for m.leader == "" || !ready.done {
		select {
		case message, ok := <-ready.messages:
			if !ok {
				t.Fatal("the machine's messages ended")
			}
			m.note(message, ready)
		case err := <-ended:
			ended <- err
			said, _ := os.ReadFile(console.Name())
			t.Fatalf("the machine ended while it started: %v\n%s", err, said)
		case <-time.After(bootLimit):
			said, _ := os.ReadFile(console.Name())
			t.Fatalf("the machine is not up after %v:\n%s", bootLimit, said)
		}
	}
	return m
}

func (m *Machine) note(message string, ready *notices) {
	for line := range strings.Lines(message) {
		if pid, ok := strings.CutPrefix(strings.TrimSpace(line), "X_NSPAWN_LEADER_PID="); ok {
			m.leader = pid
		}
		if strings.TrimSpace(line) == "READY=1" {
			ready.done = true
		}
	}
}

func (m *Machine) stop(cmd *exec.Cmd, ended chan error) {
	_ = cmd.Process.Signal(syscall.SIGTERM) // nspawn asks the system to halt
	select {
	case <-ended:
		return
	case <-time.After(stopLimit):
		m.t.Errorf("the machine has not halted within %v", stopLimit)
	}
	if pid, err := strconv.Atoi(m.leader); err == nil {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	_ = cmd.Process.Kill()
	<-ended
}

// For returns the machine for a subtest, whose failures are its own.
func (m *Machine) For(t *testing.T) *Machine { return &Machine{t, m.leader} }

// Try runs a command in the machine and returns what it says.
func (m *Machine) Try(command ...string) (string, error) {
	m.t.Helper()
	// The test's own context ends before what it cleans up.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(m.t.Context()), commandLimit)
	defer cancel()
	return output(ctx, "nsenter", m.enter(command)...)
}

func (m *Machine) enter(command []string) []string {
	return append([]string{
		"--target", m.leader, "--mount", "--uts", "--ipc", "--pid", "--cgroup", "--root", "--wd", "--",
		"/usr/bin/env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", "DEBIAN_FRONTEND=noninteractive",
	}, command...)
}

// Run is Try for commands that must succeed.
func (m *Machine) Run(command ...string) string {
	m.t.Helper()
	out, err := m.Try(command...)
	if err != nil {
		m.t.Fatal(err)
	}
	return out
}

// Show returns a property of a unit's.
func (m *Machine) Show(unit, property string) string {
	m.t.Helper()
	return strings.TrimSpace(m.Run("systemctl", "show", "--value", "--property="+property, unit))
}

// Journal follows what is logged from now on.
type Journal struct {
	t     *testing.T
	lines chan string
}

// Follow returns the journal of a unit, with what systemd says of it.
func (m *Machine) Follow(unit string) *Journal {
	m.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	// From the end, which an entry of our own marks.
	mark := fmt.Sprintf("follow %d", time.Now().UnixNano())
	cmd := exec.CommandContext(ctx, "nsenter", m.enter([]string{
		"journalctl", "--follow", "--no-tail", "--output=cat", "SYSLOG_IDENTIFIER=follow", "+", "_SYSTEMD_UNIT=" + unit, "+", "UNIT=" + unit,
	})...)
	// nsenter has a child, which must end with it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		cancel()
		m.t.Fatal(err)
	}
	j := &Journal{m.t, make(chan string, 10_000)}
	read := make(chan struct{})
	go func() {
		defer close(read)
		defer close(j.lines)
		for s := bufio.NewScanner(out); s.Scan(); {
			j.lines <- s.Text()
		}
	}()
	m.t.Cleanup(func() {
		cancel()
		<-read
		_ = cmd.Wait() // it was killed
	})
	m.Run("sh", "-c", `echo "$1" | systemd-cat --identifier=follow`, "sh", mark)
	j.Wait(mark)
	return j
}

// Wait waits for a line that contains text, and returns it.
func (j *Journal) Wait(text string) string {
	j.t.Helper()
	late := time.After(lineLimit)
	var seen []string
	for {
		select {
		case line, ok := <-j.lines:
			if !ok {
				j.t.Fatalf("the journal ended before %q:\n%s", text, strings.Join(seen, "\n"))
			}
			if strings.Contains(line, text) {
				return line
			}
			seen = append(seen, line)
		case <-late:
			j.t.Fatalf("no %q in the journal within %v:\n%s", text, lineLimit, strings.Join(seen, "\n"))
		}
	}
}

// notices are nspawn's messages to its service manager: see sd_notify(3).
type notices struct {
	path     string
	messages chan string
	done     bool
}

func listen(t *testing.T) *notices {
	t.Helper()
	dir, err := os.MkdirTemp("", "machine-") // short enough for a socket
	if err != nil {
		t.Fatal(err)
	}
	n := &notices{path: filepath.Join(dir, "notify"), messages: make(chan string, 100)}
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: n.path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	read := make(chan struct{})
	go func() {
		defer close(read)
		defer close(n.messages)
		for buffer := make([]byte, 4096); ; {
			size, err := l.Read(buffer)
			if err != nil {
				return
			}
			n.messages <- string(buffer[:size])
		}
	}()
	t.Cleanup(func() {
		err := errors.Join(l.Close(), os.RemoveAll(dir))
		<-read
		if err != nil {
			t.Error(err)
		}
	})
	return n
}
