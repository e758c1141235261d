package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/template"
	"time"

	"haproxystats/test/real"
)

const (
	clusterName = "eu"
	clusterRoot = namespace + ".clusters." + clusterName + ".haproxy"
	ofEachNode  = 2            // instances
	grace       = 2 * interval // of windows
	central     = "haproxystats-central"
	puller      = "haproxystats-pull"
)

// node is a machine with HAProxy instances.
type node struct {
	name      string
	balancers []*real.HAProxy
	transport transport
}

// root returns the path of all metrics of the node.
func (n *node) root() string { return namespace + "." + n.name + ".haproxy" }

// transport is how the snapshots of a node come to haproxystats-central.
type transport interface {
	// options returns the options of the node's section; empty if it needs none.
	options() string
	// start makes snapshots come, and stop ends that, until start is called again.
	start() error
	stop() error
	// alive returns an error if the transport has ended by itself.
	alive() error
}

// asked is a node whose stats sockets haproxystats-central asks itself.
type asked struct{ node *node }

func (a asked) options() string {
	var servers []string
	for _, h := range a.node.balancers {
		servers = append(servers, "tcp://"+h.TCP)
	}
	return "servers = " + strings.Join(servers, ", ")
}

func (a asked) start() error { return nil }
func (a asked) stop() error  { return nil }
func (a asked) alive() error { return nil }

// spooled is a node with its own haproxystats-pull, whose spool haproxystats-central
// reads.
type spooled struct {
	env     *environment
	config  string
	spool   string
	program *real.Process // nil if it is stopped
}

var pullTemplate = template.Must(template.New("pull.conf").Parse(`[paths]
base-dir = {{.Spool}}

[pull]
socket-dir    = {{.Sockets}}
pull-interval = {{.Interval}}
pull-timeout  = 1.5
timeout       = 1
`))

func (e *environment) newSpooled(n *node, sockets string) (*spooled, error) {
	s := &spooled{env: e, spool: filepath.Join(e.dir, "spool-"+n.name)}
	var err error
	s.config, err = e.configure("pull-"+n.name+".conf", pullTemplate, map[string]any{
		"Spool": s.spool, "Sockets": sockets, "Interval": interval.Seconds(),
	})
	for _, dir := range []string{"incoming", "incoming.tmp"} {
		err = errors.Join(err, os.MkdirAll(filepath.Join(s.spool, dir), 0o750))
	}
	return s, err
}

func (s *spooled) options() string { return "src-dir = " + filepath.Join(s.spool, "incoming") }

func (s *spooled) start() (err error) {
	s.program, err = s.env.launch(puller, s.config)
	return err
}

func (s *spooled) stop() error {
	if s.program == nil {
		return nil
	}
	p := s.program
	s.program = nil
	return stopProgram(puller, p)
}

func (s *spooled) alive() error {
	if s.program == nil {
		return nil
	}
	return running(s.program)
}

// clusterTemplate is the configuration of haproxystats-central.
var clusterTemplate = template.Must(template.New("central.conf").Parse(`[DEFAULT]
loglevel = info

[paths]
base-dir = {{.Dir}}/central

[pull]
pull-timeout = 1.5
timeout      = 1

[process]
workers             = 2
aggr-server-metrics = true

[graphite]
server            = 127.0.0.1
port              = {{.Port}}
namespace         = {{.Namespace}}
cluster-namespace = {{.Namespace}}.clusters
# carbon-cache is not behind a proxy: a window must not wait while a connection is held.
confirm-hold      = 0

[central]
node-metrics = true
{{if .Broker}}kafka        = true

[kafka]
brokers = {{.Broker}}
{{end}}
[cluster {{.Cluster}}]
interval    = {{.Interval}}
grace       = {{.Grace}}
late        = 10
node-expiry = 10
nodes       = {{.Dir}}/nodes
{{range .Nodes}}
[node {{.Name}}]
cluster = {{$.Cluster}}
{{.Options}}
{{end}}`))

// clusterEnvironment is an environment with a cluster.
type clusterEnvironment struct {
	*environment
	nodes  []*node
	carbon *real.Carbon
	kafka  *real.Kafka // nil if snapshots travel through directories
	ended  bool        // whether haproxystats-central and carbon-cache have been stopped
}

// openCluster builds and starts everything.
func openCluster(ctx context.Context, w io.Writer) (*clusterEnvironment, error) {
	way, jars, err := chooseWay(ctx, w, os.Getenv("DEMO_TRANSPORT"), real.Find)
	if err != nil {
		return nil, err
	}
	c := &clusterEnvironment{}
	names := []string{puller, central}
	if way == byKafka {
		names = append(names, processor)
	}
	c.environment, err = openEnvironment(ctx, w, func(e *environment) error {
		c.environment = e
		return c.open(ctx, way, jars)
	}, names...)
	return c, err
}

