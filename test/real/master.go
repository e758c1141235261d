package real

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// MasterConfig describes a HAProxy that is reloaded.
type MasterConfig struct {
	Binary string
	Origin *Origin
	// Global has more lines of the section global, and More has more sections.
	Global, More string
}

// Master is a HAProxy in master-worker mode. It has the frontends web and stream-in, the
// backends app and stream, and timeouts of an hour, so that sessions last.
type Master struct {
	*Process
	// Sockets is the directory of the stats socket, which has no other file.
	Sockets string
	// Socket is the path of the stats socket, and MasterSocket that of the master's.
	Socket, MasterSocket string
	// Web and Stream are addresses of the frontends.
	Web, Stream string

	dir string
}

const masterConfig = `
global
    maxconn 2000
    nbthread 1
    stats socket %[1]s mode 600 level user expose-fd listeners
%[6]s
defaults
    timeout connect 5s
    timeout client 1h
    timeout server 1h
frontend web
    mode http
    option http-ignore-probes # a client may dial a connection more than it needs
    bind 127.0.0.1:%[2]d
    default_backend app
backend app
    mode http
    server app1 %[4]s
frontend stream-in
    mode tcp
    option socket-stats
    bind 127.0.0.1:%[3]d name door
    default_backend stream
backend stream
    mode tcp
    server echo1 %[5]s
%[7]s
`

// StartMaster starts HAProxy and waits for its first worker. Close ends it.
func StartMaster(ctx context.Context, c MasterConfig) (*Master, error) {
	dir, err := os.MkdirTemp("", "hm-") // the path of a socket is short
	if err != nil {
		return nil, err
	}
	m := &Master{dir: dir, Sockets: filepath.Join(dir, "run"), MasterSocket: filepath.Join(dir, "master.sock")}
	m.Socket = filepath.Join(m.Sockets, "admin.sock")
	if err := m.start(ctx, c); err != nil {
		return nil, errors.Join(err, m.Close())
	}
	return m, nil
}

func (m *Master) start(ctx context.Context, c MasterConfig) error {
	if err := os.Mkdir(m.Sockets, 0o750); err != nil {
		return err
	}
	var ports [2]int
	for i := range ports {
		var err error
		if ports[i], err = freePort(); err != nil {
			return err
		}
	}
	m.Web, m.Stream = fmt.Sprintf("127.0.0.1:%d", ports[0]), fmt.Sprintf("127.0.0.1:%d", ports[1])
	path := filepath.Join(m.dir, "haproxy.cfg")
	text := fmt.Appendf(nil, masterConfig, m.Socket, ports[0], ports[1], c.Origin.HTTP, c.Origin.Echo, c.Global, c.More)
	if err := os.WriteFile(path, text, 0o640); err != nil {
		return err
	}
	var err error
	m.Process, err = StartProcess(Command{Name: "haproxy", Path: c.Binary, Args: []string{"-W", "-db", "-S", m.MasterSocket, "-f", path}})
	if err != nil {
		return err
	}
	return m.await(ctx, func(ctx context.Context) error {
		pid, err := m.Worker(ctx)
		if err == nil {
			err = m.lists(ctx, pid)
		}
		return err
	})
}

// lists returns an error unless the master answers and lists a worker. Before that, it
// has not begun to wait for signals after its start or a reload, and a reload would be
// lost.
func (m *Master) lists(ctx context.Context, pid string) error {
	list, err := Ask(ctx, "unix", m.MasterSocket, "show proc;quit") // else it waits for more
	if err == nil && !strings.Contains(list, "\n"+pid+" ") {
		err = fmt.Errorf("the master does not list worker %s: %.200q", pid, list)
	}
	return err
}

// Close ends HAProxy and removes its directory.
func (m *Master) Close() error {
	var err error
	if m.Process != nil {
		err = m.Stop()
	}
	return errors.Join(err, os.RemoveAll(m.dir))
}

// Worker returns the process identifier of the worker that answers at the stats socket.
func (m *Master) Worker(ctx context.Context) (pid string, err error) {
	info, err := Ask(ctx, "unix", m.Socket, "show info")
	if err != nil {
		return "", err
	}
	_, rest, ok := strings.Cut(info, "\nPid: ")
	if !ok || strings.Contains(info, "\nStopping: 1\n") {
		return "", fmt.Errorf("no worker: %.60q", info)
	}
	pid, _, _ = strings.Cut(rest, "\n")
	return pid, nil
}

// Reload reloads HAProxy and waits for the next worker, and until HAProxy can be reloaded
// again.
func (m *Master) Reload(ctx context.Context) error {
	before, err := m.Worker(ctx)
	if err != nil {
		return err
	}
	if err := m.Signal(syscall.SIGUSR2); err != nil {
		return err
	}
	return m.await(ctx, func(ctx context.Context) error {
		now, err := m.Worker(ctx)
		switch {
		case err != nil:
			return err
		case now == before:
			return errors.New("the worker is the same")
		}
		return m.lists(ctx, now)
	})
}

// Workers returns the process identifiers of all workers, current and old, as the kernel
// knows them.
func (m *Master) Workers() ([]string, error) {
	list, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", m.Pid(), m.Pid()))
	return strings.Fields(string(list)), err
}

// AwaitWorkers waits until there are n workers.
func (m *Master) AwaitWorkers(ctx context.Context, n int) error {
	return m.await(ctx, func(context.Context) error {
		all, err := m.Workers()
		if err == nil && len(all) != n {
			err = fmt.Errorf("got %d workers, want %d", len(all), n)
		}
		return err
	})
}
