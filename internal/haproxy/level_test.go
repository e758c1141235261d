package haproxy_test

import (
	"bufio"
	"context"
	"errors"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"haproxystats/internal/haproxy"
)

// Answers as HAProxy of these versions gives them.
const (
	unknown16 = "Unknown command. Please enter one of the following commands only :\n  clear counters : clear max statistics counters\n\n"
	unknown24 = "Unknown command: 'show cli level', but maybe one of the following ones is a better match:\n  show cli sockets\n\n"
	refused   = "Permission denied\n\n"
	require   = "Require 'backend/server'.\n\n"
	notFound  = "Session not found.\n\n"
)

func TestLevel(t *testing.T) {
	for _, test := range []struct {
		name    string
		answers []string // one a connection
		want    haproxy.Level
		err     error
	}{
		{"user", []string{"user\n\n"}, haproxy.LevelUser, nil},
		{"operator", []string{"operator\n\n"}, haproxy.LevelOperator, nil},
		{"admin", []string{"admin\n\n"}, haproxy.LevelAdmin, nil},
		{"severity-output number", []string{"[6]: admin\n\n"}, haproxy.LevelAdmin, nil},
		{"severity-output string", []string{"[info]: operator\n\n"}, haproxy.LevelOperator, nil},
		{"1.6 user", []string{unknown16, refused, refused}, haproxy.LevelUser, nil},
		{"1.6 operator", []string{unknown16, refused, notFound}, haproxy.LevelOperator, nil},
		{"1.6 admin", []string{unknown16, require}, haproxy.LevelAdmin, nil},
		{"restricted", []string{unknown24, unknown24}, "", haproxy.ErrLevel},
		{"no session", []string{unknown16, refused, unknown16}, "", haproxy.ErrLevel},
		{"another program", []string{"220 mail.example.com\n"}, "", haproxy.ErrLevel},
		{"silent", []string{""}, "", haproxy.ErrEmptyReply},
	} {
		t.Run(test.name, func(t *testing.T) {
			socket, asked := answering(t, test.answers)
			got, err := new(haproxy.Client).Level(t.Context(), "unix", socket)
			if got != test.want || !errors.Is(err, test.err) {
				t.Errorf("got %q, %v; want %q, %v", got, err, test.want, test.err)
			}
			if n := len(asked()); n != len(test.answers) {
				t.Errorf("asked %q", asked())
			}
		})
	}
}

func TestLevelChangesNothing(t *testing.T) {
	socket, asked := answering(t, []string{unknown16, refused, notFound})
	if _, err := new(haproxy.Client).Level(t.Context(), "unix", socket); err != nil {
		t.Fatal(err)
	}
	// What has been looked up in the source of 1.6 and tried with later ones.
	if got := strings.Join(asked(), "|"); got != "show cli level|disable agent|show sess 0x1" {
		t.Errorf("asked %s", got)
	}
}

func TestLevelIsBounded(t *testing.T) {
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := new(haproxy.Client).Level(ctx, "unix", l.Addr().String()); !errors.Is(err, haproxy.ErrTimeout) {
		t.Error(err) // nobody accepts, but the kernel
	}
}

// answering serves one answer a connection, and returns what it was asked.
func answering(t *testing.T, answers []string) (socket string, asked func() []string) {
	t.Helper()
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var commands []string
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			line, _ := bufio.NewReader(c).ReadString('\n')
			mu.Lock()
			commands = append(commands, strings.TrimSpace(line))
			if n := len(commands); n <= len(answers) {
				_, _ = c.Write([]byte(answers[n-1]))
			}
			mu.Unlock()
			c.Close()
		}
	}()
	t.Cleanup(func() {
		l.Close()
		<-done
	})
	return l.Addr().String(), func() []string {
		mu.Lock()
		defer mu.Unlock()
		return commands
	}
}
