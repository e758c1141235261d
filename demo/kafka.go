package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"text/template"

	"haproxystats/test/real"
)

// The ways of snapshots and tables to haproxystats-central.
const (
	byKafka       = "kafka"
	byDirectories = "directories"
)

// processor is the program that forwards.
const processor = "haproxystats-process"

// chooseWay returns the way of DEMO_TRANSPORT, or else Kafka if it is there, with the
// directory of its jars. It tells w what is missing for Kafka.
func chooseWay(ctx context.Context, w io.Writer, chosen string, find func(context.Context, string) (string, error)) (way, jars string, err error) {
	switch chosen {
	case "", byKafka, byDirectories:
	default:
		return "", "", fmt.Errorf("DEMO_TRANSPORT=%s: expected %s or %s", chosen, byKafka, byDirectories)
	}
	if chosen == byDirectories {
		return byDirectories, "", nil
	}
	jars, err = find(ctx, "kafka")
	switch {
	case err == nil:
		return byKafka, jars, nil
	case chosen == byKafka || ctx.Err() != nil:
		return "", "", err
	}
	fmt.Fprintf(w, "demo: Kafka is not here, so snapshots travel through a directory and a TCP socket: %v\n", err)
	return byDirectories, "", nil
}

// forwarded is a node that sends what it knows to Kafka: a spooled one with
// haproxystats-process, which goes on while the node is stopped.
type forwarded struct {
	*spooled
	settings string // of haproxystats-process
	begun    bool
}

// forwardTemplate is the configuration of haproxystats-process of a node. A node that
// sends its tables sends its own metrics to Graphite itself.
var forwardTemplate = template.Must(template.New("process.conf").Parse(`[DEFAULT]
loglevel = info

[paths]
base-dir = {{.Spool}}

[process]
workers             = 2
aggr-server-metrics = true

[graphite]
enabled   = {{eq .Mode "tables"}}
server    = 127.0.0.1
port      = {{.Port}}
namespace = {{.Namespace}}
{{if eq .Mode "tables"}}prefix-hostname = false
{{end}}
[kafka]
brokers = {{.Broker}}

[forward]
mode    = {{.Mode}}
cluster = {{.Cluster}}
node    = {{.Name}}
`))

// newForwarded returns a node that forwards its tables or snapshots.
func (c *clusterEnvironment) newForwarded(n *node, sockets, mode string) (*forwarded, error) {
	s, err := c.newSpooled(n, sockets)
	if err != nil {
		return nil, err
	}
	f := &forwarded{spooled: s}
	space := namespace
	if mode == "tables" { // whose host is not named as the node
		space = namespace + "." + n.name
	}
	f.settings, err = c.configure("process-"+n.name+".conf", forwardTemplate, map[string]any{
		"Spool": s.spool, "Mode": mode, "Port": c.carbon.Port, "Namespace": space, "Broker": c.kafka.Addr,
		"Cluster": clusterName, "Name": n.name,
	})
	return f, err
}

// options is empty: haproxystats-central learns of the node by Kafka.
func (f *forwarded) options() string { return "" }

func (f *forwarded) start() error {
	if !f.begun {
		f.begun = true
		if err := f.env.startProgram(processor, f.settings); err != nil {
			return err
		}
	}
	return f.spooled.start()
}

// openKafka starts a broker with the topics.
func (c *clusterEnvironment) openKafka(ctx context.Context, jars string) error {
	fmt.Fprintln(c.out, "demo: starting Apache Kafka")
	dir := filepath.Join(c.dir, "kafka")
	if err := os.Mkdir(dir, 0o750); err != nil {
		return err
	}
	k, err := real.StartKafka(ctx, real.KafkaConfig{Jars: jars, Dir: dir})
	if err != nil {
		return err
	}
	c.kafka = k
	c.undo = append(c.undo, k.Stop)
	c.programs = append(c.programs, k.Process)
	for _, topic := range []string{"haproxystats.tables", "haproxystats.snapshots"} {
		if err := k.CreateTopic(ctx, topic, 2, "message.timestamp.type=LogAppendTime"); err != nil {
			return err
		}
	}
	return nil
}

// openTransports has the snapshots of the nodes come to haproxystats-central.
func (c *clusterEnvironment) openTransports(way string) error {
	first, second := c.nodes[0], c.nodes[1]
	sockets := func(n *node) string { return filepath.Join(c.dir, n.name) }
	if way == byDirectories {
		spool, err := c.newSpooled(first, sockets(first))
		first.transport, second.transport = spool, asked{second}
		return err
	}
	tables, err := c.newForwarded(first, sockets(first), "tables")
	if err != nil {
		return err
	}
	snapshots, err := c.newForwarded(second, sockets(second), "snapshots")
	first.transport, second.transport = tables, snapshots
	return err
}
