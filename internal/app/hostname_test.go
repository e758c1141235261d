package app

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// named returns a host that keeps its name.
func named(name string) *host {
	return &host{name: name, lookup: func() (string, error) { return name, nil }, log: slog.New(slog.DiscardHandler)}
}

func TestIsUnnamed(t *testing.T) {
	for name, want := range map[string]bool{
		"": true, "localhost": true, "localhost.localdomain": true, "(none)": true,
		"lb1": false, "lb1.example.com": false, "localhost2": false, "mylocalhost": false,
	} {
		if got := isUnnamed(name); got != want {
			t.Errorf("got %t for %q, want %t", got, name, want)
		}
	}
}

func TestHostFollowsItsName(t *testing.T) {
	var log bytes.Buffer
	name, failure := "lb1", error(nil)
	h := &host{lookup: func() (string, error) { return name, failure }, log: slog.New(slog.NewTextHandler(&log, nil)), name: "lb1"}
	for _, step := range []struct {
		name    string
		failure error
		want    string
		lines   int
	}{
		{"lb1", nil, "lb1", 0},
		{"lb2", nil, "lb2", 1},
		{"lb2", nil, "lb2", 1},
		{"localhost", nil, "lb2", 1},
		{"lb3", errors.New("no name"), "lb2", 1},
		{"lb3", nil, "lb3", 2},
	} {
		name, failure = step.name, step.failure
		if got := h.current(); got != step.want {
			t.Errorf("got %q where the host says %q, want %q", got, step.name, step.want)
		}
		if got := strings.Count(log.String(), "\n"); got != step.lines {
			t.Errorf("got %d lines, want %d:\n%s", got, step.lines, log.String())
		}
	}
}

func TestHostIsNamedAfterTheStart(t *testing.T) {
	for what, test := range map[string]struct {
		first string
		named time.Duration // when it gets its name; 0 for never
		stop  time.Duration // when the program is to end; 0 for never
		limit time.Duration
		took  time.Duration
		want  string
		lines int
	}{
		"named at once":        {first: "lb1", limit: time.Minute, want: "lb1"},
		"named by DHCP":        {first: "localhost", named: 3500 * time.Millisecond, limit: time.Minute, took: 4 * time.Second, want: "lb1", lines: 2},
		"never named":          {first: "localhost", limit: 30 * time.Second, took: 30 * time.Second, want: "localhost", lines: 1},
		"up for long":          {first: "localhost", want: "localhost", lines: 1},
		"ended while it waits": {first: "localhost", stop: 2 * time.Second, limit: time.Minute, took: 2 * time.Second, want: "localhost", lines: 1},
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if test.stop > 0 {
					time.AfterFunc(test.stop, cancel)
				}
				start := time.Now()
				var log bytes.Buffer
				h := &host{name: test.first, log: slog.New(slog.NewTextHandler(&log, nil)), lookup: func() (string, error) {
					if test.named > 0 && time.Since(start) >= test.named {
						return "lb1", nil
					}
					return test.first, nil
				}}
				h.await(ctx, test.limit)
				if took := time.Since(start); took != test.took {
					t.Errorf("got a wait of %v, want %v", took, test.took)
				}
				if got := h.current(); got != test.want {
					t.Errorf("got %q, want %q", got, test.want)
				}
				if got := strings.Count(log.String(), "\n"); got != test.lines {
					t.Errorf("got %d lines, want %d:\n%s", got, test.lines, log.String())
				}
			})
		})
	}
}
