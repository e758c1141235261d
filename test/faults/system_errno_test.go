package faults

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"haproxystats/test/faults/harness"
	"haproxystats/test/real"
)

// inject has system calls of a program that runs fail with an error, until stop
// is called.
func inject(s *harness.Site, p *harness.Program, calls, errno string) (stop func()) {
	s.T.Helper()
	strace, err := real.StartProcess(real.Command{
		Name: "strace", Path: real.Need(s.T, "strace"), Args: []string{
			"-f", "-qq", "-o", "/dev/null", "-p", fmt.Sprint(p.Pid()),
			"-e", "trace=" + calls, "-e", "inject=" + calls + ":error=" + errno,
		},
	})
	s.Must(err)
	s.T.Cleanup(strace.Kill)
	s.Until("strace to trace the program", 10*time.Second, func() bool {
		select {
		case <-strace.Done():
			s.T.Fatalf("strace has ended: %s", strace.Output())
		default:
		}
		return traced(s, p)
	})
	return func() {
		s.Must(strace.Signal(syscall.SIGINT))
		<-strace.Done()
	}
}

// traced reports whether all threads of a program are traced.
func traced(s *harness.Site, p *harness.Program) bool {
	tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", p.Pid()))
	s.Must(err)
	for _, task := range tasks {
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/status", p.Pid(), task.Name()))
		if err == nil && strings.Contains(string(status), "\nTracerPid:\t0\n") {
			return false
		}
	}
	return true
}

// The calls of each program that may fail at any time.
var (
	pullCalls = []string{
		"openat:EIO", "openat:EMFILE", "openat:ENFILE", "openat:ENOSPC", "mkdirat:EIO", "mkdirat:ENOSPC", "fsync:EIO",
		"renameat2:EIO", "renameat2,unlinkat:EIO", "getdents64:EIO", "socket:EMFILE", "openat,mkdirat,fsync,renameat2,unlinkat,getdents64:EIO",
	}
	processCalls = []string{
		"openat:EIO", "openat:EMFILE", "openat:ENFILE", "mkdirat:ENOSPC", "fsync:EIO", "fsync:ENOSPC", "renameat:EIO", "renameat2:EIO",
		"unlinkat:EIO", "getdents64:EIO", "socket:EMFILE", "openat,mkdirat,fsync,renameat,renameat2,unlinkat,getdents64:EIO",
	}
)

// some returns all of the kinds of faults, or, in the short form, a few.
func some(t *testing.T, kinds []string) []string {
	t.Helper()
	if harness.Full() {
		return kinds
	}
	random := harness.Random(t)
	var few []string
	for _, i := range random.Perm(len(kinds))[:3] {
		few = append(few, kinds[i])
	}
	return few
}

// TestCallsFailPull has system calls of pull fail for more than an interval.
func TestCallsFailPull(t *testing.T) {
	t.Parallel()
	row := harness.Begin(t, "EIO, EMFILE, ENFILE, ENOSPC from system calls of pull", "no partial directory; resumes within one interval; no busy loop")
	need(t, "strace")
	s := harness.NewSite(t)
	src := s.Source(harness.Shape{Sockets: 4})
	graphite := s.Graphite(src)
	conf := s.Configure(harness.Config{Source: src, Port: graphite.Port()})
	watch := s.WatchQueue(s.Incoming())
	process := s.Start(harness.Process, conf)
	pull := s.Start(harness.Pull, conf)
	var slowest time.Duration
	for _, kind := range some(t, pullCalls) {
		watch.WaitCame(watch.Count() + 1)
		calls, errno, _ := strings.Cut(kind, ":")
		stop := inject(s, pull, calls, errno)
		idle(s, 3*interval/2, pull)
		came := watch.Count()
		stop()
		start := time.Now()
		watch.WaitCame(came + 1)
		if took := time.Since(start); took > real.Loaded(interval+time.Second) {
			t.Errorf("a snapshot came %v after %s from %s, want one interval, %v", took, errno, calls, interval)
		} else {
			slowest = max(slowest, took)
		}
		row.Inject(1)
	}
	row.Result("a snapshot after %.1f s at most", slowest.Seconds())
	row.Result("%v", s.Settle(harness.Settlement{
		Graphite: graphite, Queue: watch, Programs: []*harness.Program{pull, process},
	}))
}

