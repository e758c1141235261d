package config

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
)

// SectionName returns the section of a kind with the operator's name; "" is for the one
// without.
func SectionName(kind, name string) string {
	if name == "" {
		return kind
	}
	return kind + ":" + name
}

// Pushed is a section whose metrics are posted over HTTP.
type Pushed struct {
	// Kind is the name of the section, and Name what the operator calls it.
	Kind, Name string
	// URL is the address, and Option the option that sets it.
	URL, Option string
	Push
}

// Section returns the name of the section in a file.
func (p Pushed) Section() string { return SectionName(p.Kind, p.Name) }

// Pushed returns the sections whose metrics are posted over HTTP.
func (c *Config) Pushed() (all []Pushed) {
	for _, i := range c.Influxes {
		all = append(all, Pushed{"influx", i.Name, i.Options.URL, "url", i.Options.Push})
	}
	for _, r := range c.RemoteWrites {
		all = append(all, Pushed{"remote-write", r.Name, r.Options.URL, "url", r.Options.Push})
	}
	for _, o := range c.OTLPs {
		all = append(all, Pushed{"otlp", o.Name, o.Options.Endpoint, "endpoint", o.Options.Push})
	}
	return all
}

// pushDefaults are the defaults in which the sections differ.
type pushDefaults struct{ timeout, interval, backoff, delay string }

// pushOptions returns the shared options of a kind of section that the operator may name.
func pushOptions[S any](section string, d pushDefaults, list func(*Config) *Named[S], push func(*S) *Push) []Option {
	queueDir := namedWith(section, "queue-dir", "${paths:base-dir}/queue/"+section+instanceMark, directory, list, func(s *S) *string { return &push(s).QueueDir })
	queueDir.Apart = true
	options := []Option{
		named(section, "user", shortText, list, func(s *S) *string { return &push(s).User }),
		named(section, "password-file", secretFile, list, func(s *S) *string { return &push(s).PasswordFile }),
		named(section, "token-file", secretFile, list, func(s *S) *string { return &push(s).TokenFile }),
		named(section, "headers", headerList, list, func(s *S) *[]Header { return &push(s).Headers }),
		named(section, "ca-file", pemFile, list, func(s *S) *string { return &push(s).CAFile }),
		named(section, "cert-file", pemFile, list, func(s *S) *string { return &push(s).CertFile }),
		named(section, "key-file", pemFile, list, func(s *S) *string { return &push(s).KeyFile }),
		named(section, "server-name", host, list, func(s *S) *string { return &push(s).ServerName }),
		namedWith(section, "timeout", d.timeout, requestSeconds, list, func(s *S) *time.Duration { return &push(s).Timeout }),
		namedWith(section, "interval", d.interval, anySeconds, list, func(s *S) *time.Duration { return &push(s).Interval }),
		namedWith(section, "backoff", d.backoff, factor, list, func(s *S) *float64 { return &push(s).Backoff }),
		namedWith(section, "delay", d.delay, anySeconds, list, func(s *S) *time.Duration { return &push(s).Delay }),
		namedWith(section, "max-age", "7200", ageSeconds, list, func(s *S) *time.Duration { return &push(s).MaxAge }),
		namedWith(section, "queue-size", "10000000", whole(1), list, func(s *S) *int { return &push(s).QueueSize }),
		queueDir,
		namedWith(section, "queue-max-bytes", "1073741824", wholeBetween[int64](1, math.MaxInt64), list, func(s *S) *int64 { return &push(s).QueueMaxBytes }),
	}
	for i := range options {
		options[i].New = true
		if slices.Contains(login, options[i].Name) {
			options[i].Together = login
		}
	}
	return options
}

// login are the options that log in. One section's way is not mixed with that of another.
var login = []string{"user", "password-file", "token-file"}

// checkPushed refuses what can't work in sections that post metrics, and warns of options
// without effect and of secrets that travel unencrypted.
func (l *loader) checkPushed() {
	for _, p := range l.config.Pushed() {
		l.checkPushTLS(p)
		l.checkPushLogin(p)
	}
}

