package doctor

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"haproxystats/internal/aggregate"
	"haproxystats/internal/config"
	"haproxystats/internal/encode/plaintext"
	"haproxystats/internal/haproxy"
	"haproxystats/internal/pull"
	"haproxystats/internal/reply"
	"haproxystats/internal/snapshot"
)

const (
	// socketsLimit bounds the time for all sockets, maxSocketLimit that for one.
	socketsLimit   = 20 * time.Second
	maxSocketLimit = 10 * time.Second
	// atOnce is the number of sockets that are asked at the same time.
	atOnce = 16
	// maxReply bounds the memory for one reply; HAProxy with a hundred thousand servers
	// stays below it.
	maxReply = 128 << 20
	// maxReplies bounds the memory for all replies together.
	maxReplies = 256 << 20
)

// socketLimit returns the time for one socket: longer than a round would wait, to
// measure how much too slow the socket is.
func socketLimit(round time.Duration) time.Duration {
	if round == 0 {
		return maxSocketLimit
	}
	return min(max(2*round, time.Second), maxSocketLimit)
}

// replies collects the replies of the sockets.
type replies struct {
	done chan struct{}
	left atomic.Int64 // bytes that may still be stored

	mu    sync.Mutex
	files snapshot.Memory
}

func newReplies() *replies {
	r := &replies{done: make(chan struct{}), files: make(snapshot.Memory)}
	r.left.Store(maxReplies)
	return r
}

// errMemory ends the reading of a reply when no memory is left.
var errMemory = errors.New("no memory is left for it")

// buffer returns a buffer for a reply, whose bytes count towards the bound of all
// replies.
func (r *replies) buffer() *bounded { return &bounded{left: &r.left} }

// bounded is a buffer whose bytes count towards a common bound. It has no ReadFrom,
// which would ignore the bound.
type bounded struct {
	data bytes.Buffer
	left *atomic.Int64
}

func (b *bounded) Bytes() []byte { return b.data.Bytes() }
func (b *bounded) Len() int      { return b.data.Len() }

// release returns the bytes of the buffer to the common bound.
func (b *bounded) release() {
	b.left.Add(int64(b.data.Len()))
	b.data = bytes.Buffer{}
}

// Write implements [io.Writer].
func (b *bounded) Write(p []byte) (int, error) {
	if b.left.Add(-int64(len(p))) < 0 {
		b.left.Add(int64(len(p)))
		return 0, errMemory
	}
	return b.data.Write(p)
}

// wait returns the replies when all have arrived, or those that have when ctx ends.
func (r *replies) wait(ctx context.Context) snapshot.Memory {
	select {
	case <-r.done:
	case <-ctx.Done():
	}
	return r.all()
}

// all returns the replies that have arrived.
func (r *replies) all() snapshot.Memory {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.files.Clone()
}

func (r *replies) add(name string, info, stat []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.files[name+snapshot.InfoSuffix] = info
	r.files[name+snapshot.StatSuffix] = stat
}

// sockets examines the sockets that a round would ask.
func (r *run) sockets(ctx context.Context, c *config.Config, to *replies) []Finding {
	defer close(to.done)
	quiet := slog.New(slog.DiscardHandler)
	puller := pull.Puller{SocketDir: c.Pull.SocketDir, Log: quiet}
	for _, s := range c.Pull.Servers {
		puller.Servers = append(puller.Servers, pull.Socket(s))
	}
	targets, err := puller.Targets()
	var found []Finding
	if c.Pull.SocketDir == "" && len(c.Pull.Servers) == 0 {
		found = append(found, Finding{
			Check: "socket-dir", Verdict: Error, Text: "neither socket-dir nor servers is set in [pull], so no HAProxy is asked",
			Remedy: "Set socket-dir to the directory of HAProxy's stats sockets, or servers to the sockets themselves",
		})
	}
	if c.Pull.SocketDir != "" {
		inDir := len(targets)
		for _, t := range targets {
			if t.Socket.Network != "unix" || filepath.Dir(t.Socket.Address) != filepath.Clean(c.Pull.SocketDir) {
				inDir--
			}
		}
		found = append(found, SocketDir(r.host, r.user, absolute(c.Pull.SocketDir), inDir))
	}
	if err != nil {
		return append(found, Finding{
			Check: "socket-dir", Subject: c.Pull.SocketDir, Verdict: Skipped, Text: "it can't be listed: " + err.Error(), Remedy: asRootRemedy,
		})
	}
	r.masters = MasterSockets(r.root)
	r.asksMasters = c.Pull.StateDir != "" && c.Pull.MasterSocket == config.MasterAuto
	return append(found, r.ask(ctx, c, targets, to)...)
}

