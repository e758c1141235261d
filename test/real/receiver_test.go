package real

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func startReceiver(t *testing.T, handle func(Point)) *Receiver {
	t.Helper()
	r, err := StartReceiver(handle)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Stop() })
	return r
}

func TestReceiver(t *testing.T) {
	var record Record
	r := startReceiver(t, record.Add)
	deliver(t, r.Addr, "a.b 1 10\na.c 2.5 10\n")
	// The clean end of the half-closed connection says that both are here.
	want := []Point{{"a.b", 1, 10}, {"a.c", 2.5, 10}}
	if diff := cmp.Diff(want, record.Points()); diff != "" {
		t.Errorf("points (-want +got):\n%s", diff)
	}
	deliver(t, r.Addr, "a.b  2 11\na.b 3 12\na.b 4 13")
	if diff := cmp.Diff(append(want, Point{"a.b", 3, 12}), record.Points()); diff != "" {
		t.Errorf("points (-want +got):\n%s", diff)
	}
	bad := []string{
		`not of the form PATH VALUE TIME: "a.b  2 11\n"`,
		`no newline at the end: "a.b 4 13"`,
	}
	if diff := cmp.Diff(bad, r.Bad()); diff != "" {
		t.Errorf("bad lines (-want +got):\n%s", diff)
	}
}

func TestReceiverStopsWithOpenConnections(t *testing.T) {
	r := startReceiver(t, func(Point) {})
	c, err := net.Dial("tcp", r.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := r.Stop(); err != nil {
		t.Error(err)
	}
	if c, err := net.Dial("tcp", r.Addr); err == nil {
		c.Close()
		t.Error("still accepts connections")
	}
}

func TestRecordWait(t *testing.T) {
	var record Record
	r := startReceiver(t, record.Add)
	got := make(chan error)
	go func() {
		_, err := record.Wait(t.Context(), func(p []Point) bool {
			return slices.Contains(p, Point{"x", 3, 1})
		})
		got <- err
	}()
	for _, line := range []string{"x 1 1\n", "x 2 1\n", "x 3 1\n"} {
		deliver(t, r.Addr, line)
	}
	if err := <-got; err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	points, err := record.Wait(ctx, func([]Point) bool { return false })
	if !errors.Is(err, context.Canceled) || len(points) != 3 {
		t.Errorf("Wait: %d points, %v", len(points), err)
	}
}

func TestParsePoint(t *testing.T) {
	for _, c := range []struct {
		line string
		want Point
		err  string
	}{
		{"a.b-c_d 1 2\n", Point{"a.b-c_d", 1, 2}, ""},
		{"a -1.25 2\n", Point{"a", -1.25, 2}, ""},
		{"a 18446744073709551615 2\n", Point{"a", 1 << 64, 2}, ""},
		{"a 1 2", Point{}, "no newline"},
		{"a 1 2\r\n", Point{}, "time"},
		{"a 1 2.5\n", Point{}, "time"},
		{"a one 2\n", Point{}, "value"},
		{" 1 2\n", Point{}, "PATH VALUE TIME"},
		{"a 1 2 3\n", Point{}, "PATH VALUE TIME"},
		{"a\t1 2\n", Point{}, "PATH VALUE TIME"},
		{"\n", Point{}, "PATH VALUE TIME"},
	} {
		got, err := ParsePoint(c.line)
		if got != c.want || (err == nil) != (c.err == "") || (err != nil && !strings.Contains(err.Error(), c.err)) {
			t.Errorf("%q: got %+v, %v", c.line, got, err)
		}
	}
}

func FuzzParsePoint(f *testing.F) {
	f.Add("loadbalancers.lb-01.haproxy.daemon.CumConns 36 1467716220\n")
	f.Add("a -0.5e3 1\n")
	f.Fuzz(func(t *testing.T, line string) {
		p, err := ParsePoint(line)
		if err == nil && (p.Path == "" || strings.ContainsAny(p.Path, " ") || !strings.HasPrefix(line, p.Path+" ")) {
			t.Errorf("%q gives path %q", line, p.Path)
		}
	})
}