func (l *loader) checkPushTLS(p Pushed) {
	section := p.Section()
	switch {
	case p.URL == "":
	case !isHTTPS(p.URL):
		for _, name := range []string{"ca-file", "cert-file", "key-file", "server-name"} {
			l.warnOwn(section, name, "no effect: the address does not begin with https", "Remove this option, or use https")
		}
	case (p.CertFile == "") != (p.KeyFile == ""):
		name, other := "cert-file", "key-file"
		if p.CertFile == "" {
			name, other = other, name
		}
		l.refuseIn(section, name, "needs "+other, "Set both, or remove both")
	}
}

func (l *loader) checkPushLogin(p Pushed) {
	section := p.Section()
	set := func(name string) bool { _, ok := l.doc.Lookup(section, name); return ok }
	switch {
	case set("user") && set("token-file"):
		l.refuseIn(section, "token-file", "the section has a user, too", "Remove user and password-file, or this option")
	case set("user") && !set("password-file"):
		l.refuseIn(section, "user", "needs password-file", "Set password-file in ["+section+"]")
	case set("password-file") && !set("user"):
		l.refuseIn(section, "password-file", "needs user", "Set user in ["+section+"]")
	}
	if p.URL == "" || isHTTPS(p.URL) || isLoopback(p.URL) {
		return
	}
	for _, secret := range []struct{ option, noun string }{{"password-file", "password"}, {"token-file", "token"}} {
		if set(secret.option) {
			l.warn(l.problem(section, secret.option, "the "+secret.noun+" is sent unencrypted", "Let "+p.Option+" begin with https"))
		}
	}
}

const (
	// maxHeaders bounds the headers that the operator adds, and maxHeader each of them, in
	// bytes.
	maxHeaders = 32
	maxHeader  = 4096
)

// takenHeaders are set by the program or by HTTP itself, in lower case.
var takenHeaders = []string{
	"host", "connection", "content-length", "content-type", "content-encoding", "transfer-encoding", "te", "trailer", "upgrade", "expect", "user-agent",
}

// nextHeader is what separates a header from the next one on its line: a comma in a value
// does not.
var nextHeader = regexp.MustCompile("(?:,[ \t]*|\n)([A-Za-z0-9!#$%&'*+.^_`|~-]+:(?:[ \t]|$))")

// headerList is a list of headers.
var headerList = kind[[]Header]{"list of headers", "Name: value, one a line or separated by commas", func(text string) ([]Header, error) {
	var all []Header
	for line := range strings.Lines(nextHeader.ReplaceAllString(text, "\n$1")) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		h, err := parseHeader(line)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(all, func(other Header) bool { return strings.EqualFold(other.Name, h.Name) }) {
			return nil, fmt.Errorf("the header %q stands there twice", h.Name)
		}
		all = append(all, h)
	}
	switch {
	case len(all) == 0:
		return nil, &hinted{"the list is empty", "Remove the option"}
	case len(all) > maxHeaders:
		return nil, fmt.Errorf("more than %d headers", maxHeaders)
	}
	return all, nil
}}

func parseHeader(line string) (Header, error) {
	name, value, ok := strings.Cut(line, ":")
	h := Header{strings.TrimSpace(name), strings.TrimSpace(value)}
	lower := strings.ToLower(h.Name)
	switch {
	case !ok || h.Name == "":
		return h, fmt.Errorf("%q is not a name and a value", line[:min(len(line), 40)])
	case strings.Trim(lower, "abcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-.^_`|~") != "":
		return h, fmt.Errorf("%q can't be the name of a header", h.Name)
	case lower == "authorization" || lower == "proxy-authorization":
		return h, &hinted{"a secret in the configuration is shown to all who read it", "Use token-file, or user and password-file"}
	case slices.Contains(takenHeaders, lower):
		return h, fmt.Errorf("the header %q is set by the program", h.Name)
	case len(line) > maxHeader:
		return h, fmt.Errorf("the header %q is longer than %d bytes", h.Name, maxHeader)
	case strings.ContainsFunc(h.Value, func(r rune) bool { return unicode.IsControl(r) && r != '\t' }):
		return h, errors.New("the value of the header " + h.Name + " contains a control character")
	}
	return h, nil
}