// ask examines sockets, several at once.
func (r *run) ask(ctx context.Context, c *config.Config, targets []pull.Target, to *replies) []Finding {
	client := &haproxy.Client{
		Timeout: c.Pull.Timeout, Retries: c.Pull.Retries, Interval: c.Pull.Interval,
		BufferLimit: c.Pull.BufferLimit, MaxReply: maxReply, ProxiesOnly: !c.Pull.ServerRows,
	}
	each := make([][]Finding, len(targets))
	var g errgroup.Group
	g.SetLimit(atOnce)
	for i, t := range targets {
		g.Go(func() error {
			ctx, cancel := context.WithTimeout(ctx, socketLimit(c.Pull.PullTimeout))
			defer cancel()
			each[i] = r.socket(ctx, client, t, c.Pull.PullTimeout, to)
			return nil
		})
	}
	_ = g.Wait() // errors are in the findings
	var found []Finding
	for _, f := range each {
		found = append(found, f...)
	}
	return found
}

// socket examines one socket and asks it as a round does. A socket that is not a
// stats socket gets no advice on how to open it.
func (r *run) socket(ctx context.Context, client *haproxy.Client, t pull.Target, limit time.Duration, to *replies) (found []Finding) {
	network, address := t.Socket.Network, t.Socket.Address
	for _, same := range t.Same {
		found = append(found, about{"socket-reply", same.Address}.warning("it is another name of "+address+", and is not asked", "Name the socket once"))
	}
	if network == "unix" {
		real := r.resolved(address)
		if r.masters[real] && r.asksMasters {
			return append(found, about{"socket-access", absolute(address)}.ok("it belongs to HAProxy's master process (option -S), which is asked for failed reloads (master-socket = auto) if the user may connect; a user of this socket controls HAProxy"))
		}
		if r.masters[real] {
			return append(found, SocketAccess(r.host, r.user, absolute(address), true))
		}
		access := SocketAccess(r.host, r.user, absolute(address), false)
		if r.isLinux() || access.Verdict != OK {
			found = append(found, access)
		}
		if _, err := r.host.Stat(address); err != nil {
			return found // no user can connect
		}
		if r.isLinux() { // elsewhere, nobody lists them
			found = append(found, Connections(ctx, r.root, address, real))
		}
	} else if r.offline {
		return append(found, about{"socket-reply", address}.skipped("not asked: --offline leaves out the network"))
	}
	info, stat := to.buffer(), to.buffer()
	start := time.Now()
	err := client.Fetch(ctx, network, address, info, stat)
	took, length := time.Since(start), int64(info.Len()+stat.Len())
	if err != nil {
		info.release()
		stat.release()
	}
	skipped := about{"socket-reply", address}.skipped("")
	switch {
	case errors.Is(err, fs.ErrPermission) && !r.isLinux():
		hint, text := socketAdvice(err)
		return append(found, about{"socket-access", absolute(address)}.error(text, hint))
	case errors.Is(err, fs.ErrPermission):
		skipped.Text, skipped.Remedy = "this user can't connect", asRootRemedy
		return append(found, skipped)
	case errors.Is(err, haproxy.ErrNotStats) && !t.Listed:
		hint, text := socketAdvice(err)
		return []Finding{about{"socket-reply", address}.warning(text+"; rounds ignore it", hint)}
	case errors.Is(err, errMemory):
		skipped.Text = "its reply is not kept: doctor keeps at most " + size(maxReplies) + " of replies"
		skipped.Remedy = "See how large the reply is. Run: echo 'show stat' | socat - " + shellQuote(address) + " | wc -c"
		return append(found, skipped)
	case err != nil && ctx.Err() != nil && took < socketLimit(limit)/2:
		skipped.Text, skipped.Remedy = "not asked in time, because other sockets do not answer", "Repair the sockets that do not answer, then run doctor again"
		return append(found, skipped)
	}
	found = append(found, Answer(Reply{
		Socket: address, Err: err, Took: took, Limit: limit, Bytes: length,
	}))
	if err != nil {
		return found
	}
	to.add(t.Name, info.Bytes(), stat.Bytes())
	level, err := client.Level(ctx, network, address)
	return append(found, Level(address, level, err))
}