func (c *clusterEnvironment) open(ctx context.Context, way, jars string) error {
	fmt.Fprintf(c.out, "demo: starting 2 nodes of %d haproxy instances with traffic\n", ofEachNode)
	for _, name := range []string{"lba", "lbb"} {
		n := &node{name: name}
		sockets := filepath.Join(c.dir, name)
		var err error
		n.balancers, err = c.openBalancers(ctx, real.HAProxyConfig{Sockets: sockets, TCP: true}, name+"1", name+"2")
		if err != nil {
			return err
		}
		c.nodes = append(c.nodes, n)
	}
	c.startTraffic()
	fmt.Fprintf(c.out, "demo: starting carbon-cache and %s, windows of %v\n", central, interval)
	binary, err := real.Find(ctx, "graphite-carbon")
	if err != nil {
		return err
	}
	// A point every second, so that the points of nodes keep their time within a window.
	c.carbon, err = real.StartCarbon(ctx, real.CarbonConfig{Binary: binary, Dir: filepath.Join(c.dir, "carbon"), Retention: "1s:10m"})
	if err != nil {
		return err
	}
	c.undo = append(c.undo, func() error { return c.end(c.carbon.Stop) })
	c.programs = append(c.programs, c.carbon.Process)
	if way == byKafka {
		if err := c.openKafka(ctx, jars); err != nil {
			return err
		}
	}
	if err := c.openTransports(way); err != nil {
		return err
	}
	return c.openCentral()
}

// openCentral starts haproxystats-central and what the nodes need.
func (c *clusterEnvironment) openCentral() error {
	var names strings.Builder
	var sections []map[string]string
	for _, n := range c.nodes {
		fmt.Fprintln(&names, n.name)
		if options := n.transport.options(); options != "" {
			sections = append(sections, map[string]string{"Name": n.name, "Options": options})
		}
	}
	config, err := c.configure("central.conf", clusterTemplate, map[string]any{
		"Dir": c.dir, "Port": c.carbon.Port, "Namespace": namespace, "Cluster": clusterName,
		"Interval": interval.Seconds(), "Grace": grace.Seconds(), "Nodes": sections, "Broker": c.broker(),
	})
	err = errors.Join(err,
		os.WriteFile(filepath.Join(c.dir, "nodes"), []byte(names.String()), 0o640),
		os.Mkdir(filepath.Join(c.dir, "central"), 0o750))
	if err != nil {
		return err
	}
	for _, n := range c.nodes {
		if err := n.transport.start(); err != nil {
			return err
		}
		c.undo = append(c.undo, n.transport.stop)
	}
	p, err := c.launch(central, config)
	if err != nil {
		return err
	}
	c.programs = append(c.programs, p)
	c.undo = append(c.undo, func() error { return c.end(func() error { return stopProgram(central, p) }) })
	return nil
}

// broker returns the address of the broker, if there is one.
func (c *clusterEnvironment) broker() string {
	if c.kafka == nil {
		return ""
	}
	return c.kafka.Addr
}

// end calls stop unless everything has been stopped.
func (c *clusterEnvironment) end(stop func() error) error {
	if c.ended {
		return nil
	}
	return stop()
}

// finish stops haproxystats-central, and then carbon-cache, which writes what it holds.
func (c *clusterEnvironment) finish() error {
	last := len(c.programs) - 1
	err := errors.Join(stopProgram(central, c.programs[last]), c.carbon.Stop())
	c.ended = true
	return err
}

// alive returns an error if a server or program has ended or failed.
func (c *clusterEnvironment) alive() error {
	err := c.environment.alive()
	for _, n := range c.nodes {
		err = errors.Join(err, n.transport.alive())
	}
	return err
}

// watchCluster is watch for the demo of a cluster.
func watchCluster(ctx context.Context, stdout *os.File, stderr io.Writer, length time.Duration, live bool) (r result, err error) {
	env, err := openCluster(ctx, stderr)
	if err != nil {
		return nil, err
	}
	defer func() {
		if e := env.close(); err == nil {
			err = e
		}
	}()
	loop := newClusterLoop(env, length)
	if live {
		screen := openScreen(stdout)
		defer screen.close()
		loop.screen = screen
	} else {
		loop.lines = stdout
	}
	return loop.run(ctx)
}
