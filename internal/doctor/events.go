package doctor

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"time"

	"haproxystats/internal/config"
	"haproxystats/internal/sink/events"
	"haproxystats/internal/tlsfile"
)

// EventServer is a server that events are sent to, and what it said to a question that
// changes nothing.
type EventServer struct {
	// Option is the option that names it, and Host the server of the address: the rest may
	// hold a secret.
	Option, Host string
	Reply        events.Reply
	Err          error
}

// eventQuestions returns what to ask of each address, by its option.
func eventQuestions(e config.Events) map[string]events.Question {
	files := tlsfile.Files{CAFile: e.CAFile, CertFile: e.CertFile, KeyFile: e.KeyFile, ServerName: e.ServerName}
	all := make(map[string]events.Question)
	if e.GraphiteURL != "" {
		all["graphite-url"] = events.Question{URL: e.GraphiteURL, Get: "/get_data?from=-1min&tags=haproxystats", TLS: files}
	}
	if e.GrafanaURL != "" {
		all["grafana-url"] = events.Question{
			URL: e.GrafanaURL, Get: "?limit=1", TLS: files,
			Token: tlsfile.Secret{Option: "grafana-token-file", File: e.GrafanaTokenFile, Noun: "token"},
		}
	}
	if e.Webhook != "" {
		all["webhook"] = events.Question{URL: e.Webhook, TLS: files} // any request might be taken for an event
	}
	return all
}

// events asks the servers of [events], without sending an event.
func (r *run) events(ctx context.Context, c *config.Config) []Finding {
	var found []Finding
	questions := eventQuestions(c.Events)
	for _, option := range []string{"graphite-url", "grafana-url", "webhook"} {
		q, ok := questions[option]
		if !ok {
			continue
		}
		s := EventServer{Option: option}
		if u, err := url.Parse(q.URL); err == nil {
			s.Host = u.Host
		}
		if r.offline {
			found = append(found, about{"events", s.Host}.skipped("not asked: --offline leaves out the network"))
			continue
		}
		limited, cancel := context.WithTimeout(ctx, c.Events.Timeout)
		s.Reply, s.Err = events.Ask(limited, q)
		cancel()
		found = append(found, Events(s, time.Now())...)
	}
	return found
}

// eventsLimit bounds the questions to the servers of [events].
func eventsLimit(c *config.Config) time.Duration {
	return min(3*c.Events.Timeout+time.Second, time.Minute)
}

// Events judges a server that events are sent to.
func Events(s EventServer, now time.Time) []Finding {
	a := about{"events", s.Host}
	var found []Finding
	switch status := s.Reply.Status; {
	case s.Err != nil:
		return []Finding{a.error(s.Err.Error(), fmt.Sprintf("Check %s in [events], and that the server runs and can be reached from here", s.Option))}
	case status == 0:
		found = append(found, a.ok("it accepts a connection within %v (%s; nothing was sent)", milliseconds(s.Reply.Connect), s.Option))
	case status >= 200 && status < 300:
		found = append(found, a.ok("it accepts a connection within %v and answers (%s)", milliseconds(s.Reply.Connect), s.Option))
	case slices.Contains([]int{401, 403}, status):
		found = append(found, a.error(fmt.Sprintf("it answers with status %d: it does not let us in (%s)", status, s.Option), "Check the token in grafana-token-file and what it allows, or let the server answer this host"))
	case status >= 300 && status < 500:
		found = append(found, a.error(fmt.Sprintf("it answers with status %d: the address is not that of events (%s)", status, s.Option), fmt.Sprintf("Correct %s in [events]", s.Option)))
	default:
		found = append(found, a.error(fmt.Sprintf("it answers with status %d (%s)", status, s.Option), "Read the log of the server"))
	}
	if !s.Reply.Expires.IsZero() {
		found = append(found, expiry(about{"certificate", s.Host}, "the server's certificate", s.Reply.Expires, now))
	}
	return found
}