// volume aggregates the replies and judges the metrics.
func (r *run) volume(ctx context.Context, p, s *config.Config, from *replies) []Finding {
	files := from.wait(ctx)
	if len(files) == 0 {
		return []Finding{{Check: "volume", Verdict: Skipped, Text: "no socket has answered, so there are no metrics to count"}}
	}
	options, err := r.wiring.Aggregate(s)
	if err != nil {
		return []Finding{{Check: "volume", Verdict: Error, Text: err.Error()}}
	}
	aggregator := aggregate.New(options)
	if !p.Pull.ServerRows {
		aggregator.ProxiesOnly()
	}
	report, err := new(reply.Reader).Read(files, aggregator)
	if err != nil {
		return []Finding{{Check: "volume", Verdict: Error, Text: "the replies can't be used: " + err.Error()}}
	}
	var bad []string
	for _, f := range report.BadFiles {
		bad = append(bad, f.Error())
	}
	found := BadReplies(report.BadRows, bad)
	found = append(found, Repeated(aggregator.Repeated())...)
	found = append(found, Processes(aggregator.Processes(), aggregator.Duplicates(), aggregator.Missing(), aggregator.Outdated())...)
	sending := s.GraphiteSections()
	without := len(sending) == 0
	if without {
		sending = config.Named[config.Graphite]{{Options: s.Graphite}}
	}
	batch := aggregator.Batch(time.Now().Unix())
	var amounts []Finding
	for i, g := range sending {
		measured, size := plaintext.New(r.wiring.Graphite(g).Paths).Measure(batch)
		for _, f := range Names(measured) {
			if !slices.Contains(found, f) { // another section has the same paths
				found = append(found, f)
			}
		}
		v := Volume{
			Metrics: int64(measured.Lines), MetricBytes: size,
			Interval:        p.Pull.PullInterval,
			QueueMetrics:    int64(g.Options.QueueSize),
			QueueBytes:      g.Options.QueueMaxBytes,
			WithoutGraphite: without,
			QueueSnapshots:  p.Pull.QueueSize,
			Section:         config.GraphiteSection(g.Name),
			Counted:         int64(batch.Points()),
			MaxMetrics:      int64(s.Process.MaxMetrics),
			ForwardsTables:  s.Forward.Mode == config.ForwardTables,
		}
		if i == 0 {
			amounts = Amount(v)
		} else if v.Metrics > 0 {
			amounts = append(amounts, graphiteAmount(v)...)
		}
	}
	found = append(found, amounts...)
	return append(found, Unwanted(ServerRows{
		Proxies: aggregator.Rows(haproxy.FrontendRow) + aggregator.Rows(haproxy.BackendRow),
		Servers: aggregator.Rows(haproxy.ServerRow),
		Wanted:  wantsServers(p, s, batch),
	})...)
}
