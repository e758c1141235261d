package brokers

import (
	"cmp"
	"net"

	"haproxystats/internal/app"
	"haproxystats/internal/catalogue"
	"haproxystats/internal/config"
	"haproxystats/internal/kafka/wire"
	"haproxystats/internal/metric"
	"haproxystats/internal/sink"
	"haproxystats/internal/sink/forward"
	"haproxystats/internal/sink/outbox"
)

// Forward implements [app.Brokers].
func (b Brokers) Forward(c *config.Config, to app.ForwardSink) (app.ClosingSink, func() error, error) {
	o := b.forwardOptions(c, to)
	log := to.Log.With("sink", forward.Name)
	if c.Forward.Mode == config.ForwardSnapshots {
		queue, err := forward.OpenLinkQueue(forward.QueueOptions{
			Dir: c.Forward.QueueDir, MaxBytes: c.Forward.QueueMaxBytes, Open: to.Open, Log: log,
		})
		if err != nil {
			return nil, nil, err
		}
		s := forward.NewSnapshots(o, queue)
		return s, func() error { s.Close(); return queue.Close() }, nil
	}
	queue, err := sink.OpenQueue(sink.QueueOptions{Dir: c.Forward.QueueDir, MaxBytes: c.Forward.QueueMaxBytes, Log: log})
	if err != nil {
		return nil, nil, err
	}
	s := forward.NewTables(o, queue)
	return s, func() error { s.Close(); return queue.Close() }, nil
}

// forwardOptions returns the options of the sink of [forward].
func (b Brokers) forwardOptions(c *config.Config, to app.ForwardSink) forward.Options {
	f := c.Forward
	k, _ := c.Kafkas.Get("")
	node := to.Node
	if f.Node != "" {
		node = func() string { return f.Node }
	}
	o := forward.Options{
		Connection: Connection(k.KafkaConnection, config.KafkaSection(""), b.program, to.Log),
		Topic:      f.Topic,
		Cluster:    f.Cluster,
		Node:       node,
		Instance:   wire.NewInstance(machine(to.Node(), net.InterfaceAddrs)),

		Create:          f.CreateTopics,
		Partitions:      forward.Partitions,
		DeliveryTimeout: k.DeliveryTimeout,

		Pace: outbox.Pace{Retries: k.Retries, Interval: k.Interval, Backoff: k.Backoff, Delay: k.Delay},
		Log:  to.Log,
	}
	if f.Mode == config.ForwardSnapshots {
		o.Topic, o.ChunkBytes = cmp.Or(o.Topic, wire.SnapshotsTopic), f.ChunkBytes
		return o
	}
	o.Topic, o.Shards, o.Keep = cmp.Or(o.Topic, wire.TablesTopic), f.Shards, keep(f)
	o.Partitions = max(forward.Partitions, f.Shards)
	return o
}

// machine names this machine for people: by its name and an address, because machines that
// are copies of one have equal names.
func machine(host string, addresses func() ([]net.Addr, error)) string {
	all, err := addresses()
	if err != nil {
		return host // the name is all that is known
	}
	for _, a := range all {
		if n, ok := a.(*net.IPNet); ok && n.IP.IsGlobalUnicast() {
			return host + " " + n.IP.String()
		}
	}
	return host
}

// scopes are the scopes of tables by their names in the configuration.
var scopes = map[string][]metric.Scope{
	"daemon":   {metric.Process, metric.Resolver, metric.Certificate},
	"frontend": {metric.Frontend, metric.Listener},
	"backend":  {metric.Backend, metric.StickTable},
	"server":   {metric.Server, metric.ServerName, metric.ServerProcesses},
}

// keep reports which columns of tables are sent; nil for all.
func keep(f config.Forward) func(metric.Scope, metric.Column) bool {
	sent := make(map[metric.Scope]bool)
	for _, name := range f.Scopes {
		for _, s := range scopes[name] {
			sent[s] = true
		}
	}
	if f.MetricSet == config.MetricsAll && len(f.Scopes) == len(scopes) {
		return nil
	}
	return func(s metric.Scope, c metric.Column) bool {
		return sent[s] && (f.MetricSet == config.MetricsAll || isClassic(s, c))
	}
}

// isClassic reports whether a column belongs to the classic metric set. What each process
// has said is sent whole, because metrics of several kinds are computed of it; and so is
// the number of servers of a backend.
func isClassic(s metric.Scope, c metric.Column) bool {
	scope := map[metric.Scope]catalogue.Scopes{
		metric.Frontend: catalogue.Frontend, metric.Listener: catalogue.Frontend, metric.Backend: catalogue.Backend,
		metric.Server: catalogue.Server, metric.ServerName: catalogue.Server,
	}[s]
	return scope == 0 || c.Combine == metric.Distinct || catalogue.IsMetric(c.Name, scope, true)
}
