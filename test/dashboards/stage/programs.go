package stage

import (
	"bytes"
	"os"
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

[process]
workers = 1

[graphite]
server          = 127.0.0.1
port            = {{.Port}}
namespace       = {{.Namespace}}.{{.Host}}
prefix-hostname = false
verify-url      = {{.Web}}/render
`))

// openPrograms starts haproxystats for a load balancer.
func (s *Stage) openPrograms(host string, port int) error {
	var text bytes.Buffer
	data := map[string]any{"Dir": s.path(host), "Port": port, "Namespace": Namespace, "Host": host, "Web": s.Graphite.URL()}
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
