package scrape

import (
	"bytes"
	"maps"
	"os"
	"runtime"
	"slices"
	"strconv"
	"syscall"
	"time"

	"haproxystats/internal/encode/prometheus"
	"haproxystats/internal/encode/samples"
	"haproxystats/internal/encode/series"
	"haproxystats/internal/metric"
)

// families returns what an answer says beside the batches.
func (s *Sink) families(all []*batch, r samples.Result, now time.Time) []prometheus.Family {
	up := prometheus.Family{Name: "haproxy_up", Help: "1 if the last snapshot is fresh and all sockets have answered, else 0"}
	taken := prometheus.Family{Name: "haproxystats_snapshot_timestamp_seconds", Help: "Time of the last snapshot, counted from the Unix epoch"}
	var before *batch
	for _, b := range all {
		if !ofHAProxy(b) {
			continue
		}
		isUp, epoch := number(!s.isOld(b, now) && answered(b)), float64(b.Epoch)
		if last := len(up.Samples) - 1; before != nil && before.Cluster == b.Cluster && before.Node == b.Node {
			// Another shard of the same: the oldest one counts.
			up.Samples[last].Value = min(up.Samples[last].Value, isUp)
			taken.Samples[last].Value = min(taken.Samples[last].Value, epoch)
			continue
		}
		before = b
		labels := s.labelsOf(b)
		up.Samples = append(up.Samples, prometheus.Sample{Labels: labels, Value: isUp})
		taken.Samples = append(taken.Samples, prometheus.Sample{Labels: labels, Value: epoch})
	}
	if len(up.Samples) == 0 && !s.opt.Clusters {
		up.Samples = []prometheus.Sample{{Value: 0}}
	}
	if !s.opt.Own {
		return []prometheus.Family{up}
	}
	return slices.Concat([]prometheus.Family{up, taken}, s.ofEvents(all), s.ofAnswers(r), s.ofProcess())
}

func number(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// answered reports whether no socket has failed, as far as the batch tells.
func answered(b *batch) bool {
	for _, t := range b.Tables {
		if t.Scope() != metric.Self {
			continue
		}
		if col := t.Column("SocketsFailed"); col >= 0 {
			for _, row := range t.Rows() {
				if v, ok := t.At(row, col); ok && v.Number() > 0 {
					return false
				}
			}
		}
	}
	return true
}

// one returns a family of one sample.
func one(name, help string, counter bool, v float64, labels ...samples.Label) prometheus.Family {
	return prometheus.Family{Name: name, Help: help, Counter: counter, Samples: []prometheus.Sample{{Labels: labels, Value: v}}}
}

// ofAnswers returns what is known of answers.
func (s *Sink) ofAnswers(r samples.Result) []prometheus.Family {
	s.counting.Lock()
	defer s.counting.Unlock()
	dropped := prometheus.Family{Name: "haproxystats_series_dropped", Help: "Series of HAProxy that this answer leaves out because of max-series"}
	for reason, n := range r.Dropped {
		dropped.Samples = append(dropped.Samples, prometheus.Sample{
			Labels: []samples.Label{{Name: "reason", Value: series.Reason(reason).String()}}, Value: float64(n),
		})
	}
	asked := prometheus.Family{Name: "haproxystats_scrapes_total", Help: "Answers over HTTP, by their status", Counter: true}
	for _, code := range slices.Sorted(maps.Keys(s.asked)) {
		asked.Samples = append(asked.Samples, prometheus.Sample{
			Labels: []samples.Label{{Name: "code", Value: strconv.Itoa(code)}}, Value: float64(s.asked[code]),
		})
	}
	return []prometheus.Family{
		one("haproxystats_series", "Series of HAProxy in this answer", false, float64(r.Series)),
		dropped,
		asked,
		one("haproxystats_scrape_seconds_total", "Time for answers with metrics", true, s.took.Seconds()),
		one("haproxystats_scrape_bytes_total", "Size of answers with metrics, as they were sent", true, float64(s.status.Bytes)),
		one("haproxystats_scrape_failures_total", "Answers with metrics that were not read to their end", true, float64(s.status.Failures)),
	}
}

// ofProcess returns the customary metrics of a program.
func (s *Sink) ofProcess() []prometheus.Family {
	began := float64(s.began.UnixMilli()) / 1000
	all := []prometheus.Family{
		one("haproxystats_build_info", "Version of haproxystats", false, 1,
			samples.Label{Name: "version", Value: s.opt.Version}, samples.Label{Name: "goversion", Value: runtime.Version()}),
		one("haproxystats_start_time_seconds", "When haproxystats started, counted from the Unix epoch", false, began),
		one("process_start_time_seconds", "When the program started, counted from the Unix epoch", false, began),
		one("go_goroutines", "Goroutines of the program", false, float64(runtime.NumGoroutine())),
	}
	var used syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &used) == nil {
		cpu := time.Duration(used.Utime.Nano() + used.Stime.Nano())
		all = append(all, one("process_cpu_seconds_total", "Processor time of the program", true, cpu.Seconds()))
	}
	if text, err := os.ReadFile("/proc/self/statm"); err == nil {
		if words := bytes.Fields(text); len(words) > 1 {
			if pages, err := strconv.ParseInt(string(words[1]), 10, 64); err == nil {
				all = append(all, one("process_resident_memory_bytes", "Resident memory of the program", false, float64(pages*int64(os.Getpagesize()))))
			}
		}
	}
	if files, err := os.ReadDir("/proc/self/fd"); err == nil {
		all = append(all, one("process_open_fds", "Open files of the program", false, float64(len(files))))
	}
	return all
}
