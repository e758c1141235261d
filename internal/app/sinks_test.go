package app

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"haproxystats/internal/aggregate"
	"haproxystats/internal/config"
	"haproxystats/internal/selfstat"
	"haproxystats/internal/snapshot"
)

// TestSinksCount delivers snapshots to the configured sinks, and checks that the self
// metrics of each snapshot count the deliveries of the earlier ones.
func TestSinksCount(t *testing.T) {
	for _, test := range []struct {
		name  string
		up    bool   // Graphite
		queue string // options of its queue
		want  func(before []stored) map[string]int64
	}{
		{"Graphite is up", true, "", func(before []stored) map[string]int64 {
			all := sum(before)
			return map[string]int64{
				"GraphiteConfirmedBatches": all.batches, "GraphiteSentMetrics": all.lines, "GraphiteSentBytes": all.bytes,
				"GraphiteFailures": 0, "GraphiteQueueBatches": 0, "GraphiteQueueMetrics": 0, "GraphiteQueueBytes": 0,
				"GraphiteQueueAge": 0,
			}
		}},
		{"Graphite is down", false, "", func(before []stored) map[string]int64 {
			all := sum(before)
			return map[string]int64{
				"GraphiteConfirmedBatches": 0, "GraphiteSentMetrics": 0, "GraphiteSentBytes": 0,
				"GraphiteFailures": min(1, all.batches), "GraphiteQueueBatches": all.batches,
				"GraphiteQueueMetrics": all.lines, "GraphiteDroppedMetrics": 0,
			}
		}},
		{"Graphite is down and its queue is small", false, "queue-size = 100", func(before []stored) map[string]int64 {
			last := sum(before[max(0, len(before)-1):])
			return map[string]int64{
				"GraphiteQueueBatches": last.batches, "GraphiteQueueMetrics": last.lines,
				"GraphiteDroppedMetrics": sum(before).lines - last.lines,
			}
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			port := "1" // refuses connections
			received := func() {}
			if test.up {
				carbon := receive(t)
				port = carbon.port
				received = func() { carbon.next(t) }
			}
			base := t.TempDir()
			conf := filepath.Join(base, "haproxystats.conf")
			write(t, conf, fmt.Appendf(nil,
				"[paths]\nbase-dir = %s\n[graphite]\nserver = 127.0.0.1\nport = %s\nconfirm-hold = 0\n%s\n[local-store]\n", base, port, test.queue))
			loaded, err := config.Load(config.ForProcess, config.Files{File: conf, Required: true}, CheckPatterns)
			if err != nil {
				t.Fatal(err)
			}
			sinks, err := openConfigured(setup{config: &loaded.Config, hostname: "lb-01.example.com", log: slog.New(slog.DiscardHandler)})
			if err != nil {
				t.Fatal(err)
			}
			defer sinks.close()
			p := NewPipeline(aggregate.Options{}, selfstat.Sources{
				Spool: emptySpool{}, Retries: func() int64 { return 0 }, Sinks: sinks.stats,
			}, slog.New(slog.DiscardHandler))

			var before []stored
			files, _ := recording(t)
			for i := range int64(3) {
				epoch := time.Now().Unix() - 1000 + i
				batch, err := p.Aggregate(snapshot.Snapshot{Epoch: epoch, Files: files})
				if err != nil {
					t.Fatal(err)
				}
				all := sum(before)
				want := test.want(before)
				want["LocalStoreConfirmedBatches"] = all.batches
				want["LocalStoreSentMetrics"] = all.lines
				want["LocalStoreSentBytes"] = all.bytes
				want["LocalStoreFailures"] = 0
				got := selfMetrics(t, batch)
				for name, n := range want {
					if v, ok := got[name]; !ok || v != float64(n) {
						t.Errorf("snapshot %d: %s is %v (there: %v), want %d", i, name, v, ok, n)
					}
				}
				waits := want["GraphiteQueueBatches"] > 0
				if age := got["GraphiteQueueAge"]; waits && (age < 900 || age > 2000) {
					t.Errorf("snapshot %d: the queue's age is %v", i, age)
				}
				if size := got["GraphiteQueueBytes"]; waits != (size > 0) {
					t.Errorf("snapshot %d: the queue has %v bytes", i, size)
				}
				for _, s := range sinks.sinks {
					if err := s.Deliver(t.Context(), batch); err != nil {
						t.Fatal(err)
					}
				}
				received()
				text := readFile(t, filepath.Join(base, "local-store", strconv.FormatInt(epoch, 10), "stats"))
				before = append(before, stored{1, int64(bytes.Count(text, []byte("\n"))), int64(len(text))})
			}
			// A directory that can't be made is a failure of the local store's.
			store := filepath.Join(base, "local-store")
			if err := os.RemoveAll(store); err != nil {
				t.Fatal(err)
			}
			write(t, store, nil)
			batch, err := p.Aggregate(snapshot.Snapshot{Epoch: time.Now().Unix(), Files: files})
			if err != nil {
				t.Fatal(err)
			}
			if err := sinks.sinks[1].Deliver(t.Context(), batch); err == nil {
				t.Error("the local store has stored something")
			}
			if batch, err = p.Aggregate(snapshot.Snapshot{Epoch: time.Now().Unix(), Files: files}); err != nil {
				t.Fatal(err)
			}
			if n := selfMetrics(t, batch)["LocalStoreFailures"]; n != 1 {
				t.Errorf("%v failures of the local store", n)
			}
		})
	}
}

// stored is what batches have become.
type stored struct{ batches, lines, bytes int64 }

func sum(all []stored) (s stored) {
	for _, a := range all {
		s.batches += a.batches
		s.lines += a.lines
		s.bytes += a.bytes
	}
	return s
}

// TestOpeners: each kind can be opened.
func TestOpeners(t *testing.T) {
	for _, k := range sinkKinds {
		if openerOf(k.name) == nil {
			t.Errorf("%s: no opener", k.name)
		}
	}
}
