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
		Work: func(ctx context.Context, l *config.Loaded, service *Supervisor, log Log) error {
			return runPull(ctx, &l.Config, release{version, l.SHA256}, service, log)
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
	client := &haproxy.Client{
		Timeout:     c.Pull.Timeout,
		Retries:     c.Pull.Retries,
		Interval:    c.Pull.Interval,
		BufferLimit: c.Pull.BufferLimit,
		Buffers:     c.Pull.Workers,
		Log:         log,
	}
	puller := pull.Puller{
		Spool:       stagingSpool{queue},
		Fetcher:     client,
		SocketDir:   c.Pull.SocketDir,
		Servers:     Sockets(c.Pull.Servers),
		Interval:    c.Pull.PullInterval,
		Timeout:     c.Pull.PullTimeout,
		QueueSize:   c.Pull.QueueSize,
		Workers:     c.Pull.Workers,
		KeepPartial: c.Pull.OnPartial == config.PartialKeep,
		Observer:    roundObserver{status, service},
		Log:         log,
	}
	if service != nil {
		puller.Alive = func() { service.alive(status.String()) }
		puller.AliveInterval = service.interval(statusInterval)
	}
	if collector := newCollector(&c.Pull, client, log); collector != nil {
		puller.Collector = collector
	}
	keeper, closeKeeper := openKeeper(&c.Pull, keeping{
		dir: c.Pull.StateDir, node: namedHost(c), interval: c.Pull.PullInterval, masters: true, observe: status.held,
	}, client, log)
	defer closeKeeper()
	if keeper == nil {
		page.running(status.tell)
		service.ready()
		return puller.Run(ctx)
	}
	page.running(status.tellWorkers)
	service.ready()
	puller.Accounts = keeper
	var g errgroup.Group
	g.Go(func() error { return keeper.Run(ctx) })
	g.Go(func() error { return puller.Run(ctx) })
	return g.Wait()
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
