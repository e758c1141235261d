package config

import (
	"errors"
	"fmt"
	"math"
	"net"
	"net/url"
	"strings"
	"time"
)

// Sends reports whether events are sent anywhere over a network.
func (e Events) Sends() bool { return e.GraphiteURL != "" || e.GrafanaURL != "" || e.Webhook != "" }

// Any reports whether events go anywhere.
func (e Events) Any() bool { return e.File != "" || e.Sends() }

// eventsOptions are the options of [events].
func eventsOptions() []Option {
	options := []Option{
		option("events", "kinds", "*", words, func(c *Config) *[]string { return &c.Events.Kinds }),
		optional("events", "file", directory, func(c *Config) *string { return &c.Events.File }),
		option("events", "file-max-bytes", "10485760", wholeBetween[int64](65536, math.MaxInt64), func(c *Config) *int64 { return &c.Events.FileMaxBytes }),
		option("events", "file-max-age", "0", ageSeconds, func(c *Config) *time.Duration { return &c.Events.FileMaxAge }),
		option("events", "file-keep", "5", wholeBetween(0, 1000), func(c *Config) *int { return &c.Events.FileKeep }),
		option("events", "file-sync", "always", fileSync, func(c *Config) *FileSync { return &c.Events.FileSync }),
		optional("events", "graphite-url", addressEnding("/events"), func(c *Config) *string { return &c.Events.GraphiteURL }),
		optional("events", "grafana-url", addressEnding("/api/annotations"), func(c *Config) *string { return &c.Events.GrafanaURL }),
		optional("events", "grafana-token-file", secretFile, func(c *Config) *string { return &c.Events.GrafanaTokenFile }),
		optional("events", "webhook", webAddress, func(c *Config) *string { return &c.Events.Webhook }),
		optional("events", "webhook-secret-file", secretFile, func(c *Config) *string { return &c.Events.WebhookSecretFile }),
		option("events", "webhook-max-events", "100", wholeBetween(1, 1000), func(c *Config) *int { return &c.Events.WebhookMaxEvents }),
		option("events", "tags", "haproxystats {kind} {node} {backend}", words, func(c *Config) *[]string { return &c.Events.Tags }),
		option("events", "title", "{node}: {summary}", eventText, func(c *Config) *string { return &c.Events.Title }),
		option("events", "text", "{node}: {summary}", eventText, func(c *Config) *string { return &c.Events.Text }),
		optional("events", "ca-file", pemFile, func(c *Config) *string { return &c.Events.CAFile }),
		optional("events", "cert-file", pemFile, func(c *Config) *string { return &c.Events.CertFile }),
		optional("events", "key-file", pemFile, func(c *Config) *string { return &c.Events.KeyFile }),
		optional("events", "server-name", host, func(c *Config) *string { return &c.Events.ServerName }),
		option("events", "timeout", "5", requestSeconds, func(c *Config) *time.Duration { return &c.Events.Timeout }),
		option("events", "retries", "3", retries, func(c *Config) *int { return &c.Events.Retries }),
		option("events", "interval", "1.8", anySeconds, func(c *Config) *time.Duration { return &c.Events.Interval }),
		option("events", "backoff", "2", factor, func(c *Config) *float64 { return &c.Events.Backoff }),
		option("events", "delay", "10", anySeconds, func(c *Config) *time.Duration { return &c.Events.Delay }),
		option("events", "queue-dir", "${paths:base-dir}/queue/events", directory, func(c *Config) *string { return &c.Events.QueueDir }),
		option("events", "queue-size", "100000", whole(1), func(c *Config) *int { return &c.Events.QueueSize }),
		option("events", "queue-max-bytes", "67108864", wholeBetween[int64](1, math.MaxInt64), func(c *Config) *int64 { return &c.Events.QueueMaxBytes }),
	}
	for i := range options {
		options[i].New = true
	}
	return options
}

// checkEvents refuses a section that sends nothing, and warns of options without effect
// and of secrets that travel unencrypted.
func (l *loader) checkEvents() {
	section, ok := l.doc.Section("events")
	if !ok {
		return
	}
	e := l.config.Events
	set := func(name string) bool { _, ok := l.doc.Lookup("events", name); return ok }
	if !set("file") && !set("graphite-url") && !set("grafana-url") && !set("webhook") {
		l.problems = append(l.problems, Problem{
			Pos: section.Pos, Section: "events", Reason: "events are sent nowhere", Hint: "Set file, graphite-url, grafana-url or webhook",
		})
		return
	}
	idle := func(need string, names ...string) {
		for _, name := range names {
			l.warnOwn("events", name, "no effect without "+need, "Set "+need+" in [events], or remove this option")
		}
	}
	if !set("file") {
		idle("file", "file-max-bytes", "file-max-age", "file-keep", "file-sync")
	}
	if !set("grafana-url") {
		idle("grafana-url", "grafana-token-file")
	}
	if !set("webhook") {
		idle("webhook", "webhook-secret-file", "webhook-max-events")
	}
	if !set("graphite-url") && !set("grafana-url") {
		idle("graphite-url or grafana-url", "tags", "text")
	}
	if !set("graphite-url") {
		idle("graphite-url", "title")
	}
	if !set("graphite-url") && !set("grafana-url") && !set("webhook") {
		idle("graphite-url, grafana-url or webhook", "ca-file", "cert-file", "key-file", "server-name", "timeout", "retries",
			"interval", "backoff", "delay", "queue-dir", "queue-size", "queue-max-bytes")
		return
	}
	l.checkEventsTLS(e)
}

