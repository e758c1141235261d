package stage

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/template"

	"haproxystats/test/real"
)

// configTemplate is of one load balancer. Its name is given rather than the
// host's: there are two of them on one host here.
var configTemplate = template.Must(template.New("haproxystats.conf").Parse(`[paths]
base-dir = {{.Dir}}/spool

[pull]
socket-dir    = {{.Dir}}/run
pull-interval = 1
pull-timeout  = 0.9
timeout       = 0.5
collect       = stick-tables, resolvers, certificates

[process]
workers             = 1
per-process-metrics = true

[graphite]
server          = 127.0.0.1
port            = {{.Port}}
namespace       = {{.Namespace}}.{{.Host}}
prefix-hostname = false
verify-url      = {{.Web}}/render

[prometheus]
listen = {{.Endpoint}}
`))

// centralTemplate is of haproxystats-central, which asks the same sockets itself: the
// spools are those of the load balancers' own programs.
var centralTemplate = template.Must(template.New("central.conf").Parse(`[paths]
base-dir = {{.Dir}}

[pull]
timeout = 0.5

[graphite]
server            = 127.0.0.1
port              = {{.Port}}
namespace         = {{.Namespace}}.{{.Central}}
cluster-namespace = {{.Namespace}}.clusters
prefix-hostname   = false

[prometheus]
listen = {{.Endpoint}}

[cluster]
interval    = 1
grace       = 2
node-expiry = 60
{{range $node, $sockets := .Nodes}}
[node {{$node}}]
cluster = {{$.Cluster}}
servers = {{$sockets}}
{{end}}`))

// Central and Cluster are the names below Namespace of haproxystats-central and of its
// cluster.
const (
	Central = "central"
	Cluster = "eu"
)

// openCentral starts haproxystats-central for all load balancers, and beside them a third
// name for the first one: clocks are compared from three nodes on.
func (s *Stage) openCentral(port int) error {
	nodes := make(map[string]string)
	for host := range Hosts {
		sockets, err := filepath.Glob(s.path(host, "run", "*"))
		if err != nil {
			return err
		}
		for i, socket := range sockets {
			sockets[i] = "unix://" + socket
		}
		nodes[host] = strings.Join(sockets, ",")
	}
	nodes["lb3"] = nodes["lb2"]
	var text bytes.Buffer
	dir := s.path(Central)
	data := map[string]any{"Dir": dir, "Port": port, "Namespace": Namespace, "Central": Central, "Cluster": Cluster, "Nodes": nodes, "Endpoint": s.Endpoint(Central)}
	if err := centralTemplate.Execute(&text, data); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	config := s.path(Central, "haproxystats.conf")
	if err := os.WriteFile(config, text.Bytes(), 0o640); err != nil {
		return err
	}
	p, err := real.StartProcess(real.Command{
		Name: "haproxystats-central", Path: s.path("haproxystats-central"), Args: []string{"-f", config}, Dir: dir,
	})
	if err != nil {
		return err
	}
	s.keep(p)
	return nil
}

// Endpoint returns the address at which Prometheus scrapes a load balancer, or Central. The
// number of this process is in it, so no other program has it.
func (s *Stage) Endpoint(host string) string {
	names := append(slices.Sorted(maps.Keys(Hosts)), Central)
	pid := os.Getpid()
	return fmt.Sprintf("127.%d.%d.%d:%d", 64+pid>>16&63, pid>>8&255, pid&255, 9101+slices.Index(names, host))
}

// openPrograms starts haproxystats for a load balancer.
func (s *Stage) openPrograms(host string, port int) error {
	var text bytes.Buffer
	data := map[string]any{"Dir": s.path(host), "Port": port, "Namespace": Namespace, "Host": host, "Web": s.Graphite.URL(), "Endpoint": s.Endpoint(host)}
	if err := configTemplate.Execute(&text, data); err != nil {
		return err
	}
	config := s.path(host, "haproxystats.conf")
	if err := os.WriteFile(config, text.Bytes(), 0o640); err != nil {
		return err
	}
	if err := os.MkdirAll(s.path(host, "spool", "incoming"), 0o750); err != nil {
		return err
	}
	for _, name := range []string{"haproxystats-process", "haproxystats-pull"} {
		p, err := real.StartProcess(real.Command{
			Name: name + " of " + host, Path: s.path(name), Args: []string{"-f", config}, Dir: s.path(host),
		})
		if err != nil {
			return err
		}
		s.keep(p)
	}
	return nil
}
