package doctor

import (
	"fmt"
	"time"

	"haproxystats/internal/sink/graphite"
)

// expirySoon is the time before expiry from which a certificate should be renewed.
const expirySoon = 30 * 24 * time.Hour

// Relay is a Graphite server with the result of its probe.
type Relay struct {
	Server graphite.Server
	Probe  graphite.Probe
}

// Relays judges the servers, of which the sink uses one at a time.
func Relays(sink string, relays []Relay, confirm graphite.Confirm, now time.Time) (found []Finding) {
	working := 0
	for _, r := range relays {
		if r.Probe.Err == nil {
			working++
		}
	}
	for _, r := range relays {
		a := about{sink, r.Server.String()}
		if err := r.Probe.Err; err != nil {
			hint, bare := graphite.Advice(err)
			f := a.error(bare.Error(), hint)
			if working > 0 {
				f.Verdict = Warning
			}
			found = append(found, f)
			continue
		}
		text := fmt.Sprintf("it accepts a connection within %v", milliseconds(r.Probe.Connect))
		if r.Probe.Held > 0 {
			text += fmt.Sprintf(", keeps it open for at least %v", r.Probe.Held)
		}
		if confirm != graphite.Drain {
			text += fmt.Sprintf(", and confirms by closing it within %v", milliseconds(r.Probe.Confirm))
		}
		found = append(found, a.ok("%s", text))
		if !r.Probe.Expires.IsZero() {
			found = append(found, expiry(about{"certificate", r.Server.String()}, "the server's certificate chain", r.Probe.Expires, now))
		}
	}
	return found
}

// OwnCertificate judges the certificate that the sink presents to servers.
func OwnCertificate(file string, expires, now time.Time) Finding {
	return expiry(about{"certificate", file}, "our certificate", expires, now)
}

func expiry(a about, whose string, at, now time.Time) Finding {
	date := at.UTC().Format("2006-01-02 15:04 MST")
	left := at.Sub(now)
	switch {
	case left <= 0:
		return a.error(fmt.Sprintf("%s expired on %s", whose, date), "Renew it")
	case left < expirySoon:
		return a.warning(fmt.Sprintf("%s expires in %s, on %s", whose, days(left), date), "Renew it. The programs read a changed file again without a restart")
	}
	return a.ok("%s expires in %s", whose, days(left))
}

func days(d time.Duration) string {
	if d < 48*time.Hour {
		return count(int(d.Hours()), "hour")
	}
	return count(int(d.Hours()/24), "day")
}

func milliseconds(d time.Duration) time.Duration {
	return max(d.Round(time.Millisecond), time.Millisecond)
}