// TestCallsFailProcess has system calls of process fail for a moment.
func TestCallsFailProcess(t *testing.T) {
	t.Parallel()
	row := harness.Begin(t, "EIO, EMFILE, ENFILE, ENOSPC from system calls of process", "0 given up, 0 lost; resumes by itself; no busy loop")
	need(t, "strace")
	s := harness.NewSite(t)
	src := s.Source(harness.Shape{})
	graphite := s.Graphite(src)
	conf := s.Configure(harness.Config{Port: graphite.Port(), LocalStore: true})
	feeder := s.Feeder(src, s.Incoming())
	process := s.Start(harness.Process, conf)
	var slowest time.Duration
	for _, kind := range some(t, processCalls) {
		s.Must(graphite.Received.WaitWhole(s.Ctx, feeder.Next()))
		calls, errno, _ := strings.Cut(kind, ":")
		stop := inject(s, process, calls, errno)
		for range 5 {
			feeder.Next()
		}
		idle(s, 300*time.Millisecond, process)
		stop()
		start := time.Now()
		s.Until("what waited to be taken after "+kind, retried+time.Second, func() bool {
			return graphite.Received.Whole(feeder.Epochs()...)
		})
		slowest = max(slowest, time.Since(start))
		row.Inject(1)
	}
	if got := s.Corrupt(s.Incoming()); len(got) > 0 {
		t.Errorf("given up: got %v, want none", got)
	}
	row.Result("all taken after %.1f s at most", slowest.Seconds())
	row.Result("%v", settleFed(s, graphite, feeder, process))
}

// tamper returns the prefix that starts a program with a fault in its reads of
// snapshots, as strace's -e inject spells it, and what ends that.
func tamper(s *harness.Site, fault string, epochs []int64) (prefix []string, stop func(p *harness.Program)) {
	s.T.Helper()
	// With -D the program has the process that the test knows; with -I 2 a signal ends
	// strace.
	prefix = []string{"strace", "-D", "-I", "2", "-f", "-qq", "-o", "/dev/null", "-e", "trace=read", "-e", "inject=read:" + fault}
	for _, epoch := range epochs {
		dir := filepath.Join(s.Incoming(), fmt.Sprint(epoch))
		entries, err := os.ReadDir(dir)
		s.Must(err)
		for _, e := range entries {
			prefix = append(prefix, "-P", filepath.Join(dir, e.Name()))
		}
	}
	return prefix, func(p *harness.Program) {
		s.T.Helper()
		tracer := tracerOf(s, p)
		if tracer == 0 {
			s.T.Fatal("strace does not trace the program")
		}
		s.Must(unix.Kill(tracer, unix.SIGINT))
		s.Until("strace to let go of the program", 10*time.Second, func() bool { return tracerOf(s, p) == 0 })
	}
}

// tracerOf returns the process that traces a program, 0 for none.
func tracerOf(s *harness.Site, p *harness.Program) (pid int) {
	s.T.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.Pid()))
	s.Must(err)
	_, after, _ := strings.Cut(string(status), "\nTracerPid:\t")
	number, _, _ := strings.Cut(after, "\n")
	pid, err = strconv.Atoi(number)
	s.Must(err)
	return pid
}

// TestReadsFail has a disk fail to read the snapshots that wait, and recover.
func TestReadsFail(t *testing.T) {
	t.Parallel()
	row := harness.Begin(t, "EIO, ESTALE while waiting snapshots are read", "0 given up, 0 lost; resumes by itself; no busy loop")
	need(t, "strace")
	s := harness.NewSite(t)
	src := s.Source(harness.Shape{})
	graphite := s.Graphite(src)
	conf := s.Configure(harness.Config{Port: graphite.Port()})
	feeder := s.Feeder(src, s.Incoming())
	var slowest time.Duration
	var process *harness.Program
	for range harness.Count(1, 5) {
		for _, errno := range []string{"EIO", "ESTALE"} {
			if process != nil {
				process.End(syscall.SIGTERM)
			}
			var epochs []int64
			for range 10 {
				epochs = append(epochs, feeder.Next())
			}
			prefix, stop := tamper(s, "error="+errno, epochs)
			process = s.Launch(harness.Launch{Name: harness.Process, Conf: conf, Prefix: prefix})
			process.WaitSays(10*time.Second, "snapshots can't be read now")
			// Three tries of a snapshot's own faults take less.
			idle(s, 2*time.Second, process)
			if graphite.Received.Whole(epochs[0]) {
				t.Errorf("%s: a snapshot arrived that can't be read", errno)
			}
			stop(process)
			start := time.Now()
			s.Until("all to arrive after "+errno, time.Minute, func() bool {
				return graphite.Received.Whole(feeder.Epochs()...)
			})
			slowest = max(slowest, time.Since(start))
			row.Inject(len(epochs))
		}
	}
	if got := s.Corrupt(s.Incoming()); len(got) > 0 {
		t.Errorf("given up: got %v, want none", got)
	}
	row.Result("all taken after %.1f s at most", slowest.Seconds())
	row.Result("%v", settleFed(s, graphite, feeder, process))
}

