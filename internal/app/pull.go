package app

import (
	"context"
	"log/slog"
	"os"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"haproxystats/internal/collect"
	"haproxystats/internal/config"
	"haproxystats/internal/haproxy"
	"haproxystats/internal/pull"
	"haproxystats/internal/spool"
)

// Pull returns haproxystats-pull.
func Pull(version string) Program {
	return Program{
		Name:  config.ForPull,
		Check: func(*config.Config) []config.Problem { return nil },
		Work: func(ctx context.Context, l *config.Loaded, service *Supervisor, reloads *Reloads, log Log) error {
			return runPull(ctx, &l.Config, release{version, l.SHA256, reloads}, service, log)
		},
		Log: func(c *config.Config) (slog.Level, config.LogFormat) { return c.Pull.LogLevel, c.Pull.LogFormat },
	}
}

func runPull(ctx context.Context, c *config.Config, r release, service *Supervisor, to Log) error {
	log := to.Logger
	warnRoot(os.Geteuid(), c.Pull.DstDir, log)
	queue, err := spool.OpenWriter(spool.WriterOptions{Dir: c.Pull.DstDir, Tmp: c.Pull.TmpDstDir, Log: log})
	if err != nil {
		return err
	}
	defer queue.Close()
	page := openStatus(ctx, c.Pull.StatusSocket, config.ForPull, r, to)
	defer page.close()
	status := &pullStatus{interval: c.Pull.PullInterval}
	client := newClient(&c.Pull, log)
	changes := make(chan func(*pull.Puller))
	puller := pull.Puller{
		Spool:    stagingSpool{queue},
		Observer: roundObserver{status, service},
		Log:      log,
		Changes:  changes,
	}
	setPuller(&puller, c, client, log)
	if service != nil {
		puller.Alive = func() { service.alive(status.String()) }
		puller.AliveInterval = service.interval(statusInterval)
	}
	keeper, closeKeeper := openKeeper(&c.Pull, keeping{
		dir: c.Pull.StateDir, node: namedHost(c), interval: c.Pull.PullInterval, masters: true, observe: status.held,
	}, client, log)
	defer closeKeeper()
	var g errgroup.Group
	if keeper == nil {
		page.running(status.tell)
	} else {
		page.running(status.tellWorkers)
		puller.Accounts = keeper
		g.Go(func() error { return keeper.Run(ctx) })
	}
	service.ready()
	g.Go(func() error {
		r.reloads.serve(ctx, func(ctx context.Context, next *config.Loaded) error {
			return between(ctx, changes, func(p *pull.Puller) {
				client := newClient(&next.Config.Pull, log)
				setPuller(p, &next.Config, client, log)
				status.setInterval(p.Interval)
				if keeper != nil {
					keeper.change(&next.Config.Pull, p.Interval, client)
				}
			})
		})
		return nil
	})
	g.Go(func() error { return puller.Run(ctx) })
	return g.Wait()
}

// between makes a change between two rounds, and returns when it is made.
func between(ctx context.Context, changes chan<- func(*pull.Puller), change func(*pull.Puller)) error {
	made := make(chan struct{})
	select {
	case changes <- func(p *pull.Puller) { defer close(made); change(p) }:
		<-made
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// newClient returns a client for the stats sockets.
func newClient(c *config.Pull, log *slog.Logger) *haproxy.Client {
	return &haproxy.Client{
		Timeout:     c.Timeout,
		Retries:     c.Retries,
		Interval:    c.Interval,
		BufferLimit: c.BufferLimit,
		Buffers:     c.Workers,
		ProxiesOnly: !c.ServerRows,
		Log:         log,
	}
}

// setPuller sets what haproxystats-pull's configuration says of rounds.
func setPuller(p *pull.Puller, c *config.Config, client *haproxy.Client, log *slog.Logger) {
	p.SocketDir, p.Servers, p.Interval = c.Pull.SocketDir, Sockets(c.Pull.Servers), c.Pull.PullInterval
	setRounds(p, &c.Pull, client, log)
}

// setRounds sets what all rounds have from [pull], whoever makes them.
func setRounds(p *pull.Puller, c *config.Pull, client *haproxy.Client, log *slog.Logger) {
	p.Fetcher, p.Timeout, p.QueueSize, p.Workers = client, c.PullTimeout, c.QueueSize, c.Workers
	p.ProxiesOnly = client.ProxiesOnly
	p.KeepPartial = c.OnPartial == config.PartialKeep
	p.Collector = nil
	if collector := newCollector(c, client, log); collector != nil {
		p.Collector = collector
	}
}

// roundObserver records the outcome of rounds, and reports to systemd after each.
type roundObserver struct {
	*pullStatus
	service *Supervisor
}

// RoundEnded implements [pull.Observer].
func (o roundObserver) RoundEnded(now time.Time, r pull.Result) {
	o.pullStatus.RoundEnded(now, r)
	o.service.status(o.pullStatus.String())
}

// newCollector returns what asks sockets for more than their two replies; nil if nothing is
// wanted.
func newCollector(c *config.Pull, client *haproxy.Client, log *slog.Logger) *collect.Collector {
	if len(c.Collect) == 0 && !c.LearnFields {
		return nil
	}
	return collect.New(collect.Options{
		Client:       client,
		StickTables:  slices.Contains(c.Collect, config.CollectStickTables),
		Resolvers:    slices.Contains(c.Collect, config.CollectResolvers),
		Certificates: slices.Contains(c.Collect, config.CollectCertificates),
		Learn:        c.LearnFields,
		Log:          log,
	})
}

// Sockets returns the configuration's servers as sockets of package pull.
func Sockets(servers []config.Server) []pull.Socket {
	var s []pull.Socket
	for _, server := range servers {
		s = append(s, pull.Socket(server))
	}
	return s
}

// stagingSpool makes a spool.Writer a pull.Spool.
type stagingSpool struct{ *spool.Writer }

func (s stagingSpool) Stage(epoch int64) (pull.Stage, error) {
	d, err := s.Writer.Stage(epoch)
	if err != nil {
		return nil, err
	}
	return d, nil
}
