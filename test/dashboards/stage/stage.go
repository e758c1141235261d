package stage

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sync/errgroup"

	"haproxystats/test/programs"
	"haproxystats/test/real"
	"haproxystats/test/traffic"
)

// Tools are the programs that the stage needs, as real.Find and real.Need
// return them.
type Tools struct{ HAProxy, Carbon, GraphiteManage, Gunicorn string }

// Components names the tools in the order of their fields, as real.Find knows
// them.
var Components = []string{"haproxy", "graphite-carbon", "graphite-web", "gunicorn"}

// Named returns the tools that find knows by the names of Components.
func Named(find func(component string) (string, error)) (Tools, error) {
	var t Tools
	for i, to := range []*string{&t.HAProxy, &t.Carbon, &t.GraphiteManage, &t.Gunicorn} {
		path, err := find(Components[i])
		if err != nil {
			return Tools{}, err
		}
		*to = path
	}
	return t, nil
}

const (
	// Namespace begins the path of every metric.
	Namespace = "loadbalancers"
	// retention has a place for each second of half an hour.
	retention = "1s:30m"
	// longer keeps what dashboards look back for also each minute of a month.
	longer = `[longer]
pattern = (frontend\.[^.]+\.(req_tot|hrsp_5xx)|haproxystats\.SnapshotBytes)$
retentions = 1s:30m,60s:32d
`
	// anyPoint makes a minute of one second.
	anyPoint = "[all]\npattern = .*\nxFilesFactor = 0\naggregationMethod = last\n"
)

// Hosts are the load balancers, with the number of their HAProxy instances.
var Hosts = map[string]int{"lb1": 2, "lb2": 1}

// Stage is all that runs.
type Stage struct {
	Graphite *Graphite

	dir     string
	carbon  *real.Carbon
	shop    *shop
	traffic *traffic.Traffic
	watched []*real.Process
	undo    []func() error // stops what has been started, last one first
}

// Open starts everything. If it can't go on it stops what it has started.
func Open(ctx context.Context, tools Tools) (_ *Stage, err error) {
	s := &Stage{}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	// HAProxy wants short paths for its sockets.
	if s.dir, err = os.MkdirTemp("", "hs-"); err != nil {
		return nil, err
	}
	s.undo = append(s.undo, func() error { return os.RemoveAll(s.dir) })
	carbon, err := real.StartCarbon(ctx, real.CarbonConfig{Binary: tools.Carbon, Dir: s.path("carbon"), Retention: retention, Schemas: longer, Aggregation: anyPoint})
	if err != nil {
		return nil, err
	}
	s.carbon = carbon
	s.keep(carbon.Process)

	var web *real.GraphiteWeb
	slow, slowCtx := errgroup.WithContext(ctx)
	slow.Go(func() (err error) {
		web, err = real.StartGraphiteWeb(slowCtx, real.GraphiteWebConfig{
			Manage: tools.GraphiteManage, Gunicorn: tools.Gunicorn, Dir: s.path("web"), Carbon: carbon,
		})
		return err
	})
	slow.Go(func() error {
		return programs.Build(slowCtx, s.dir, "haproxystats-pull", "haproxystats-process", "haproxystats-central")
	})
	err = errors.Join(s.openBalancers(ctx, tools.HAProxy), slow.Wait())
	if web != nil {
		s.keep(web.Process)
		s.Graphite = NewGraphite(web.URL, carbon.Addr)
	}
	if err != nil {
		return nil, err
	}
	for host := range Hosts {
		if err := s.openPrograms(host, carbon.Port); err != nil {
			return nil, err
		}
	}
	if err := s.openCentral(carbon.Port); err != nil {
		return nil, err
	}
	return s, nil
}

// openBalancers starts the servers, the load balancers before them, and the
// clients.
func (s *Stage) openBalancers(ctx context.Context, binary string) error {
	origin, err := real.StartOrigin()
	if err != nil {
		return err
	}
	s.undo = append(s.undo, origin.Stop)
	if s.shop, err = openShop(); err != nil {
		return err
	}
	s.undo = append(s.undo, s.shop.close)
	authority, err := real.NewAuthority("shop")
	if err != nil {
		return err
	}
	cert, key, err := authority.Sign("shop.example")
	if err != nil {
		return err
	}
	certificate := s.path("shop.pem")
	if err := os.WriteFile(certificate, append(cert, key...), 0o600); err != nil {
		return err
	}
	var doors []door
	for host, instances := range Hosts {
		if err := os.MkdirAll(s.path(host, "run"), 0o750); err != nil {
			return err
		}
		for i := range instances {
			name := fmt.Sprintf("h%d", i+1)
			shopDoor := s.path(host, name+".shop")
			h, err := real.StartHAProxy(ctx, real.HAProxyConfig{
				Name: name, Binary: binary, Dir: s.path(host), Sockets: s.path(host, "run"), Origin: origin,
				Level: "operator", Global: "    maxsslconn 100\n    tune.ssl.default-dh-param 2048\n", Extra: s.shop.sections(shopDoor, certificate),
			})
			if err != nil {
				return err
			}
			s.watched = append(s.watched, h.Process)
			s.undo = append(s.undo, h.Stop)
			doors = append(doors, door{h, shopDoor})
		}
	}
	s.traffic = startTraffic(doors)
	s.undo = append(s.undo, s.traffic.Stop)
	return nil
}

// keep has a process stopped in the end, and watched until then.
func (s *Stage) keep(p *real.Process) {
	s.watched = append(s.watched, p)
	s.undo = append(s.undo, p.Stop)
}

func (s *Stage) path(elem ...string) string {
	return filepath.Join(append([]string{s.dir}, elem...)...)
}

// Upset makes one backend slow, failing and short of servers, or well again.
func (s *Stage) Upset(on bool) { s.shop.upset.Store(on) }

// Away has Graphite stop taking metrics, or go on.
func (s *Stage) Away(on bool) error {
	if on {
		return s.carbon.Process.Signal(syscall.SIGSTOP)
	}
	return s.carbon.Process.Signal(syscall.SIGCONT)
}

// Alive returns an error if something has ended that should not.
func (s *Stage) Alive() error {
	for _, p := range s.watched {
		select {
		case <-p.Done():
			return errors.New("a program has ended by itself: " + strings.TrimSpace(p.Output()))
		default:
		}
	}
	return s.traffic.Err()
}

// Close stops everything, the last started first.
func (s *Stage) Close() error {
	var errs []error
	for i := len(s.undo) - 1; i >= 0; i-- {
		errs = append(errs, s.undo[i]())
	}
	s.undo = nil
	return errors.Join(errs...)
}
