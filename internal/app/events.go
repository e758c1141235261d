package app

import (
	"context"
	"errors"
	"log/slog"

	"haproxystats/internal/config"
	"haproxystats/internal/httpcall"
	"haproxystats/internal/process"
	"haproxystats/internal/sink"
	"haproxystats/internal/sink/events"
	"haproxystats/internal/sink/outbox"
	"haproxystats/internal/spool"
	"haproxystats/internal/tlsfile"
)

func openEventsFile(s setup, _ string) (sink.Sink, func() error, error) {
	e := s.config.Events
	return events.NewFile(events.FileOptions{
		Name: "events-file", Path: e.File, MaxBytes: e.FileMaxBytes, MaxAge: e.FileMaxAge, Keep: e.FileKeep,
		Sync: e.FileSync == config.SyncAlways, Kinds: e.Kinds, Log: s.log,
	}), func() error { return nil }, nil
}

func openEventsGraphite(s setup, _ string) (sink.Sink, func() error, error) {
	e := s.config.Events
	return openEvents(s, "graphite", events.Graphite{
		URL: e.GraphiteURL, Title: events.Template(e.Title), Tags: templates(e.Tags), Text: events.Template(e.Text), Kinds: e.Kinds,
	})
}

func openEventsGrafana(s setup, _ string) (sink.Sink, func() error, error) {
	e := s.config.Events
	return openEvents(s, "grafana", &events.Grafana{
		URL: e.GrafanaURL, Token: grafanaToken(e), Tags: templates(e.Tags), Text: events.Template(e.Text), Kinds: e.Kinds,
	})
}

func openEventsWebhook(s setup, _ string) (sink.Sink, func() error, error) {
	e := s.config.Events
	return openEvents(s, "webhook", events.Webhook{URL: e.Webhook, Secret: webhookSecret(e), MaxEvents: e.WebhookMaxEvents, Kinds: e.Kinds})
}

func grafanaToken(e config.Events) tlsfile.Secret {
	return tlsfile.Secret{Option: "grafana-token-file", File: e.GrafanaTokenFile, Noun: "token"}
}

func webhookSecret(e config.Events) tlsfile.Secret {
	return tlsfile.Secret{Option: "webhook-secret-file", File: e.WebhookSecretFile, Noun: "secret"}
}

func templates(texts []string) []events.Template {
	all := make([]events.Template, len(texts))
	for i, text := range texts {
		all[i] = events.Template(text)
	}
	return all
}

// openEvents opens the sink of a destination.
func openEvents(s setup, base string, to events.Destination) (sink.Sink, func() error, error) {
	if s.client == nil {
		return nil, nil, errors.New("this program can't send events over HTTP: remove graphite-url, grafana-url and webhook in [events]")
	}
	e := s.config.Events
	name := "events-" + base
	opened, err := events.Open(events.Options{
		Name: name, Destination: to,
		Client: s.client(httpcall.Options{
			Agent: "haproxystats/" + s.version, TLS: tlsfile.NewCredentials(eventsTLS(e), s.log.With("sink", name)).Config,
		}),
		Timeout: e.Timeout, Dir: e.QueueDir, Base: base,
		MaxEvents: int64(e.QueueSize), MaxBytes: e.QueueMaxBytes,
		Pace: outbox.Pace{Retries: e.Retries, Interval: e.Interval, Backoff: e.Backoff, Delay: e.Delay},
		Log:  s.log,
	})
	if err != nil {
		return nil, nil, err
	}
	return opened, opened.Close, nil
}

func eventsTLS(e config.Events) tlsfile.Files {
	return tlsfile.Files{CAFile: e.CAFile, CertFile: e.CertFile, KeyFile: e.KeyFile, ServerName: e.ServerName}
}

// checkEvents refuses what [events] names and can't be used.
func checkEvents(c *config.Config) (problems []config.Problem) {
	e := c.Events
	if !e.Any() {
		return nil
	}
	refuse := func(option string, err error, hint string) {
		if err != nil {
			problems = append(problems, config.Problem{Section: "events", Option: option, Reason: err.Error(), Hint: hint})
		}
	}
	refuse("kinds", events.Kinds(e.Kinds).Check(), "docs/events.md lists the kinds")
	if !e.Sends() {
		return problems
	}
	const hint = "docs/events.md lists the fields; write {{ for a brace"
	if e.GraphiteURL != "" {
		refuse("title", events.Template(e.Title).Check(), hint)
	}
	if e.GraphiteURL != "" || e.GrafanaURL != "" {
		refuse("text", events.Template(e.Text).Check(), hint)
		for _, tag := range e.Tags {
			if err := events.Template(tag).Check(); err != nil {
				refuse("tags", err, hint)
				break
			}
		}
	}
	files := []error{}
	if (e.CertFile == "") == (e.KeyFile == "") {
		for _, fault := range eventsTLS(e).Check() {
			files = append(files, fault)
		}
	}
	if e.GrafanaURL != "" {
		files = append(files, grafanaToken(e).Check())
	}
	if e.Webhook != "" {
		files = append(files, webhookSecret(e).Check())
	}
	for _, err := range files {
		if fault := new(tlsfile.Error); errors.As(err, &fault) {
			refuse(fault.Option, fault.Err, "")
		}
	}
	return problems
}

// eventSinks returns the sinks that take events.
func (o openSinks) eventSinks() (some []process.SnapshotSink) {
	for _, s := range o.sinks {
		if takesEvents(s) {
			some = append(some, s.(process.SnapshotSink))
		}
	}
	return some
}

// takesEvents reports whether the sink is one of [events].
func takesEvents(s sink.Sink) bool {
	switch s.(type) {
	case *events.File, *events.Sink:
		return true
	}
	return false
}

// maxTaken is the number of snapshots whose events are taken at a start.
const maxTaken = 1024

// takeEvents hands the events of the oldest snapshots to the sinks, before snapshots are
// claimed: those that were in hand when an earlier program was killed are claimed after
// others, and their events would come late. The sinks know events that come again.
func takeEvents(ctx context.Context, dir string, to []process.SnapshotSink, log *slog.Logger) {
	if len(to) == 0 {
		return
	}
	waiting, err := spool.List(dir)
	if err != nil {
		return // the reader of the spool tells of it
	}
	for _, s := range waiting[:min(len(waiting), maxTaken)] {
		if ctx.Err() != nil {
			return
		}
		view, err := spool.OpenView(s.Path, log)
		if err != nil {
			continue // it is read again when it is claimed
		}
		if snap, err := view.Snapshot(); err == nil {
			for _, t := range to {
				_ = t.DeliverSnapshot(ctx, snap) // it is tried again when it is claimed
			}
		}
		view.Close()
	}
}
