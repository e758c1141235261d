package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/template"

	"haproxystats/test/real"
)

// configTemplate is the configuration, as an operator would write it.
var configTemplate = template.Must(template.New("haproxystats.conf").Parse(`[DEFAULT]
loglevel = info

[paths]
base-dir = {{.Dir}}/spool

[pull]
socket-dir    = {{.Sockets}}
pull-interval = {{.Interval}}
pull-timeout  = 1.5
timeout       = 1

[process]
workers               = 1
per-process-metrics   = true
calculate-percentages = true
aggr-server-metrics   = true

[graphite]
server          = 127.0.0.1
port            = {{.Port}}
namespace       = {{.Namespace}}
prefix-hostname = false
`))

// openPrograms starts haproxystats-pull and haproxystats-process. On the way down, pull stops before process.
func (e *environment) openPrograms() error {
	config, err := e.configure("haproxystats.conf", configTemplate, map[string]any{
		"Dir": e.dir, "Sockets": e.sockets(), "Interval": interval.Seconds(),
		"Port": e.receiver.Port, "Namespace": namespace,
	})
	if err != nil {
		return err
	}
	for _, dir := range []string{"incoming", "incoming.tmp"} {
		if err := os.MkdirAll(filepath.Join(e.dir, "spool", dir), 0o750); err != nil {
			return err
		}
	}
	for _, name := range []string{"haproxystats-process", "haproxystats-pull"} {
		if err := e.startProgram(name, config); err != nil {
			return err
		}
	}
	return nil
}

// configure writes a configuration and returns its path.
func (e *environment) configure(name string, t *template.Template, data any) (string, error) {
	var text bytes.Buffer
	if err := t.Execute(&text, data); err != nil {
		return "", err
	}
	path := filepath.Join(e.dir, name)
	return path, os.WriteFile(path, text.Bytes(), 0o640)
}

// startProgram starts a program that runs until the end of the demo.
func (e *environment) startProgram(name, config string) error {
	p, err := e.launch(name, config)
	if err != nil {
		return err
	}
	e.programs = append(e.programs, p)
	e.undo = append(e.undo, func() error { return stopProgram(name, p) })
	return nil
}

// launch starts a program that the caller stops.
func (e *environment) launch(name, config string) (*real.Process, error) {
	return real.StartProcess(real.Command{
		Name: name, Path: filepath.Join(e.dir, name), Args: []string{"-f", config}, Dir: e.dir,
	})
}

// stopProgram stops a program, and returns an error unless it ends cleanly.
func stopProgram(name string, p *real.Process) error {
	if err := p.Stop(); err != nil {
		return err
	}
	if err := p.Err(); err != nil {
		return fmt.Errorf("stop %s: %w: %s", name, err, p.Output())
	}
	return nil
}

// logs returns the last lines of all programs.
func (e *environment) logs() string {
	var last []string
	for _, p := range e.programs {
		lines := strings.Split(strings.TrimSpace(p.Output()), "\n")
		last = append(last, lines[max(0, len(lines)-logLines):]...)
	}
	return strings.TrimSpace(strings.Join(last, "\n"))
}

// logLines bounds the lines of a program's log that a failure shows.
const logLines = 5
