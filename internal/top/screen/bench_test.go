package screen

import (
	"context"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"haproxystats/bench/workload"
	"haproxystats/internal/haproxy"
	"haproxystats/internal/haproxysim"
	"haproxystats/internal/pull"
	"haproxystats/internal/top"
)

// large is an HAProxy with 20,000 servers.
var large = workload.Size{Name: "20000 servers", Processes: 1, Frontends: 500, Backends: 1000, Servers: 20_000}

// BenchmarkRound is a round of HAProxy with 20,000 servers: ask, read, combine, compute
// rates, sort, and draw 50 lines.
func BenchmarkRound(b *testing.B) {
	g, err := workload.New(large, 1)
	if err != nil {
		b.Fatal(err)
	}
	var rounds []haproxysim.Recording
	for i := range 2 {
		rounds = append(rounds, haproxysim.Recording{Info: g.AppendInfo(nil, 0, i), Stat: g.AppendStat(nil, 0, i)})
	}
	dir := b.TempDir()
	socket := haproxysim.NewSocket(rounds[0])
	socket.SetSizes(16384)
	var server haproxysim.Server
	if _, err := server.Listen("unix", filepath.Join(dir, "a.sock"), socket); err != nil {
		b.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- server.Run(ctx) }()
	defer func() {
		stop()
		<-done
	}()
	p := pull.Puller{SocketDir: dir}
	asker := &top.Asker{Targets: p.Targets, Missing: p.Missing, Client: &haproxy.Client{Timeout: time.Minute}, Interval: time.Nanosecond, Timeout: time.Minute}
	reader := top.NewReader()
	v := newView(top.ShowOptions{Source: asker, Kinds: top.Kinds(), Query: top.Query{Key: top.ByMetric(top.Requests)}})
	c := newCanvas(0, 0)
	b.SetBytes(int64(len(rounds[0].Stat)))
	b.ReportAllocs()
	before := used(b)
	n := 0
	for b.Loop() {
		socket.SetRecording(rounds[n%2])
		n++
		round, err := asker.Next(ctx)
		if err != nil {
			b.Fatal(err)
		}
		reading, err := reader.Read(round)
		if err != nil {
			b.Fatal(err)
		}
		v.take(reading, nil)
		c.resize(200, 50)
		v.draw(c)
	}
	// The simulator's time is in it.
	b.ReportMetric(float64((used(b)-before).Milliseconds())/float64(n), "cpu-ms/round")
}

// BenchmarkDraw draws 50 of 20,000 rows, as after a key.
func BenchmarkDraw(b *testing.B) {
	g, err := workload.New(large, 1)
	if err != nil {
		b.Fatal(err)
	}
	v := viewOf(b, map[string][]byte{"a_info": g.AppendInfo(nil, 0, 0), "a_stat": g.AppendStat(nil, 0, 0)})
	v.command(key{char: '5'})
	c := newCanvas(0, 0)
	for b.Loop() {
		v.command(key{name: keyDown})
		c.resize(200, 50)
		v.draw(c)
	}
}

// used returns the processor time of this process.
func used(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
