package app

import (
	"errors"

	"haproxystats/internal/config"
	"haproxystats/internal/httpcall"
	"haproxystats/internal/selfstat"
	"haproxystats/internal/sink"
	"haproxystats/internal/sink/outbox"
	"haproxystats/internal/sink/push"
	"haproxystats/internal/tlsfile"
)

// destination is where a section of those that post metrics sends them.
type destination struct {
	format push.Format
	// url is the whole address.
	url string
	// parallel is the number of requests at a time.
	parallel int
	// dropped counts what max-series leaves out; nil where there is no such bound.
	dropped *dropped
	// scheme is how a token is sent.
	scheme push.Scheme
}

// openPush opens the sink of a section that posts metrics over HTTP.
func openPush(s setup, p config.Pushed, to destination) (sink.Sink, func() error, error) {
	section := p.Section()
	if s.client == nil {
		return nil, nil, errors.New("this program can't send metrics over HTTP: remove [" + section + "]")
	}
	log := s.log.With("sink", section)
	queue, err := sink.OpenQueue(sink.QueueOptions{Dir: p.QueueDir, MaxMetrics: int64(p.QueueSize), MaxBytes: p.QueueMaxBytes, Log: log})
	if err != nil {
		return nil, nil, err
	}
	header := make(map[string]string)
	for _, h := range p.Headers {
		header[h.Name] = h.Value
	}
	options := push.Options{
		Name: section, Format: to.format, URL: to.url, Header: header,
		User: p.User, PasswordFile: pushPassword(p.Push), TokenFile: pushToken(p.Push), Scheme: to.scheme,
		Client: s.client(httpcall.Options{
			Agent: "haproxystats/" + s.version, TLS: tlsfile.NewCredentials(PushTLS(p.Push), log).Config, Connections: to.parallel,
		}),
		Timeout: p.Timeout, Parallel: to.parallel, MaxAge: p.MaxAge,
		Pace:  outbox.Pace{Retries: -1, Interval: p.Interval, Backoff: p.Backoff, Delay: p.Delay},
		Queue: queue, Log: s.log,
	}
	if to.dropped != nil {
		options.SeriesDropped = to.dropped.all.Load
	}
	opened := push.New(options)
	return opened, func() error { opened.Close(); return queue.Close() }, nil
}

// PushTLS returns the files of encrypted connections of a section that posts metrics.
func PushTLS(p config.Push) tlsfile.Files {
	return tlsfile.Files{CAFile: p.CAFile, CertFile: p.CertFile, KeyFile: p.KeyFile, ServerName: p.ServerName}
}

func pushPassword(p config.Push) tlsfile.Secret {
	return tlsfile.Secret{Option: "password-file", File: p.PasswordFile, Noun: "password"}
}

func pushToken(p config.Push) tlsfile.Secret {
	return tlsfile.Secret{Option: "token-file", File: p.TokenFile, Noun: "token"}
}

// checkPushed refuses files of sections that post metrics and can't be used.
func checkPushed(c *config.Config) (problems []config.Problem) {
	for _, p := range c.Pushed() {
		var faults []error
		if (p.CertFile == "") == (p.KeyFile == "") {
			for _, fault := range PushTLS(p.Push).Check() {
				faults = append(faults, fault)
			}
		}
		for _, err := range append(faults, pushPassword(p.Push).Check(), pushToken(p.Push).Check()) {
			if fault := new(tlsfile.Error); errors.As(err, &fault) {
				problems = append(problems, config.Problem{Section: p.Section(), Option: fault.Option, Reason: fault.Err.Error()})
			}
		}
	}
	return problems
}

// pushed returns the operator's names of the sections of a kind that post metrics.
func pushed(c *config.Config, kind string) (names []string) {
	for _, p := range c.Pushed() {
		if p.Kind == kind {
			names = append(names, p.Name)
		}
	}
	return names
}

// pushedSection returns a section that posts metrics.
func pushedSection(c *config.Config, kind, name string) config.Pushed {
	for _, p := range c.Pushed() {
		if p.Kind == kind && p.Name == name {
			return p
		}
	}
	return config.Pushed{Kind: kind, Name: name}
}

// checkPushNames refuses sections whose self metrics would have the same names.
func checkPushNames(c *config.Config) (problems []config.Problem) {
	taken := make(map[string]string)
	for _, p := range c.Pushed() {
		section := p.Section()
		prefix := selfstat.Sink{Name: section}.Prefix()
		if other, twice := taken[prefix]; twice {
			problems = append(problems, config.Problem{
				Section: section, Option: p.Option,
				Reason: "the metrics of haproxystats itself would begin with " + prefix + ", as those of [" + other + "] do",
				Hint:   "Give one of the sections another name",
			})
		}
		taken[prefix] = section
	}
	return problems
}
