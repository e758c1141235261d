package transitions

import (
	"testing"
	"time"

	"haproxystats/bench/workload"
	"haproxystats/internal/haproxy"
	"haproxystats/internal/truth"
)

// BenchmarkArrival reads replies while they arrive, as haproxystats-pull does: the tally,
// and the tracker. In some of them nothing has changed but the ages, in others the counters
// of nearly all rows have grown.
func BenchmarkArrival(b *testing.B) {
	g, err := workload.New(workload.M, 1)
	if err != nil {
		b.Fatal(err)
	}
	const piece, many = 64 << 10, 5700
	for name, round := range map[string]func(int) int{"idle": func(int) int { return 0 }, "busy": func(n int) int { return n }} {
		b.Run(name, func(b *testing.B) {
			var replies [][]byte
			for n := range 16 {
				replies = append(replies, append(g.AppendLiveStat(nil, 0, round(n), time.Duration(n)*10*time.Second), make([]byte, piece)...))
			}
			tr := &Tracker{Node: "lb1", Address: "/run/a.sock", Socket: "a.sock"}
			worker := truth.Instance{Pid: 1, Start: 1000}
			var s haproxy.StatScanner
			var tally truth.Tally
			n := 0
			b.SetBytes(int64(len(replies[0]) - piece))
			b.ReportAllocs()
			for b.Loop() {
				if n%len(replies) == 0 { // the counters begin anew
					tally, tr.rows = truth.Tally{}, rows{}
				}
				reply := replies[n%len(replies)]
				reply = reply[:len(reply)-piece]
				now := int64(2000 + 10*(n%len(replies)))
				info := &truth.Info{Instance: worker, Exact: true, At: now, Uptime: now - worker.Start}
				tr.Begin(info, now)
				begun := false
				s.Begin()
				for len(reply) > 0 {
					p := reply[:min(piece, len(reply))]
					reply = reply[len(p):]
					for len(p) > 0 {
						p = s.Feed(p)
						if !begun {
							if begun, err = s.Header(); err != nil {
								b.Fatal(err)
							}
							tally.Begin(&s, 10, []*truth.Watch{{Columns: Columns, See: tr.See}})
						}
						tally.Rows(&s)
					}
				}
				s.Finish()
				tally.Rows(&s)
				if f := tally.End(); f.Matters() || f.Rows != many {
					b.Fatalf("got %+v, want %d rows and no finding", f, many)
				}
				tr.End(Facts{At: now, Info: info, Members: []truth.Instance{worker}})
				n++
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/many, "ns/row")
		})
	}
}
