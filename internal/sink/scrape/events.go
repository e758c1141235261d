package scrape

import (
	"haproxystats/internal/encode/prometheus"
	"haproxystats/internal/metric"
)

// events are the columns of [metric.Self] that count what has happened since the snapshot
// before, each with the counter that adds its values up. Scrapes see only some snapshots, and
// some of them twice, so the columns alone would lose events or count them again.
var events = [...]struct{ column, name, help string }{
	{"Reloads", "haproxystats_reloads_total", "Reloads of HAProxy"},
	{"Restarts", "haproxystats_restarts_total", "Restarts of HAProxy"},
	{"Crashes", "haproxystats_crashes_total", "Crashes of HAProxy's workers"},
	{"FailedReloads", "haproxystats_failed_reloads_total", "Failed reloads of HAProxy; only with master-socket"},
	{"SecondsUnaccounted", "haproxystats_unaccounted_seconds_total", "Time between the last look at workers and their end"},
	{"RequestsUnaccounted", "haproxystats_unaccounted_requests_total", "Estimate of the requests that no row has"},
	{"AccountsFailed", "haproxystats_failed_accounts_total", "Rounds of sockets whose counters could not be accounted for"},
	{"RoundsMissed", "haproxystats_missed_rounds_total", "Rounds whose time passed during another round"},
}

// Total returns the name of the counter that adds up the values of a column of
// [metric.Self]; ok is false for one that does not count since the snapshot before.
func Total(column string) (name string, ok bool) {
	for _, e := range events {
		if e.column == column {
			return e.name, true
		}
	}
	return "", false
}

// totals has the sums of events over all delivered batches about one thing.
type totals struct {
	sums  [len(events)]float64
	known [len(events)]bool // there was a value
}

// add adds the events of a batch, be it the newest or not, to the totals.
func (s *Sink) add(of about, b *metric.Batch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range b.Tables {
		if t.Scope() != metric.Self {
			continue
		}
		for i, e := range events {
			column := t.Column(e.column)
			if column < 0 {
				continue
			}
			for _, row := range t.Rows() {
				v, ok := t.At(row, column)
				if !ok {
					continue
				}
				if s.totals[of] == nil {
					s.totals[of] = new(totals)
				}
				s.totals[of].sums[i] += v.Number()
				s.totals[of].known[i] = true
			}
		}
	}
}

// ofEvents returns the totals of events that are known.
func (s *Sink) ofEvents(all []*batch) []prometheus.Family {
	s.mu.Lock()
	defer s.mu.Unlock()
	var families []prometheus.Family
	for i, e := range events {
		f := prometheus.Family{Name: e.name, Help: e.help, Counter: true}
		for _, b := range all {
			if sums := s.totals[s.aboutOf(&b.Batch)]; sums != nil && sums.known[i] {
				f.Samples = append(f.Samples, prometheus.Sample{Labels: s.labelsOf(b), Value: sums.sums[i]})
			}
		}
		if len(f.Samples) > 0 {
			families = append(families, f)
		}
	}
	return families
}
