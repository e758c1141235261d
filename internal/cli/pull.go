package cli

import (
	"context"
	"io"
	"log/slog"

	"haproxystats/internal/config"
	"haproxystats/internal/haproxy"
	"haproxystats/internal/pull"
	"haproxystats/internal/spool"
)

// Pull runs haproxystats-pull and returns its exit status.
func Pull(args []string, stdout, stderr io.Writer) int {
	return execute(pullProgram(), args, stdout, stderr)
}

func pullProgram() program {
	return program{
		name:  config.ForPull,
		short: "Pulls statistics from HAProxy over UNIX and TCP sockets",
		run:   runPull,
		check: func(*config.Config) []config.Problem { return nil },
		log:   func(c *config.Config) (slog.Level, config.LogFormat) { return c.Pull.LogLevel, c.Pull.LogFormat },
	}
}

func runPull(ctx context.Context, c *config.Config, service *supervisor, log *slog.Logger) error {
	queue, err := spool.OpenWriter(spool.WriterOptions{Dir: c.Pull.DstDir, Tmp: c.Pull.TmpDstDir, Log: log})
	if err != nil {
		return err
	}
	defer queue.Close()
	page := openStatus(ctx, c.Pull.StatusSocket, config.ForPull, log)
	defer page.close()
	status := &pullStatus{interval: c.Pull.PullInterval}
	puller := pull.Puller{
		Spool: stagingSpool{queue},
		Fetcher: &haproxy.Client{
			Timeout:     c.Pull.Timeout,
			Retries:     c.Pull.Retries,
			Interval:    c.Pull.Interval,
			BufferLimit: c.Pull.BufferLimit,
			Log:         log,
		},
		SocketDir:   c.Pull.SocketDir,
		Servers:     sockets(c.Pull.Servers),
		Interval:    c.Pull.PullInterval,
		Timeout:     c.Pull.PullTimeout,
		QueueSize:   c.Pull.QueueSize,
		Workers:     c.Pull.Workers,
		KeepPartial: c.Pull.OnPartial == config.PartialKeep,
		Observer:    status,
		Log:         log,
	}
	if service != nil {
		puller.Alive = func() { service.alive(status.String()) }
		puller.AliveInterval = service.interval(statusInterval)
	}
	page.running(status.tell)
	service.ready()
	return puller.Run(ctx)
}

func sockets(servers []config.Server) []pull.Socket {
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
	return stage{d}, nil
}

// stage makes a spool.Draft a pull.Stage.
type stage struct{ *spool.Draft }

func (s stage) Commit(r pull.Round) error {
	round := spool.Round{Duration: r.Duration, Skew: r.Skew}
	for _, f := range r.Failed {
		round.Failed = append(round.Failed, spool.Failure{Socket: f.Socket.Address, Cause: f.Err.Error()})
	}
	return s.Draft.Commit(round)
}