// TestReadsHang has a disk hang while a snapshot is read, for longer than a worker may
// be without progress: the program ends each time, and its supervisor starts it again.
func TestReadsHang(t *testing.T) {
	t.Parallel()
	row := harness.Begin(t, "a disk that hangs for 65 s while a waiting snapshot is read", "the program ends as stuck; 0 given up, 0 lost")
	need(t, "strace")
	s := harness.NewSite(t)
	src := s.Source(harness.Shape{})
	graphite := s.Graphite(src)
	conf := s.Configure(harness.Config{Port: graphite.Port(), Set: harness.Options{"process": {"liveness-check-interval": "1"}}})
	feeder := s.Feeder(src, s.Incoming())
	epoch := feeder.Next()
	for range harness.Count(1, 4) {
		prefix, _ := tamper(s, "delay_enter=65000000", []int64{epoch})
		process := s.Launch(harness.Launch{Name: harness.Process, Conf: conf, Prefix: prefix})
		process.ExpectEnd()
		s.Until("the stuck program to end", 3*time.Minute, process.Ended)
		if !process.Says("worker is stuck") {
			t.Errorf("got %q at the end, want that a worker is stuck", process.Output())
		}
		if got := s.Corrupt(s.Incoming()); len(got) > 0 {
			t.Fatalf("given up: got %v, want none", got)
		}
		// The third failed attempt would cost it its place.
		if got, err := filepath.Glob(filepath.Join(s.Incoming(), fmt.Sprint(epoch), ".try*")); err != nil || len(got) > 0 {
			t.Errorf("failed attempts: got %v, %v, want none", got, err)
		}
		row.Inject(1)
	}
	process := s.Start(harness.Process, conf)
	s.Must(graphite.Received.WaitWhole(s.Ctx, epoch))
	row.Result("%v", settleFed(s, graphite, feeder, process))
}

// fewFiles lets a program open no more than 24 files, until more is called. It
// lowers the soft limit, which Go raises when a program starts: so it waits for that.
func fewFiles(s *harness.Site, p *harness.Program) (more func()) {
	s.T.Helper()
	p.WaitSays(5*time.Second, "msg=started")
	var old unix.Rlimit
	s.Must(unix.Prlimit(p.Pid(), unix.RLIMIT_NOFILE, nil, &old))
	s.Must(unix.Prlimit(p.Pid(), unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 24, Max: old.Max}, nil))
	return func() {
		s.T.Helper()
		s.Must(unix.Prlimit(p.Pid(), unix.RLIMIT_NOFILE, &old, nil))
	}
}

const enough = "no partial directory, 0 lost, none given up; resumes within one interval; no busy loop"

// TestFewFilesPull has pull ask more sockets than it may open files.
func TestFewFilesPull(t *testing.T) {
	t.Parallel()
	row := harness.Begin(t, "ulimit -n 24, pull", enough)
	s := harness.NewSite(t)
	src := s.Source(harness.Shape{Sockets: 12})
	graphite := s.Graphite(src)
	conf := s.Configure(harness.Config{Source: src, Port: graphite.Port()})
	watch := s.WatchQueue(s.Incoming())
	process := s.Start(harness.Process, conf)
	pull := s.Start(harness.Pull, conf)
	more := fewFiles(s, pull)
	pull.WaitSays(5*time.Second, "too many open files")
	idle(s, 3*interval/2, pull)
	row.Inject(1)
	came := watch.Count()
	more()
	start := time.Now()
	if took := watch.WaitCame(came + 1).At.Sub(start); took > real.Loaded(interval+time.Second) {
		t.Errorf("a snapshot came after %v, want one interval, %v", took, interval)
	}
	row.Result("%v", s.Settle(harness.Settlement{
		Graphite: graphite, Queue: watch, Programs: []*harness.Program{pull, process},
	}))
}

// TestFewFilesProcess has process run more workers than it may open files.
func TestFewFilesProcess(t *testing.T) {
	t.Parallel()
	row := harness.Begin(t, "ulimit -n 24, process", enough)
	s := harness.NewSite(t)
	src := s.Source(harness.Shape{})
	graphite := s.Graphite(src)
	conf := s.Configure(harness.Config{Port: graphite.Port(), LocalStore: true, Set: harness.Options{"process": {"workers": "30"}}})
	watch := s.WatchQueue(s.Incoming())
	feeder := s.Feeder(src, s.Incoming())
	process := s.Start(harness.Process, conf)
	more := fewFiles(s, process)
	const snapshots = 60
	process.Freeze()
	for range snapshots {
		feeder.Next()
	}
	process.Thaw()
	process.WaitSays(5*time.Second, "too many open files")
	idle(s, 3*interval/2, process)
	row.Inject(1)
	more()
	s.Until("what waited to be taken and deleted", retried+time.Second, func() bool {
		return graphite.Received.Whole(feeder.Epochs()...) && empty(s.Incoming()+".trash")
	})
	if given := s.Corrupt(s.Incoming()); len(given) > 0 {
		t.Errorf("snapshots were given up: %v", given)
	}
	row.Result("%v", s.Settle(harness.Settlement{
		Graphite: graphite, Queue: watch, Feeder: feeder, Programs: []*harness.Program{process}, LocalStore: true,
		Repeats: snapshots,
	}))
}
