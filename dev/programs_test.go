package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// bench is programs that are shell scripts, and what they print.
type bench struct {
	*programs
	t       *testing.T
	changes chan struct{}
	lines   *bufio.Scanner
	scripts [len(names)]string // what the next build makes
	fails   error              // what the next build says
}

// live is a script that works until it is told to end.
const live = `trap 'echo %[1]s down; exit 0' TERM; echo %[1]s up; while :; do sleep 600 & wait; done`

func newBench(t *testing.T) *bench {
	t.Helper()
	r, w := io.Pipe()
	b := &bench{t: t, changes: make(chan struct{}), lines: bufio.NewScanner(r)}
	b.programs = &programs{dir: t.TempDir(), log: newLog(w), build: b.make}
	b.config = filepath.Join(b.dir, "conf")
	b.write(b.config, "1")
	b.scripts = [...]string{fmt.Sprintf(live, "a"), fmt.Sprintf(live, "b")}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() {
		err := b.run(ctx, b.changes)
		b.stop()
		w.Close()
		ended <- err
	}()
	t.Cleanup(func() {
		cancel()
		_, _ = io.Copy(io.Discard, r)
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return b
}

func (b *bench) write(path, text string) {
	b.t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o750); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) make(_ context.Context, dir string) error {
	for i, script := range b.scripts {
		if err := os.WriteFile(filepath.Join(dir, names[i]), []byte("#!/bin/sh\n"+script+"\n"), 0o750); err != nil {
			return err
		}
	}
	return b.fails
}

// wants reads lines, in any order, but for the time that a build took.
func (b *bench) wants(want ...string) {
	b.t.Helper()
	missing := make(map[string]int)
	for _, line := range want {
		missing[line]++
	}
	for range want {
		if !b.lines.Scan() {
			b.t.Fatalf("the output ends; %v are missing", missing)
		}
		line := b.lines.Text()
		if at := strings.Index(line, " s, "); at > 0 {
			line = "dev     | built" + line[at+2:]
		}
		if missing[line]--; missing[line] < 0 {
			b.t.Errorf("got %q, want one of %q", line, want)
		}
	}
}

func TestRestarts(t *testing.T) {
	b := newBench(t)
	b.wants("dev     | built, 2 of 2 programs to start", "process | a up", "pull    | b up")

	b.changes <- struct{}{}
	b.wants("dev     | built, 0 of 2 programs to start")

	b.scripts[1] = fmt.Sprintf(live, "c")
	b.changes <- struct{}{}
	b.wants("dev     | built, 1 of 2 programs to start", "pull    | b down", "pull    | c up")

	b.write(b.config, "2")
	b.changes <- struct{}{}
	b.wants("dev     | built, 2 of 2 programs to start", "pull    | c down", "process | a down", "process | a up", "pull    | c up")

	b.fails = errors.New("exit status 1\nx.go:1: no\n")
	b.scripts[0] = "exit 9"
	b.changes <- struct{}{}
	b.wants("dev     | not built: exit status 1", "dev     | x.go:1: no")

	b.fails = nil
	b.scripts[0] = "echo done; exit 3"
	b.changes <- struct{}{}
	b.wants("dev     | built, 1 of 2 programs to start", "process | a down", "process | done",
		"dev     | haproxystats-process has ended: exit status 3; it starts again with the next change")

	b.scripts[1] = `trap 'exit 4' TERM; echo e up; while :; do sleep 600 & wait; done`
	b.changes <- struct{}{}
	b.wants("dev     | built, 2 of 2 programs to start", "pull    | c down", "process | done", "pull    | e up",
		"dev     | haproxystats-process has ended: exit status 3; it starts again with the next change")

	b.scripts = [...]string{fmt.Sprintf(live, "a"), fmt.Sprintf(live, "b")}
	b.changes <- struct{}{}
	b.wants("dev     | built, 2 of 2 programs to start", "dev     | haproxystats-pull: exit status 4", "process | a up", "pull    | b up")

	if err := os.Remove(b.config); err != nil {
		t.Fatal(err)
	}
	b.changes <- struct{}{}
	b.wants("dev     | open " + b.config + ": no such file or directory")
}

func TestLogKeepsLinesWhole(t *testing.T) {
	var out strings.Builder
	l := newLog(&out)
	a, b := l.writer("a"), l.writer("bb")
	for _, write := range []struct {
		to   io.Writer
		text string
	}{{a, "one"}, {b, "two\n\nthr"}, {a, " and\nmore\n"}, {b, "ee\nnever"}} {
		if n, err := io.WriteString(write.to, write.text); err != nil || n != len(write.text) {
			t.Error(n, err)
		}
	}
	l.line("dev", "100%% of %d", 2)
	l.text("dev", "x\ny\n")
	want := "bb      | two\na       | one and\na       | more\nbb      | three\ndev     | 100% of 2\ndev     | x\ndev     | y\n"
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", &out, want)
	}
}
