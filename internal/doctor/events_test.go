package doctor

import (
	"errors"
	"strings"
	"testing"
	"time"

	"haproxystats/internal/config"
	"haproxystats/internal/sink/events"
)

func TestEvents(t *testing.T) {
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		s    EventServer
		want Verdict
		text string
	}{
		"answers":     {EventServer{Reply: events.Reply{Connect: time.Millisecond, Status: 200}}, OK, "within 1ms and answers"},
		"not asked":   {EventServer{Reply: events.Reply{Connect: time.Millisecond}}, OK, "nothing was sent"},
		"no token":    {EventServer{Reply: events.Reply{Status: 401}}, Error, "does not let us in"},
		"wrong path":  {EventServer{Reply: events.Reply{Status: 404}}, Error, "not that of events"},
		"redirection": {EventServer{Reply: events.Reply{Status: 302}}, Error, "not that of events"},
		"broken":      {EventServer{Reply: events.Reply{Status: 500}}, Error, "status 500"},
		"away":        {EventServer{Err: errors.New("refused")}, Error, "refused"},
	} {
		c.s.Option, c.s.Host = "grafana-url", "grafana"
		found := Events(c.s, now)
		if len(found) != 1 || found[0].Verdict != c.want || !strings.Contains(found[0].Text, c.text) || (found[0].Remedy == "") != (c.want == OK) {
			t.Errorf("%s: got %+v, want %s with %q", name, found, c.want, c.text)
		}
	}
	found := Events(EventServer{Reply: events.Reply{Status: 200, Expires: now.Add(48 * time.Hour)}}, now)
	if len(found) != 2 || found[1].Verdict != Warning || found[1].Check != "certificate" {
		t.Errorf("got %+v, want a warning about the certificate", found)
	}
}

func TestEventsOffline(t *testing.T) {
	var c config.Config
	c.Events.GraphiteURL, c.Events.GrafanaURL, c.Events.Webhook = "http://graphite:80/events/", "https://grafana/api/annotations", "https://hook/T0KEN"
	found := (&run{offline: true}).events(t.Context(), &c)
	if len(found) != 3 {
		t.Fatalf("got %+v, want three findings", found)
	}
	for _, f := range found {
		if f.Verdict != Skipped || strings.Contains(f.Subject, "T0KEN") {
			t.Errorf("got %+v, want a skipped one without the path of the address", f)
		}
	}
}