// checkEventsTLS refuses one half of a key pair, and warns of what is not encrypted.
func (l *loader) checkEventsTLS(e Events) {
	encrypted := false
	for _, address := range []string{e.GraphiteURL, e.GrafanaURL, e.Webhook} {
		encrypted = encrypted || isHTTPS(address)
	}
	if !encrypted {
		for _, name := range []string{"ca-file", "cert-file", "key-file", "server-name"} {
			l.warnOwn("events", name, "no effect: no address begins with https", "Remove this option, or use https")
		}
	} else if (e.CertFile == "") != (e.KeyFile == "") {
		name, other := "cert-file", "key-file"
		if e.CertFile == "" {
			name, other = other, name
		}
		l.refuse("events", name, "needs "+other, "Set both, or remove both")
	}
	if e.GrafanaTokenFile != "" && e.GrafanaURL != "" && !isHTTPS(e.GrafanaURL) && !isLoopback(e.GrafanaURL) {
		l.warn(l.problem("events", "grafana-token-file", "the token is sent unencrypted", "Let grafana-url begin with https"))
	}
}

func isHTTPS(address string) bool { return strings.HasPrefix(strings.ToLower(address), "https:") }

// isLoopback reports whether the address is of this host.
func isLoopback(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}

// maxAddress bounds an address, in bytes.
const maxAddress = 2048

// parseAddress accepts addresses of HTTP that hold no password.
func parseAddress(text string) (*url.URL, error) {
	if len(text) > maxAddress {
		return nil, fmt.Errorf("longer than %d bytes", maxAddress)
	}
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, errors.New("not a URL")
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, errors.New("neither an http nor an https address")
	case u.User != nil:
		return nil, &hinted{"the address contains a user or a password", "Remove both: they would be shown to all who read the configuration"}
	case u.Hostname() == "":
		return nil, errors.New("the address has no host")
	case u.Fragment != "":
		return nil, &hinted{"the address has a part after `#`, which is not sent", "Remove it"}
	}
	return u, nil
}

// webAddress is an address of HTTP.
var webAddress = kind[string]{"address", "an http or https address without a password", func(text string) (string, error) {
	_, err := parseAddress(text)
	return text, err
}}

// addressEnding is an address of HTTP whose path has an end that shows that it is meant.
func addressEnding(end string) kind[string] {
	return kind[string]{"address", "an http or https address that ends in " + end + ", without a password", func(text string) (string, error) {
		u, err := parseAddress(text)
		switch {
		case err != nil:
			return "", err
		case u.RawQuery != "" || u.ForceQuery:
			return "", &hinted{"the address continues after its path", "Remove the text after " + end}
		case !strings.HasSuffix(strings.TrimSuffix(u.Path, "/"), end):
			return "", errors.New("the path does not end in " + end)
		}
		return text, nil
	}}
}

// ageSeconds is an age that makes a file old, or 0.
var ageSeconds = seconds("0, or 60 or more", func(f float64) bool { return f == 0 || f >= 60 })

var fileSync = oneOf(map[string]FileSync{"always": SyncAlways, "never": SyncNever}, "always", "never")

// maxEventText bounds the text of a template, in bytes.
const maxEventText = 4096

// eventText is a text with fields of events in it. They are checked by those who fill them
// in.
var eventText = kind[string]{"text", "text with fields of events, such as {kind}", func(text string) (string, error) {
	switch {
	case text == "":
		return "", &hinted{"the text is empty", "Remove the option"}
	case len(text) > maxEventText:
		return "", fmt.Errorf("longer than %d bytes", maxEventText)
	}
	return text, nil
}}

// words is a list of words.
var words = kind[[]string]{"list of words", "words, separated by white space or commas", func(text string) ([]string, error) {
	list := strings.FieldsFunc(text, func(r rune) bool { return r == ' ' || r == ',' || r == '\t' || r == '\n' })
	switch {
	case len(list) == 0:
		return nil, &hinted{"the list is empty", "Remove the option"}
	case len(text) > maxEventText:
		return nil, fmt.Errorf("longer than %d bytes", maxEventText)
	}
	return list, nil
}}
