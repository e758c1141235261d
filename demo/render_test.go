package main

import (
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

// sample is a view with every state in it.
func sample() view {
	wave := func(n int, top float64) []float64 {
		values := make([]float64, n)
		for i := range values {
			values[i] = top * (1 + math.Sin(float64(i)/4)) / 2
		}
		return values
	}
	return view{
		elapsed: 83 * time.Second, snapshots: 41, metrics: 1532, expected: 1201, checked: 40, sent: 12345,
		proxies: []proxyRow{
			{kind: frontend, name: "stream-in", requests: 3.5, errors: 0, bytes: 7168, sessions: 1, history: wave(41, 5)},
			{kind: frontend, name: "web", requests: 41.25, errors: 0.087, bytes: 1234567, sessions: 12, history: wave(120, 50)},
			{kind: frontend, name: "a-name-much-longer-than-its-column", requests: 0, errors: -1},
			{kind: backend, name: "api", up: 2, all: 2, requests: 10, errors: 0, bytes: 999, sessions: 2, history: wave(3, 10)},
			{kind: backend, name: "app", up: 2.3333, all: 4, requests: 28, errors: 0.051, bytes: 51000, sessions: 8, history: wave(41, 30)},
			{kind: backend, name: "gone", up: 0, all: 3, requests: 3, errors: 1, bytes: 612, history: []float64{0, 0, 3}},
		},
		processes: []processRow{
			{name: "lb1", cpu: 3, connections: 14, rate: 20, requests: 24.5, uptime: 85 * time.Second, history: wave(41, 100)},
			{name: "lb2", cpu: 100, connections: 4, rate: 10, requests: 12, uptime: 3700 * time.Second, history: []float64{0, 100}},
		},
		timings: []timing{{"all", 0.004}, {"show info", 0}, {"frontends", 0.001}, {"backends", 0.001}, {"servers", 0.002}},
	}
}

func TestRenderGolden(t *testing.T) {
	missing := sample()
	missing.missing = 3
	for _, c := range []struct {
		name          string
		view          view
		width, height int
		styled        bool
	}{
		{"wide", sample(), 120, 40, false},
		{"narrow", sample(), 80, 24, false},
		{"low", sample(), 80, 12, false},
		{"styled", missing, 80, 24, true},
		{"empty", view{}, 80, 24, false},
		{"fast", view{snapshots: 1, metrics: 7, timings: []timing{{"all", 0}, {"servers", 0}}}, 80, 24, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			golden(t, c.name+".golden", render(c.view, c.width, c.height, c.styled)+"\n")
		})
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

func TestRenderFitsEveryTerminal(t *testing.T) {
	for width := 1; width < 140; width += 3 {
		for height := 1; height < 40; height += 2 {
			lines := strings.Split(render(sample(), width, height, false), "\n")
			if len(lines) > height {
				t.Fatalf("%d by %d: %d lines", width, height, len(lines))
			}
			for _, l := range lines {
				if n := utf8.RuneCountInString(l); n > width {
					t.Fatalf("%d by %d: %d characters in %q", width, height, n, l)
				}
			}
		}
	}
}

func TestFormats(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{count(0), "0"},
		{count(999), "999"},
		{count(1000), "1,000"},
		{count(1234567), "1,234,567"},
		{count(-123456), "-123,456"},
		{size(0), "0 B"},
		{size(999.4), "999 B"},
		{size(999.6), "1.0 kB"},
		{size(999_949), "999.9 kB"},
		{size(999_951), "1.0 MB"},
		{size(2.5e9), "2.5 GB"},
		{size(2.5e12), "2.5 TB"},
		{clock(62 * time.Second), "1:02"},
		{clock(3599 * time.Second), "59:59"},
		{clock(3600 * time.Second), "1:00:00"},
		{clock(3723 * time.Second), "1:02:03"},
		{cut("abc", 3), "abc"},
		{cut("äbcd", 3), "äb…"},
		{sparkline([]float64{0, 1, 2, 4, 8}, 4, 0), "▂▃▅█"},
		{sparkline([]float64{0, 0}, 9, 0), "▁▁"},
		{sparkline([]float64{50, 100}, 9, 100), "▅█"},
		{sparkline([]float64{1}, 0, 0), ""},
		{sparkline(nil, 9, 0), ""},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

// TestSizeOfTerminal: nothing can be drawn on no columns.
func TestSizeOfTerminal(t *testing.T) {
	for _, c := range []struct {
		width, height         int
		err                   error
		wantWidth, wantHeight int
	}{
		{120, 40, nil, 120, 40},
		{0, 0, nil, 80, 24},
		{120, 0, nil, 80, 24},
		{0, 0, io.ErrUnexpectedEOF, 80, 24},
	} {
		if w, h := known(c.width, c.height, c.err); w != c.wantWidth || h != c.wantHeight {
			t.Errorf("known(%d, %d, %v): got %d, %d, want %d, %d", c.width, c.height, c.err, w, h, c.wantWidth, c.wantHeight)
		}
	}
}

func TestScreenRestoresTheTerminal(t *testing.T) {
	var out strings.Builder
	s := &screen{out: &out, size: func() (int, int) { return 80, 24 }}
	s.write(enterScreen)
	s.draw(sample())
	s.close()
	got := out.String()
	if !strings.HasPrefix(got, "\x1b[?1049h\x1b[?25l") || !strings.HasSuffix(got, "\x1b[?25h\x1b[?1049l") {
		t.Errorf("begins %q, ends %q", got[:20], got[len(got)-20:])
	}
	picture := strings.TrimSuffix(strings.TrimPrefix(got, enterScreen), leaveScreen)
	want := fmt.Sprintf("%s%s%s", goHome, strings.ReplaceAll(render(sample(), 80, 24, false), "\n", "\x1b[K\r\n"), "\x1b[K\x1b[J")
	if picture != want {
		t.Errorf("got %q\nwant %q", picture, want)
	}
}
