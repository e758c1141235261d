package integration

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"haproxystats/internal/haproxysim"
	"haproxystats/test/real"
)

// signals are those that ask for the end.
var signals = []syscall.Signal{syscall.SIGTERM, syscall.SIGHUP, syscall.SIGINT}

// backlog is how many snapshots wait when work begins: more than are processed
// until all signals have been sent.
const backlog = 120

// TestStopUnderLoad ends both programs by each signal while a fleet works, a
// backlog is being processed and rounds are made, and wants every snapshot that
// ever was in the spool at Graphite in the end.
func TestStopUnderLoad(t *testing.T) {
	eachFleet(t, func(s *site, f *fleet) {
		snapshot := s.pullOnce("pull", f)
		want := s.naive(s.read(snapshot, f))
		record, receiver := s.receiver()
		conf := s.configure("at", pullSection(f, time.Second)+processSection("classic")+
			graphiteSection(receiver.Port)+"[local-store]\ndir = "+s.path("stored")+"\n")
		incoming := s.watch(s.path("at", "incoming"))
		for i := range int64(backlog) {
			s.hand(incoming.dir, snapshot, 1_600_000_000+i)
		}
		incoming.waitCame(0, backlog)
		busy := s.keepWorking(f)
		for _, signal := range signals {
			s.nextSecond()
			rounds := len(incoming.names())
			pull := s.start(pullProgram, conf)
			incoming.waitCame(rounds, 1)
			process := s.start(processProgram, conf)
			arrived := len(record.Points())
			_, err := record.Wait(s.ctx, func(all []real.Point) bool { return len(all) > arrived })
			s.must(err)
			endAll(signal, process, pull)
			if left := s.list(s.path("at", "incoming.tmp")); len(left) > 0 {
				s.t.Errorf("%v left %q in incoming.tmp", signal, left)
			}
		}
		busy()
		if len(s.list(incoming.dir)) == 0 {
			s.t.Error("nothing was left to do at the end: raise the backlog")
		}
		process := s.start(processProgram, conf)
		incoming.waitLeft(incoming.names()...)
		process.end(syscall.SIGTERM)

		got := s.byTime(record.Points(), 1+len(signals))
		var epochs []string
		for epoch, m := range got {
			name := strconv.FormatInt(epoch, 10)
			epochs = append(epochs, name)
			if epoch < 1_600_000_000+backlog {
				s.compare(name, m, want)
			}
			s.checkSelf(m)
		}
		slices.Sort(epochs)
		if came := slices.Sorted(slices.Values(incoming.names())); !slices.Equal(epochs, came) {
			s.t.Errorf("%d snapshots were in the spool, %d arrived:\n%q\n%q", len(came), len(epochs), came, epochs)
		}
		for epoch, m := range s.stored(epochs) {
			at, err := strconv.ParseInt(epoch, 10, 64)
			s.must(err)
			s.compare("local-store at "+epoch, m, got[at])
		}
	}, "haproxy", "simulator")
}

// nextSecond waits for the clock: a program that is started in the second of the
// last one's round may name its own round by it, too.
func (s *site) nextSecond() {
	s.t.Helper()
	now := time.Now()
	timer := time.NewTimer(now.Truncate(time.Second).Add(time.Second).Sub(now))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.ctx.Done():
		s.t.Fatal(s.cause())
	}
}

// keepWorking has the fleet work until stop is called.
func (s *site) keepWorking(f *fleet) (stop func()) {
	ctx, cancel := context.WithCancel(s.ctx)
	var working sync.WaitGroup
	working.Go(func() {
		for ctx.Err() == nil {
			if err := f.work(ctx); err != nil && ctx.Err() == nil {
				s.t.Error(err)
				return
			}
		}
	})
	s.t.Cleanup(func() { cancel(); working.Wait() })
	return func() { cancel(); working.Wait() }
}

// TestStopInTheMiddleOfAReply ends pull while a socket has sent half of a reply.
func TestStopInTheMiddleOfAReply(t *testing.T) {
	for _, signal := range signals {
		t.Run(signal.String(), func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			f, sim := simUnix(s, recordings(s, "recordings/1.6.0-nbproc4/1795335509"))
			reached := make(chan struct{})
			sim.sockets["admin3.sock"].SetFault(haproxysim.Fault{Kind: haproxysim.Stall, At: 2000, Reached: reached})
			conf := s.configure("at", pullSection(f, time.Second))
			incoming := s.watch(s.path("at", "incoming"))
			pull := s.start(pullProgram, conf)
			select {
			case <-reached:
			case <-s.ctx.Done():
				t.Fatal(s.cause())
			}
			pull.end(signal)
			if came, tmp := incoming.names(), s.list(s.path("at", "incoming.tmp")); len(came)+len(tmp) > 0 {
				t.Errorf("half a round is left: %q in incoming, %q in incoming.tmp", came, tmp)
			}
		})
	}
}

// TestStopWhileGraphiteHangs ends process while Graphite confirms nothing, and
// wants all snapshots there when it does.
func TestStopWhileGraphiteHangs(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	f := simFleet(s, recordings(s, "golden/2.6.12-multi3/snapshot/1795335122"))
	snapshot := s.pullOnce("pull", f)
	want := s.naive(s.read(snapshot, f))
	reached, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	record := new(real.Record)
	receiver, err := real.StartReceiver(func(p real.Point) {
		once.Do(func() { close(reached); <-release })
		record.Add(p)
	})
	s.must(err)
	t.Cleanup(func() {
		if err := receiver.Stop(); err != nil {
			t.Error(err)
		}
	})
	// It goes before the receiver is stopped, which waits for it.
	released := sync.OnceFunc(func() { close(release) })
	t.Cleanup(released)

	// More patience than there is time to end in.
	patient := strings.Replace(graphiteSection(receiver.Port), "write-timeout = 5", "write-timeout = 9", 1)
	conf := s.configure("at", processSection("classic")+patient)
	incoming, queue := s.watch(s.path("at", "incoming")), s.watch(s.path("at", "queue", "graphite"))
	process := s.start(processProgram, conf)
	for i := range int64(3) {
		s.hand(incoming.dir, snapshot, 1_700_000_000+i)
	}
	select {
	case <-reached:
	case <-s.ctx.Done():
		t.Fatal(s.cause())
	}
	process.end(syscall.SIGTERM)
	released()

	process = s.start(processProgram, conf)
	incoming.waitLeft(incoming.names()...)
	queue.waitDrained()
	process.end(syscall.SIGTERM)
	arrived := s.byTime(record.Points(), 3)
	for epoch, m := range arrived {
		s.compare(strconv.FormatInt(epoch, 10), m, want)
	}
	if len(arrived) != 3 {
		t.Errorf("%d snapshots arrived, want 3", len(arrived))
	}
}
