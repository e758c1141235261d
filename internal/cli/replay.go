package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"haproxystats/internal/app"
	"haproxystats/internal/config"
	"haproxystats/internal/encode/plaintext"
	"haproxystats/internal/metric"
	"haproxystats/internal/selfstat"
	"haproxystats/internal/sink/graphite"
	"haproxystats/internal/spool"
)

type replayOptions struct {
	files    config.Files
	from, to int64
	rate     int
	patience time.Duration
	hostname string
	sink     string
	dryRun   bool
	brokers  app.Brokers
}

// replay sends the snapshots in dir to Graphite.
func replay(o replayOptions, dir string, stderr io.Writer) error {
	if o.rate < 0 || o.patience < 0 {
		return errors.New("--rate and --patience take no numbers below 0")
	}
	made, err := newReplayConfig(o.files, processProgram(nil, nil, o.brokers, nil).Check, o.hostname, stderr)
	if err != nil {
		return err
	}
	to, err := replaySection(made.config, o.sink)
	if err != nil {
		return err
	}
	snapshots, err := recorded(dir, o.from, o.to)
	if err != nil {
		return err
	}
	out := newProgress(stderr, len(snapshots))
	log := newToolLogger(out)
	direct := graphite.NewDirect(app.GraphiteOptions(to, made.hostname, log), o.patience)
	defer direct.Close()
	pipeline := app.NewPipeline(made.options, selfstat.Sources{}, log)
	pipeline.Bound(made.config.Process.MaxMetrics)
	r := replayer{
		pipeline: pipeline,
		send:     direct.Send,
		rate:     o.rate,
		progress: out,
		log:      log,
	}
	skipped := direct.Skipped
	if o.dryRun {
		notices := plaintext.NewNotices(log)
		encoder := plaintext.New(app.GraphitePaths(to.Options, made.hostname))
		var left int64
		skipped = func() int64 { return left }
		r.rate = 0
		r.send = func(_ context.Context, b *metric.Batch) (int, int64, error) {
			result, bytes := encoder.Measure(b)
			left += result.Skipped
			notices.Note(plaintext.Result{Met: result.Met})
			return result.Lines, bytes, nil
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGHUP, syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal does not wait
	err = r.run(ctx, snapshots)
	warnSkipped(log, skipped())
	return err
}

// replaySection returns the section of Graphite that the snapshots go to. Without a sink it
// is [graphite], or the only section that sends metrics.
func replaySection(c *config.Config, sink string) (to config.Instance[config.Graphite], err error) {
	all := c.GraphiteSections()
	var names []string
	for _, g := range all {
		section := config.GraphiteSection(g.Name)
		if section == sink || sink == "" && (g.Name == "" || len(all) == 1) {
			return g, nil
		}
		names = append(names, section)
	}
	switch {
	case len(all) == 0:
		return to, errors.New("the snapshots would go to Graphite, which is off: set enabled = true in [graphite], in a file of your own that -f names")
	case sink == "":
		return to, fmt.Errorf("the snapshots could go to several Graphites, and [graphite] is off: set --sink to one of %s", strings.Join(names, ", "))
	}
	return to, fmt.Errorf("--sink %s: not a Graphite that gets metrics: set it to one of %s", sink, strings.Join(names, ", "))
}

// recorded returns the snapshots in dir whose time is between from and to, or dir
// itself if it is a snapshot; to = 0 means no end.
func recorded(dir string, from, to int64) ([]spool.Listed, error) {
	snapshots, err := spool.List(dir)
	if err != nil {
		return nil, err
	}
	if len(snapshots) == 0 {
		view, err := spool.OpenView(dir, nil)
		if err != nil {
			return nil, fmt.Errorf("%s holds no snapshots, and can't be one: %w", dir, err)
		}
		view.Close()
		snapshots = []spool.Listed{{Path: dir, Epoch: view.Epoch()}}
	}
	if to == 0 {
		to = math.MaxInt64
	}
	all := len(snapshots)
	snapshots = slices.DeleteFunc(snapshots, func(p spool.Listed) bool { return p.Epoch < from || p.Epoch > to })
	if len(snapshots) == 0 {
		return nil, fmt.Errorf("none of the %d snapshots of %s is in the time from --from to --to", all, dir)
	}
	return snapshots, nil
}

// replayer sends snapshots, one after another.
type replayer struct {
	pipeline *app.Pipeline
	send     func(context.Context, *metric.Batch) (lines int, bytes int64, err error)
	rate     int // metrics a second; 0 for no limit
	progress *progress
	log      *slog.Logger
}

// run sends the snapshots. It leaves out a snapshot that can't be used, and returns
// an error for it at the end.
func (r *replayer) run(ctx context.Context, snapshots []spool.Listed) error {
	unused := 0
	for _, s := range snapshots {
		if r.wait(ctx) != nil {
			return r.stopped(errInterrupted, s)
		}
		batch, err := r.pipeline.Read(s.Path)
		if err != nil {
			unused++
			r.log.Warn("snapshot is left out", "snapshot", s.Epoch, "error", err)
			r.progress.add(0, 0)
			continue
		}
		lines, bytes, err := r.send(ctx, batch)
		switch {
		case err != nil && ctx.Err() != nil:
			return r.stopped(errInterrupted, s)
		case err != nil:
			return r.stopped(err, s)
		}
		r.progress.add(lines, bytes)
	}
	r.progress.end()
	if unused > 0 {
		return fmt.Errorf("%d of %d snapshots could not be used", unused, len(snapshots))
	}
	return nil
}

var errInterrupted = errors.New("interrupted")

// stopped returns the error of a replay that ends before the snapshot at, and how to
// continue it.
func (r *replayer) stopped(cause error, at spool.Listed) error {
	r.progress.end()
	return fmt.Errorf("%w: to go on, run it with --from %d", cause, at.Epoch)
}

// wait keeps to the rate: it waits for as long as the metrics sent so far may take.
func (r *replayer) wait(ctx context.Context) error {
	if r.rate > 0 {
		due := time.Duration(float64(r.progress.metrics) / float64(r.rate) * float64(time.Second))
		pause := time.NewTimer(due - r.progress.elapsed())
		defer pause.Stop()
		select {
		case <-pause.C:
		case <-ctx.Done():
		}
	}
	return ctx.Err()
}
