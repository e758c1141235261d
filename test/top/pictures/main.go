// Command pictures draws the pictures of docs/top.md: it runs `haproxystats top` in a
// terminal before two real HAProxies with traffic, and makes an SVG file of what the terminal
// shows. Run it from the top of the checkout.
package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"haproxystats/test/programs"
	"haproxystats/test/real"
)

// picture is a file of docs/images, with the keys that lead to it.
type picture struct {
	file, title   string
	width, height int
	keys          []string
	wants         []string // on the screen
}

var pictures = []picture{
	{"top-overview.svg", "The overview of haproxystats top", 118, 27, []string{"<", "<"}, []string{"PROCESSES 3", "OLD", "DRAIN", "app3", "echo2"}},
	{"top-backend.svg", "A backend and its servers", 118, 13, []string{"4", "/", "a", "p", "p", "Enter", "Enter"}, []string{"SERVERS", "app3", "app4"}},
	{"top-server.svg", "The facts of a server that is down", 118, 22, []string{"5", "/", "a", "p", "p", "3", "Enter", "Enter"}, []string{"SERVER app/app3", "last check"}},
}

// rounds is the number of rounds before a picture, so that the sparklines have a shape.
const rounds = 40

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := draw(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "pictures:", err)
		os.Exit(1)
	}
}

func draw(ctx context.Context) (err error) {
	dir, err := os.MkdirTemp("", "tp-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := programs.Build(ctx, dir, "haproxystats"); err != nil {
		return err
	}
	tmux, err1 := real.Find(ctx, "tmux")
	haproxy, err2 := real.Find(ctx, "haproxy")
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	origin, err := real.StartOrigin()
	if err != nil {
		return err
	}
	defer func() { _ = origin.Stop() }()
	var traffic sync.WaitGroup
	ctx, stop := context.WithCancel(ctx)
	defer traffic.Wait()
	defer stop()
	sockets := filepath.Join(dir, "run")
	if err := os.Mkdir(sockets, 0o750); err != nil {
		return err
	}
	h, err := real.StartHAProxy(ctx, real.HAProxyConfig{Name: "lb1", Binary: haproxy, Dir: dir, Sockets: sockets, Origin: origin, Level: "admin"})
	if err != nil {
		return err
	}
	defer func() { _ = h.Stop() }()
	traffic.Go(func() { send(ctx, h) })
	if reply, err := real.Ask(ctx, "unix", h.Socket, "set server api/api2 state drain"); err != nil || strings.TrimSpace(reply) != "" {
		return fmt.Errorf("drain api/api2: %q, %w", reply, err)
	}
	stopMaster, err := startMaster(ctx, haproxy, sockets, origin)
	if err != nil {
		return err
	}
	defer stopMaster()
	for _, p := range pictures {
		if err := p.draw(ctx, tmux, filepath.Join(dir, "haproxystats"), sockets); err != nil {
			return fmt.Errorf("%s: %w", p.file, err)
		}
		fmt.Println(p.file)
	}
	return nil
}

// startMaster starts a second HAProxy, which has an old worker: a client holds it. The socket
// of its master is in the directory of the stats sockets.
func startMaster(ctx context.Context, binary, sockets string, origin *real.Origin) (stop func(), err error) {
	m, err := real.StartMaster(ctx, real.MasterConfig{Binary: binary, Origin: origin})
	if err != nil {
		return nil, err
	}
	client, err := hold(ctx, m.Stream)
	if err == nil {
		err = m.Reload(ctx)
	}
	for link, socket := range map[string]string{"lb2": m.Socket, "lb2-master": m.MasterSocket} {
		err = errors.Join(err, os.Symlink(socket, filepath.Join(sockets, link)))
	}
	stop = func() {
		if client != nil {
			client.Close()
		}
		_ = m.Close()
	}
	if err != nil {
		stop()
		return nil, err
	}
	return stop, nil
}

// hold opens a connection to the server behind an address.
func hold(ctx context.Context, address string) (net.Conn, error) {
	c, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	if _, err = c.Write([]byte("x")); err == nil {
		_, err = c.Read(make([]byte, 1)) // the server has answered
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// send sends a mix of requests that has ups and downs, until ctx ends.
func send(ctx context.Context, h *real.HAProxy) {
	mix := []struct {
		kind  real.Request
		every int
	}{{real.Page, 1}, {real.APICall, 2}, {real.TCPStream, 3}, {real.NotFound, 9}, {real.Failure, 14}, {real.Refused, 17}, {real.Denied, 23}}
	for i := 1; ctx.Err() == nil; i++ {
		for _, m := range mix {
			if i%m.every == 0 {
				_ = h.Send(ctx, m.kind, 1+i/10%4) // which fails at the end only
			}
		}
		pause := time.NewTimer(time.Duration(20+i/7%5*15) * time.Millisecond)
		select {
		case <-pause.C:
		case <-ctx.Done():
		}
		pause.Stop()
	}
}

// draw runs the program in a terminal and draws what that shows.
func (p picture) draw(ctx context.Context, tmux, program, sockets string) error {
	t, err := real.StartTmux(ctx, real.TmuxConfig{Binary: tmux, Width: p.width, Height: p.height, Command: program + " top --interval 500ms --socket " + sockets})
	if err != nil {
		return err
	}
	defer func() { _ = t.Close() }()
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	seen := make(map[string]bool)
	shows := func(words ...string) func(string) bool {
		return func(screen string) bool {
			seen[strings.SplitN(screen, "\n", 3)[1]] = true
			for _, w := range words {
				if !strings.Contains(screen, w) {
					return false
				}
			}
			return true
		}
	}
	if _, err := t.Await(ctx, shows("NAME")); err != nil {
		return err
	}
	for _, k := range p.keys {
		before, err := t.Screen(ctx)
		if err != nil {
			return err
		}
		if err := t.Keys(ctx, k); err != nil {
			return err
		}
		if _, err := t.Await(ctx, func(s string) bool { return s != before }); err != nil {
			return err
		}
	}
	enough := shows(p.wants...)
	if _, err := t.Await(ctx, func(s string) bool { return enough(s) && len(seen) >= rounds }); err != nil {
		return err
	}
	text, err := t.Coloured(ctx)
	if err != nil {
		return err
	}
	// The directory of this run says nothing.
	text = strings.ReplaceAll(text, sockets, "/run/haproxy")
	return os.WriteFile(filepath.Join("docs", "images", p.file), svg(text, p.title, p.width), 0o644)
}
