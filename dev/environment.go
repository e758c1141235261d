package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"text/template"

	"haproxystats/test/real"
	"haproxystats/test/traffic"
)

// instances is how many haproxy processes there are.
const instances = 2

// configTemplate is what the programs begin with; it may be edited meanwhile.
var configTemplate = template.Must(template.New("haproxystats.conf").Parse(`[DEFAULT]
loglevel = info

[paths]
base-dir = {{.Dir}}/spool

[pull]
socket-dir    = {{.Dir}}/run
pull-interval = 2
pull-timeout  = 1.5
timeout       = 1

[process]
workers               = 2
per-process-metrics   = true
calculate-percentages = true
aggr-server-metrics   = true

[graphite]
server          = 127.0.0.1
port            = {{.Port}}
namespace       = dev
prefix-hostname = false
confirm-hold    = 0
`))

// environment is what the programs work with: haproxy instances with traffic, a
// receiver, and a configuration. The zero value has nothing open.
type environment struct {
	dir     string
	config  string          // path of the configuration
	changes <-chan struct{} // of the sources and the configuration
	undo    []func() error  // the last one first
}

// open starts everything. The caller calls close, also after an error.
func (e *environment) open(ctx context.Context, log *log, show *regexp.Regexp) (err error) {
	binary, err := real.Find(ctx, "haproxy")
	if err != nil {
		return err
	}
	if e.dir, err = os.MkdirTemp("", "haproxystats-dev-"); err != nil {
		return err
	}
	e.undo = append(e.undo, func() error { return os.RemoveAll(e.dir) })

	receiver, err := real.StartReceiver(func(point real.Point) {
		line := point.Path + " " + strconv.FormatFloat(point.Value, 'g', -1, 64) + " " + strconv.FormatInt(point.Time, 10)
		if show != nil && show.MatchString(line) {
			log.line("graphite", "%s", line)
		}
	})
	if err != nil {
		return err
	}
	e.undo = append(e.undo, func() error {
		for _, bad := range receiver.Bad() {
			log.line("graphite", "bad line: %s", bad)
		}
		return receiver.Stop()
	})
	if err := e.configure(receiver.Port); err != nil {
		return err
	}
	watch, err := watch(".", e.config)
	if err != nil {
		return err
	}
	e.changes = watch.changes
	e.undo = append(e.undo, watch.stop)

	log.line("dev", "starting %d haproxy instances with traffic", instances)
	if err := e.openBalancers(ctx, binary); err != nil {
		return err
	}
	log.line("dev", "the configuration is %s", e.config)
	return nil
}

// configure writes the configuration and makes the directories that it names.
func (e *environment) configure(port int) error {
	var text bytes.Buffer
	if err := configTemplate.Execute(&text, map[string]any{"Dir": e.dir, "Port": port}); err != nil {
		return err
	}
	for _, dir := range []string{"run", "spool", "etc"} {
		if err := os.Mkdir(filepath.Join(e.dir, dir), 0o750); err != nil {
			return err
		}
	}
	e.config = filepath.Join(e.dir, "etc", "haproxystats.conf")
	return os.WriteFile(e.config, text.Bytes(), 0o640)
}

func (e *environment) openBalancers(ctx context.Context, binary string) error {
	origin, err := real.StartOrigin()
	if err != nil {
		return err
	}
	e.undo = append(e.undo, origin.Stop)
	var balancers []*real.HAProxy
	for i := range instances {
		h, err := real.StartHAProxy(ctx, real.HAProxyConfig{
			Name: fmt.Sprintf("lb%d", i+1), Binary: binary, Dir: e.dir, Sockets: filepath.Join(e.dir, "run"), Origin: origin,
		})
		if err != nil {
			return err
		}
		balancers = append(balancers, h)
		e.undo = append(e.undo, h.Stop)
	}
	e.undo = append(e.undo, traffic.Start(balancers).Stop)
	return nil
}

// close stops everything.
func (e *environment) close() error {
	var errs []error
	for i := len(e.undo) - 1; i >= 0; i-- {
		errs = append(errs, e.undo[i]())
	}
	e.undo = nil
	return errors.Join(errs...)
}
