package integration

import (
	"context"
	"fmt"
	"net"
	"path"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sync/errgroup"

	"haproxystats/test/real"
)

// realFleet starts an instance of each binary. The first is reached over a
// UNIX socket in socket-dir, the others over TCP: the second by IPv4, the third
// by IPv6 or, where there is none, over a UNIX socket elsewhere.
func realFleet(s *site, binaries ...string) *fleet {
	s.t.Helper()
	origin, err := real.StartOrigin()
	s.must(err)
	s.t.Cleanup(func() {
		if err := origin.Stop(); err != nil {
			s.t.Error(err)
		}
	})
	f := &fleet{socketDir: s.mkdir("run"), known: make(map[string]float64), drifts: driftsAtRest, origin: origin, instances: make([]*real.HAProxy, len(binaries))}
	var starting errgroup.Group
	for i, binary := range binaries {
		c := real.HAProxyConfig{
			Name: "lb" + strconv.Itoa(i+1), Binary: binary, Dir: s.dir, Origin: origin,
			Sockets: f.socketDir, TCP: i == 1, IPv6: i == 2,
		}
		if i > 0 {
			c.Sockets = s.mkdir("elsewhere")
		}
		starting.Go(func() (err error) {
			f.instances[i], err = startHAProxy(s, c)
			return err
		})
	}
	s.must(starting.Wait())
	for i, h := range f.instances {
		m := member{name: h.Name, network: "unix", address: h.Socket}
		if addr := h.TCP + h.TCP6; addr != "" {
			host, port, err := net.SplitHostPort(addr)
			s.must(err)
			m = member{name: host + ":" + port, network: "tcp", address: addr}
			f.servers = append(f.servers, "tcp://"+addr)
		} else if i > 0 {
			f.servers = append(f.servers, "unix://"+h.Socket)
		}
		f.members = append(f.members, m)
	}
	f.work = func(ctx context.Context) error { return f.workAll(ctx) }
	f.connections = f.countConnections()
	f.freeze = func() (func(), error) {
		p := f.instances[0].Process
		return func() { _ = p.Signal(syscall.SIGCONT) }, p.Signal(syscall.SIGSTOP)
	}
	return f
}

// startHAProxy starts an instance that lives as long as the test.
func startHAProxy(s *site, c real.HAProxyConfig) (*real.HAProxy, error) {
	h, err := real.StartHAProxy(s.ctx, c)
	if err != nil {
		return nil, err
	}
	s.t.Cleanup(func() {
		select {
		case <-h.Process.Done(): // the test has ended it
			return
		default:
		}
		_ = h.Process.Signal(syscall.SIGCONT)
		if err := h.Stop(); err != nil {
			s.t.Error(err)
		}
	})
	return h, nil
}

// traffic is what one round of work sends to every instance, and once more to
// each one than to the one before.
var traffic = []struct {
	kind  real.Request
	n     int
	known map[string]float64 // what each request adds to some metrics
}{
	{real.Page, 5, map[string]float64{"frontend.web.req_tot": 1, "frontend.web.hrsp_2xx": 1}},
	{real.APICall, 4, map[string]float64{"frontend.web.req_tot": 1, "frontend.web.hrsp_2xx": 1, "backend.api.server.api1.hrsp_2xx": 1}},
	{real.NotFound, 3, map[string]float64{"frontend.web.req_tot": 1}},
	{real.Failure, 2, map[string]float64{"frontend.web.req_tot": 1, "backend.app.hrsp_5xx": 1}},
	{real.Slow, 1, map[string]float64{"frontend.web.req_tot": 1, "frontend.web.hrsp_2xx": 1}},
	{real.Denied, 2, map[string]float64{"frontend.web.req_tot": 1, "frontend.web.dreq": 1}},
	{real.Refused, 1, map[string]float64{"frontend.web.req_tot": 1, "backend.legacy.econ": 1}},
	{real.Aborted, 1, map[string]float64{"frontend.web.req_tot": 1, "backend.app.cli_abrt": 1}},
	{real.TCPStream, 3, map[string]float64{"frontend.stream-in.stot": 1, "backend.stream.server.echo1.bin": 1024}},
}

func (f *fleet) workAll(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	for i, h := range f.instances {
		for _, load := range traffic {
			for metric, each := range load.known {
				f.known[metric] += each * float64(load.n+i)
			}
		}
		g.Go(func() error {
			for _, load := range traffic {
				if err := h.Send(ctx, load.kind, load.n+i); err != nil {
					return err
				}
			}
			return h.Rest(ctx)
		})
	}
	return g.Wait()
}

// countConnections counts by what HAProxy says: at rest CumReq grows by each
// connection to a stats socket, and so by each one that asks for it. CumConns
// would not do: health checks are in it.
func (f *fleet) countConnections() func(context.Context) (map[string]int, error) {
	asked := 0
	return func(ctx context.Context) (map[string]int, error) {
		asked++
		counts := make(map[string]int)
		for i, h := range f.instances {
			info, err := h.Info(ctx)
			if err != nil {
				return nil, err
			}
			n, err := strconv.Atoi(info["CumReq"])
			if err != nil {
				return nil, fmt.Errorf("CumReq of %s: %w", h.Name, err)
			}
			counts[f.members[i].name] = n - asked
		}
		return counts, nil
	}
}

// restless are the metrics of a HAProxy at rest that are neither constant nor
// only growing or only falling: how busy it is with itself and with being asked.
var restless = []string{
	"Idle_pct", "CpuUsagePct", "StdCpuUsagePct", "*PercentileCpuUsagePct",
	"Tasks", "Run_queue", "ConnRate", "SessRate", "CurrConns",
}

func driftsAtRest(metric string) bool {
	last := metric[strings.LastIndex(metric, ".")+1:]
	return slices.ContainsFunc(restless, func(pattern string) bool {
		ok, _ := path.Match(pattern, last)
		return ok
	})
}
