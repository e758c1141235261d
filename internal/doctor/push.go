package doctor

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"haproxystats/internal/config"
	"haproxystats/internal/sink/events"
	"haproxystats/internal/tlsfile"
)

// Receiver is a server that metrics are posted to, and how a connection to it went. Nothing
// is asked: any request might be taken for metrics.
type Receiver struct {
	// Section is that of the configuration, Option the option with the address, and Host the
	// server of the address: the rest may hold a secret.
	Section, Option, Host string
	Reply                 events.Reply
	Err                   error
}

// push connects to the servers that metrics are posted to.
func (r *run) push(ctx context.Context, c *config.Config) []Finding {
	var found []Finding
	for _, p := range c.Pushed() {
		to := Receiver{Section: p.Section(), Option: p.Option}
		if u, err := url.Parse(p.URL); err == nil {
			to.Host = u.Host
		}
		if r.offline {
			found = append(found, about{"push", to.Host}.skipped("not asked: --offline leaves out the network"))
			continue
		}
		limited, cancel := context.WithTimeout(ctx, pushLimit)
		to.Reply, to.Err = events.Ask(limited, events.Question{
			URL: p.URL, TLS: tlsfile.Files{CAFile: p.CAFile, CertFile: p.CertFile, KeyFile: p.KeyFile, ServerName: p.ServerName},
		})
		cancel()
		found = append(found, Push(to, time.Now())...)
	}
	return found
}

// pushLimit bounds a connection to a server that metrics are posted to.
const pushLimit = 5 * time.Second

// pushesLimit bounds those to all of them.
func pushesLimit(c *config.Config) time.Duration {
	return min(time.Duration(len(c.Pushed()))*pushLimit+time.Second, time.Minute)
}

// Push judges a server that metrics are posted to.
func Push(to Receiver, now time.Time) []Finding {
	a := about{"push", to.Host}
	if to.Err != nil {
		return []Finding{a.error(fmt.Sprintf("%v (%s of [%s])", to.Err, to.Option, to.Section),
			fmt.Sprintf("Check %s in [%s], and that the server runs and can be reached from here; metrics wait in the queue until then", to.Option, to.Section))}
	}
	found := []Finding{a.ok("it accepts a connection within %v (%s of [%s]; nothing was sent)", milliseconds(to.Reply.Connect), to.Option, to.Section)}
	if !to.Reply.Expires.IsZero() {
		found = append(found, expiry(about{"certificate", to.Host}, "the server's certificate", to.Reply.Expires, now))
	}
	return found
}
