package doctor

import (
	"errors"
	"strings"
	"testing"
	"time"

	"haproxystats/internal/sink/events"
)

func TestPush(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	to := Receiver{Section: "influx:archive", Option: "url", Host: "influx:8086"}
	for name, c := range map[string]struct {
		reply events.Reply
		err   error
		want  []Verdict
		text  string
	}{
		"reached":       {events.Reply{Connect: time.Millisecond}, nil, []Verdict{OK}, "it accepts a connection within 1ms (url of [influx:archive]; nothing was sent)"},
		"not reached":   {events.Reply{}, errors.New("connection refused"), []Verdict{Error}, "connection refused (url of [influx:archive])"},
		"ends tomorrow": {events.Reply{Expires: now.Add(24 * time.Hour)}, nil, []Verdict{OK, Warning}, "it accepts"},
	} {
		to.Reply, to.Err = c.reply, c.err
		found := Push(to, now)
		if len(found) != len(c.want) {
			t.Errorf("%s: got %+v, want %d findings", name, found, len(c.want))
			continue
		}
		for i, f := range found {
			if f.Verdict != c.want[i] {
				t.Errorf("%s: got %+v, want %v", name, f, c.want[i])
			}
		}
		if !strings.Contains(found[0].Text, c.text) {
			t.Errorf("%s: got %q, want %q in it", name, found[0].Text, c.text)
		}
	}
}
