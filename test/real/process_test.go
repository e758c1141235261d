package real

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// start runs a shell command that holds the write end of a pipe; the read end
// comes to its end when every process that the command made has ended.
func start(t *testing.T, command string) (*Process, io.Reader) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	defer w.Close()
	if err := r.SetReadDeadline(time.Now().Add(2 * time.Minute)); err != nil {
		t.Fatal(err)
	}
	p, err := StartProcess(Command{Name: "it", Path: "/bin/sh", Args: []string{"-c", command}, Files: []*os.File{w}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	return p, r
}

// line reads what the command wrote to descriptor 3.
func line(t *testing.T, r io.Reader, want string) {
	t.Helper()
	got := make([]byte, len(want))
	if _, err := io.ReadFull(r, got); err != nil || string(got) != want {
		t.Fatalf("read %q, %v; want %q", got, err, want)
	}
}

func TestStopEndsTheWholeGroup(t *testing.T) {
	p, r := start(t, `sleep 600 & echo up >&3; wait`)
	line(t, r, "up\n")
	if err := p.Stop(); err != nil {
		t.Error(err)
	}
	if rest, err := io.ReadAll(r); err != nil || len(rest) > 0 {
		t.Errorf("a process of the group lives on: %v", err)
	}
}

func TestLeaderThatEndsTakesItsGroupAlong(t *testing.T) {
	p, r := start(t, `sleep 600 & echo gone; exit 3`)
	if _, err := io.ReadAll(r); err != nil {
		t.Errorf("a process of the group lives on: %v", err)
	}
	if err := p.Stop(); err == nil || err.Error() != "it ended: exit status 3: gone" {
		t.Errorf("Stop: %v", err)
	}
}

func TestStopKillsWhatIgnoresIt(t *testing.T) {
	p, r := start(t, `trap "" TERM; echo up >&3; while :; do sleep 600; done`)
	line(t, r, "up\n")
	err := p.stop(50 * time.Millisecond)
	if err == nil || !strings.HasSuffix(err.Error(), "killed") {
		t.Errorf("stop: %v", err)
	}
	if _, err := io.ReadAll(r); err != nil {
		t.Errorf("a process of the group lives on: %v", err)
	}
}

func TestAwait(t *testing.T) {
	never := errors.New("not yet")
	t.Run("ended", func(t *testing.T) {
		p, _ := start(t, `echo no such option; exit 2`)
		err := p.await(t.Context(), func(context.Context) error { return never })
		if err == nil || err.Error() != "it ended: exit status 2: no such option" {
			t.Errorf("await: %v", err)
		}
	})
	t.Run("deadline", func(t *testing.T) {
		p, r := start(t, `echo up >&3; exec sleep 600`)
		line(t, r, "up\n")
		ctx, cancel := context.WithCancel(t.Context())
		err := p.await(ctx, func(context.Context) error { cancel(); return never })
		if !errors.Is(err, context.Canceled) || !errors.Is(err, never) {
			t.Errorf("await: %v", err)
		}
		if _, err := io.ReadAll(r); err != nil {
			t.Errorf("the program lives on: %v", err)
		}
	})
}

func TestChildDiesWithItsParent(t *testing.T) {
	alive, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer alive.Close()
	if err := alive.SetReadDeadline(time.Now().Add(2 * time.Minute)); err != nil {
		t.Fatal(err)
	}
	parent := exec.CommandContext(t.Context(), os.Args[0])
	parent.Env = append(os.Environ(), orphanEnv+"=1")
	parent.ExtraFiles = []*os.File{w}
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Errorf("the child did not start: %v", err)
	}
	if err := parent.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait() // killed
	if _, err := io.ReadAll(alive); err != nil {
		t.Errorf("the child lives on: %v", err)
	}
}

func TestTailKeepsTheEnd(t *testing.T) {
	var out tail
	for range 3 {
		_, _ = out.Write([]byte(strings.Repeat("x", tailSize/2)))
	}
	_, _ = out.Write([]byte("end"))
	if got := out.String(); len(got) != tailSize || !strings.HasSuffix(got, "xend") {
		t.Errorf("%d bytes, ending in %q", len(got), got[len(got)-4:])
	}
}

func TestOutputIsPassedOn(t *testing.T) {
	var passed strings.Builder
	p, err := StartProcess(Command{
		Name: "it", Path: "/bin/sh", Args: []string{"-c", "echo one; echo two >&2; echo three"}, Output: &passed,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Err(); err != nil {
		t.Error(err)
	}
	if want := "one\ntwo\nthree\n"; passed.String() != want || p.Output() != want {
		t.Errorf("passed on: %q; kept: %q; want %q", &passed, p.Output(), want)
	}
}
