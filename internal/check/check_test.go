package check

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"haproxystats/internal/nagios"
	"haproxystats/internal/snapshot"
	"haproxystats/internal/spool"
	"haproxystats/internal/status"
)

// says returns an Ask that returns the document.
func says(d status.Document) func(context.Context, string) (status.Document, error) {
	return func(context.Context, string) (status.Document, error) { return d, nil }
}

func run(mode string, i Installation, r Request) nagios.Result {
	for _, m := range Modes() {
		if m.Name == mode {
			return m.Run(context.Background(), i, r)
		}
	}
	panic(mode)
}

func pulling(p *status.Pull) status.Document {
	return status.Document{Program: "haproxystats-pull", Now: 1000, Started: 400, State: status.Running, Pull: p}
}

func processing(p *status.Process) status.Document {
	return status.Document{Program: "haproxystats-process", Now: 1000, Started: 400, State: status.Running, Process: p}
}

// TestJudgements has documents of the programs, and the results of the checks.
func TestJudgements(t *testing.T) {
	failures := func(n int) (f []snapshot.Failure) {
		for i := range n {
			f = append(f, snapshot.Failure{Socket: fmt.Sprint("/s", i), Cause: "reset"})
		}
		return f
	}
	unread := processing(&status.Process{
		Workers: status.Workers{Configured: 4, Alive: 4}, SpoolCause: "permission denied",
		Sinks: []status.Sink{{Name: "a", Reachable: true}},
	})
	for _, c := range []struct {
		name string
		mode string
		says status.Document
		r    Request
		want nagios.Status
		text string
	}{
		{"silent for less than 3 rounds", "pull", pulling(&status.Pull{Interval: 60, Stored: 820}), Request{}, nagios.OK, "last snapshot stored 3m0s ago"},
		{"silent for 3 rounds", "pull", pulling(&status.Pull{Interval: 60, Stored: 819}), Request{}, nagios.Warning, ""},
		{"silent for 10 rounds", "pull", pulling(&status.Pull{Interval: 59, Stored: 405}), Request{}, nagios.Critical, ""},
		{"silent for 29 short rounds", "pull", pulling(&status.Pull{Interval: 1, Stored: 971}), Request{}, nagios.OK, ""},
		{"silent since its start", "pull", pulling(&status.Pull{Interval: 10}), Request{}, nagios.Critical, "no snapshot stored yet"},
		{"plain", "pull", pulling(&status.Pull{Interval: 10}), Request{Plain: true}, nagios.OK, ""},
		{"plain, with a threshold", "pull", pulling(&status.Pull{Interval: 10}), Request{Plain: true, Warn: above(1)}, nagios.Warning, ""},
		{"the queue is full", "pull", pulling(&status.Pull{Interval: 10, Last: &status.Round{Outcome: "skipped", Cause: "full"}}), Request{}, nagios.Critical, "; the last round was skipped: full"},
		{"rounds were missed", "pull", pulling(&status.Pull{Interval: 10, Stored: 990, Missed: 401, Rounds: status.Rounds{Missed: 7}}), Request{}, nagios.Warning, "; rounds were missed 9m59s ago, 7 since the start: see its log"},
		{"rounds were missed long ago", "pull", pulling(&status.Pull{Interval: 10, Stored: 990, Missed: 400, Rounds: status.Rounds{Missed: 7}}), Request{}, nagios.OK, ""},
		{"rounds were missed, which may be", "pull", pulling(&status.Pull{Interval: 10, Stored: 990, Missed: 999}), Request{Warn: above(60)}, nagios.OK, ""},
		{"starting", "pull", status.Document{Program: "haproxystats-pull", Now: 1, State: status.Starting}, Request{}, nagios.OK, "is starting"},
		{"a clock that went back", "pull", pulling(&status.Pull{Interval: 10, Stored: 2000}), Request{}, nagios.OK, "stored 0s ago"},

		{"no round", "sockets", pulling(&status.Pull{}), Request{}, nagios.Unknown, "no round has ended yet"},
		{"all answered", "sockets", pulling(&status.Pull{Last: &status.Round{Outcome: "stored", Ended: 990, Sockets: 4}}), Request{}, nagios.OK, "4 of 4 sockets answered 10s ago"},
		{"one failed", "sockets", pulling(&status.Pull{Last: &status.Round{Outcome: "partial", Ended: 990, Sockets: 4, Failed: 1, Failures: failures(1)}}), Request{}, nagios.Critical, "1 of 4 sockets failed 10s ago: /s0 (reset)"},
		{"one failed, with a cause that names it", "sockets", pulling(&status.Pull{Last: &status.Round{Outcome: "partial", Ended: 990, Sockets: 4, Failed: 1, Failures: []snapshot.Failure{{Socket: "/s", Cause: "read show info from /s: reset"}}}}), Request{}, nagios.Critical, "failed 10s ago: /s (reset)"},
		{"many failed", "sockets", pulling(&status.Pull{Last: &status.Round{Outcome: "partial", Ended: 990, Sockets: 400, Failed: 100, Failures: failures(32)}}), Request{}, nagios.Critical, "/s0 (reset), /s1, /s2 and 97 more"},
		{"not handed over", "sockets", pulling(&status.Pull{Last: &status.Round{Outcome: "dropped", Cause: "disk full", Ended: 990, Sockets: 4}}), Request{}, nagios.Critical, "4 of 4 sockets answered 10s ago; but the round was dropped: disk full"},
		{"not handed over, which may be", "sockets", pulling(&status.Pull{Last: &status.Round{Outcome: "dropped", Cause: "disk full", Ended: 990, Sockets: 4}}), Request{Crit: above(1)}, nagios.OK, "4 of 4 sockets answered 10s ago"},
		{"a threshold", "sockets", pulling(&status.Pull{Last: &status.Round{Outcome: "partial", Ended: 990, Sockets: 4, Failed: 2}}), Request{Warn: above(2), Crit: above(2)}, nagios.OK, ""},
		{"ten rounds ago", "sockets", pulling(&status.Pull{Interval: 60, Last: &status.Round{Outcome: "stored", Ended: 400, Sockets: 4}}), Request{}, nagios.OK, "4 of 4 sockets answered 10m0s ago"},
		{"a round that does not end", "sockets", pulling(&status.Pull{Interval: 59, Last: &status.Round{Outcome: "stored", Ended: 400, Sockets: 4}}), Request{}, nagios.Unknown, "4 of 4 sockets answered 10m0s ago; no round has ended since: "},
		{"a round that does not end after one that failed", "sockets", pulling(&status.Pull{Interval: 10, Last: &status.Round{Outcome: "dropped", Ended: 400, Sockets: 4, Failed: 4, Failures: failures(1)}}), Request{}, nagios.Critical, "; no round has ended since: "},

		{"no totals", "reloads", pulling(&status.Pull{}), Request{}, nagios.Unknown, "keeps no totals: set state-dir in [pull]"},
		{"no reload", "reloads", pulling(&status.Pull{Workers: &status.HAProxyWorkers{Held: 1}}), Request{}, nagios.OK, "no old worker"},
		{"an old worker", "reloads", pulling(&status.Pull{Workers: &status.HAProxyWorkers{Old: 1, OldConns: 3, OldestAge: 3600}}), Request{}, nagios.OK, "1 old worker with 3 connections, replaced 1h0m0s ago"},
		{"one that does not end", "reloads", pulling(&status.Pull{Workers: &status.HAProxyWorkers{Old: 2, OldConns: 3, OldestAge: 3601}}), Request{}, nagios.Warning, "2 old workers with 3 connections, the oldest of them replaced 1h0m1s ago"},
		{"one of a day", "reloads", pulling(&status.Pull{Workers: &status.HAProxyWorkers{Old: 1, OldestAge: 86401}}), Request{}, nagios.Critical, ""},
		{"an old worker, which may be", "reloads", pulling(&status.Pull{Workers: &status.HAProxyWorkers{Old: 1, OldestAge: 86401}}), Request{Warn: above(100000)}, nagios.OK, ""},
		{"a failed reload", "reloads", pulling(&status.Pull{Workers: &status.HAProxyWorkers{FailedReload: 100}}), Request{Warn: above(1)}, nagios.Warning, "no old worker; the last reload has failed 15m0s ago: HAProxy has its old configuration"},
		{"a crash", "reloads", pulling(&status.Pull{Workers: &status.HAProxyWorkers{Crash: 401, Crashes: 1}}), Request{}, nagios.Warning, "no old worker; a worker has crashed 9m59s ago: see HAProxy's log"},
		{"a crash long ago", "reloads", pulling(&status.Pull{Workers: &status.HAProxyWorkers{Crash: 400, Crashes: 1}}), Request{}, nagios.OK, "no old worker"},
		{"raw counters", "reloads", pulling(&status.Pull{Workers: &status.HAProxyWorkers{AccountFailed: 401}}), Request{}, nagios.Warning, "counters were raw 9m59s ago: see its log"},
		{"raw counters long ago", "reloads", pulling(&status.Pull{Workers: &status.HAProxyWorkers{AccountFailed: 400, AccountsFailed: 7}}), Request{}, nagios.OK, "no old worker"},

		{"up", "process", processing(&status.Process{Last: "970"}), Request{}, nagios.OK, "up 10m0s, last snapshot done 970"},
		{"up too short", "process", processing(&status.Process{}), Request{Warn: atLeast(601)}, nagios.Warning, "no snapshot done yet"},
		{"all workers", "workers", processing(&status.Process{Workers: status.Workers{Configured: 4, Alive: 4}}), Request{}, nagios.OK, "4 of 4 workers are alive, 0 busy"},
		{"a worker less", "workers", processing(&status.Process{Workers: status.Workers{Configured: 4, Alive: 3, Busy: 2}, Progress: 940}), Request{}, nagios.Critical, "3 of 4 workers are alive, 2 busy, last progress 1m0s ago"},
		{"a worker less, which may be", "workers", processing(&status.Process{Workers: status.Workers{Configured: 4, Alive: 3}}), Request{Crit: atLeast(3)}, nagios.OK, ""},
		{"in hand", "queue", processing(&status.Process{Waiting: 59, Workers: status.Workers{Busy: 2}}), Request{}, nagios.Warning, "61 snapshots in "},
		{"long", "queue", processing(&status.Process{Waiting: 121}), Request{}, nagios.Critical, ""},
		{"a warning alone", "queue", processing(&status.Process{Waiting: 121}), Request{Warn: above(60)}, nagios.Warning, ""},
		{"old", "age", processing(&status.Process{Waiting: 1, Oldest: 121}), Request{}, nagios.Warning, "the oldest of 1 snapshot in "},
		{"very old", "age", processing(&status.Process{Waiting: 1, Oldest: 601}), Request{}, nagios.Critical, " is 10m1s old"},

		{"the spool can't be read", "workers", unread, Request{}, nagios.Unknown, ": permission denied; 4 of 4 workers are alive"},
		{"the spool can't be read", "process", unread, Request{}, nagios.Unknown, "haproxystats-process can't read "},
		{"the spool can't be read", "queue", unread, Request{}, nagios.Unknown, "can't read "},
		{"the spool can't be read", "age", unread, Request{}, nagios.Unknown, "can't read "},
		{"the spool can't be read", "sink", unread, Request{}, nagios.Unknown, "can't read "},

		{"no sink", "sink", processing(&status.Process{}), Request{}, nagios.Unknown, "there is no sink"},
		{"waits", "sink", processing(&status.Process{Sinks: []status.Sink{{Name: "a", Reachable: true, Queue: &status.Queue{Batches: 7, Age: 70}}}}), Request{}, nagios.Warning, "a is up, 7 batches wait, the oldest of 1m10s ago"},
		{"down longer than what waits", "sink", processing(&status.Process{Sinks: []status.Sink{{Name: "a", Down: 300, Queue: &status.Queue{Batches: 1, Age: 10}}}}), Request{}, nagios.Critical, "a has been down for 11m40s"},
		{"a refused batch", "sink", processing(&status.Process{Sinks: []status.Sink{{Name: "a", Reachable: true, Queue: &status.Queue{Batches: 1, Refused: 1}}}}), Request{}, nagios.Warning, "1 batches refused, 0 files unreadable"},
		{"an unreadable file", "sink", processing(&status.Process{Sinks: []status.Sink{{Name: "a", Reachable: true, Queue: &status.Queue{Unreadable: 2}}}}), Request{}, nagios.Warning, "0 batches refused, 2 files unreadable"},
		{"down without a queue", "sink", processing(&status.Process{Sinks: []status.Sink{{Name: "a", Down: 900, Cause: "refused"}}}), Request{}, nagios.Warning, "a has been down for 1m40s (refused)"},
		{"down with a long cause", "sink", processing(&status.Process{Sinks: []status.Sink{{Name: "a", Down: 900, Cause: strings.Repeat("word ", 47) + "böse end"}}}), Request{}, nagios.Warning, " word word ..."},
		{"verified", "sink", verified(status.Verified{Behind: 300}), Request{}, nagios.OK, "a is up"},
		{"behind", "sink", verified(status.Verified{Behind: 301}), Request{}, nagios.Warning, "but verify-url shows nothing of the last 5m1s"},
		{"far behind", "sink", verified(status.Verified{Behind: 901}), Request{}, nagios.Critical, ""},
		{"no answer for a moment", "sink", verified(status.Verified{Failing: 900, Cause: "refused"}), Request{}, nagios.OK, "verify-url has not answered for 1m40s"},
		{"no answer", "sink", verified(status.Verified{Failing: 600, Cause: "refused"}), Request{}, nagios.Warning, "verify-url has not answered for 6m40s (refused)"},
		{"no answer for long", "sink", verified(status.Verified{Failing: 50, Cause: "refused"}), Request{}, nagios.Critical, ""},
		{"one of two", "sink", processing(&status.Process{Sinks: []status.Sink{{Name: "a", Down: 100}, {Name: "b", Reachable: true}}}), Request{Sink: "b"}, nagios.OK, "b is up"},
		{"the worse of two", "sink", processing(&status.Process{Sinks: []status.Sink{{Name: "a", Reachable: true}, {Name: "b", Down: 930}}}), Request{}, nagios.Warning, "a is up; b has been down for 1m10s"},
	} {
		i := Installation{PullSocket: "s", ProcessSocket: "s", SrcDir: t.TempDir(), DstDir: t.TempDir(), Patience: time.Minute, Ask: says(c.says)}
		got := run(c.mode, i, c.r)
		if got.Status != c.want || !strings.Contains(got.Text, c.text) || got.Name != strings.ToUpper(c.mode) {
			t.Errorf("%s, %s: %v %v: %s", c.mode, c.name, got.Name, got.Status, got.Text)
		}
	}
}

// TestSinkConfirmsNothing has haproxystats-pull store snapshots that do not reach the sink,
// as with a src-dir that is not dst-dir.
func TestSinkConfirmsNothing(t *testing.T) {
	stores := func(stored status.Time) *status.Pull { return &status.Pull{Interval: 20, Stored: stored} }
	sink := func(confirmed status.Time) *status.Process {
		return &status.Process{Sinks: []status.Sink{{Name: "a", Reachable: true, Confirmed: confirmed}}}
	}
	sporadic := func(p *status.Process) *status.Process {
		p.Sinks[0].Sporadic = true
		return p
	}
	later := func(d status.Document) status.Document {
		d.Started = 950
		return d
	}
	for _, c := range []struct {
		name          string
		pull, process status.Document
		want          nagios.Status
		text          string
	}{
		{"confirms", pulling(stores(990)), processing(sink(940)), nagios.OK, "last confirmed 1m0s ago"},
		{"silent for 3 rounds", pulling(stores(990)), processing(sink(939)), nagios.Warning, "but has confirmed nothing for 1m1s, though haproxystats-pull stores snapshots: set dst-dir"},
		{"silent for 10 rounds", pulling(stores(990)), processing(sink(799)), nagios.Critical, "for 3m21s"},
		{"silent since its start", pulling(stores(990)), processing(sink(0)), nagios.Critical, "for 10m0s"},
		{"silent because nothing happens", pulling(stores(990)), processing(sporadic(sink(0))), nagios.OK, "a is up"},
		{"pull has just started", later(pulling(stores(990))), processing(sink(0)), nagios.OK, "a is up"},
		{"process has just started", pulling(stores(990)), later(processing(sink(0))), nagios.OK, "a is up"},
		{"nothing is stored", pulling(stores(900)), processing(sink(0)), nagios.OK, "a is up"},
		{"pull does not answer", status.Document{}, processing(sink(0)), nagios.OK, "a is up"},
	} {
		ask := func(_ context.Context, path string) (status.Document, error) {
			if path == "pull" {
				return c.pull, nil
			}
			return c.process, nil
		}
		i := Installation{PullSocket: "pull", ProcessSocket: "process", Patience: time.Minute, Ask: ask}
		if got := run("sink", i, Request{}); got.Status != c.want || !strings.Contains(got.Text, c.text) {
			t.Errorf("%s: got %v %q, want %v with %q", c.name, got.Status, got.Text, c.want, c.text)
		}
	}
}

// TestConfigurationChanged has programs that run with another configuration.
func TestConfigurationChanged(t *testing.T) {
	d := pulling(&status.Pull{Interval: 10, Stored: 995})
	d.ConfigSHA256 = "aa"
	for _, c := range []struct {
		name string
		i    Installation
		r    Request
		mode string
		want nagios.Status
		told bool
	}{
		{"the same", Installation{PullSHA256: "aa", ProcessSHA256: "bb"}, Request{}, "pull", nagios.OK, false},
		{"another", Installation{PullSHA256: "bb"}, Request{}, "pull", nagios.Warning, true},
		{"not known", Installation{}, Request{}, "pull", nagios.OK, false},
		{"a plugin of 0.5", Installation{PullSHA256: "bb"}, Request{Plain: true}, "pull", nagios.OK, true},
		{"a container", Installation{PullSHA256: "bb", First: "haproxystats-pull"}, Request{}, "container", nagios.OK, true},
	} {
		c.i.PullSocket, c.i.Patience, c.i.Ask = "s", time.Minute, says(d)
		got := run(c.mode, c.i, c.r)
		if told := strings.Contains(got.Text, "runs with a configuration other than"); got.Status != c.want || told != c.told {
			t.Errorf("%s: got %v %q, want %v and told %v", c.name, got.Status, got.Text, c.want, c.told)
		}
	}
}

// TestTimesAreRounded has times whose difference in floating point is not a whole number of
// milliseconds. The difference is rounded for the output, and not for the comparison.
func TestTimesAreRounded(t *testing.T) {
	d := pulling(&status.Pull{Interval: 10, Stored: 1785331200.137})
	d.Now, d.Started = 1785331202.101, 1785331200.973
	silence := float64(d.Since(d.Pull.Stored))
	if silence == 1.964 {
		t.Fatal("these times prove nothing")
	}
	i := Installation{PullSocket: "s", Patience: time.Minute, Ask: says(d)}
	for limit, want := range map[float64]nagios.Status{silence: nagios.OK, math.Nextafter(silence, 0): nagios.Warning} {
		var out strings.Builder
		got := run("pull", i, Request{Warn: above(limit)})
		if err := got.Write(&out, false); err != nil || got.Status != want {
			t.Errorf("%v: %v: %s", err, got.Status, out.String())
		}
		for _, part := range []string{"up 1.128s, last snapshot stored 1.964s ago", "'silence'=1.964s;", "'uptime'=1.128s;;;0"} {
			if !strings.Contains(out.String(), part) {
				t.Errorf("%q is not in %s", part, out.String())
			}
		}
	}
}

// TestContainer checks that the check of a container gives the result of the program's own
// check.
func TestContainer(t *testing.T) {
	for first, c := range map[string]struct {
		mode string
		says []status.Document
	}{
		"haproxystats-pull": {"pull", []status.Document{
			pulling(&status.Pull{Interval: 10, Stored: 995}), pulling(&status.Pull{Interval: 10, Stored: 700}),
		}},
		"haproxystats-process": {"workers", []status.Document{
			processing(&status.Process{Workers: status.Workers{Configured: 2, Alive: 2}}), processing(&status.Process{Workers: status.Workers{Configured: 2, Alive: 1}}),
		}},
	} {
		for n, want := range []nagios.Status{nagios.OK, nagios.Critical} {
			i := Installation{PullSocket: "s", ProcessSocket: "s", Patience: time.Minute, First: first, Ask: says(c.says[n])}
			got, same := run("container", i, Request{}), run(c.mode, i, Request{})
			same.Name = "CONTAINER"
			if got.Status != want || !reflect.DeepEqual(got, same) {
				t.Errorf("%s: %+v, want %+v", first, got, same)
			}
		}
	}
	for _, first := range []string{"", "docker-init", "haproxystats", "bash"} {
		i := Installation{PullSocket: "s", ProcessSocket: "s", Patience: time.Minute, First: first, Ask: says(pulling(&status.Pull{Stored: 1000}))}
		got := run("container", i, Request{})
		want := fmt.Sprintf("process 1 is %q: expected haproxystats-pull, haproxystats-process or haproxystats-central: ", first)
		if got.Status != nagios.Unknown || !strings.HasPrefix(got.Text, want) {
			t.Errorf("%v: %s, want %s", got.Status, got.Text, want)
		}
	}
}

// TestByLock has programs that do not answer, and locks that show whether they run.
func TestByLock(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "in")
	w, err := spool.OpenWriter(spool.WriterOptions{Dir: dir, Tmp: dir + ".tmp"})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	i := Installation{
		PullSocket: "p", ProcessSocket: "q", SrcDir: dir, DstDir: dir, Interval: 10 * time.Second, Patience: time.Minute, User: "user me",
		Ask: func(context.Context, string) (status.Document, error) { return status.Document{}, syscall.ECONNREFUSED },
	}
	pid := fmt.Sprint("(pid ", os.Getpid(), ")")
	want := func(mode string, r Request, s nagios.Status, text string) {
		t.Helper()
		if got := run(mode, i, r); got.Status != s || !strings.Contains(got.Text, text) {
			t.Errorf("%s: %v: %s", mode, got.Status, got.Text)
		}
	}
	want("pull", Request{}, nagios.Unknown, "haproxystats-pull is running "+pid+", because it has the lock of "+dir+", but gives no status: no program answers at p; whether it has stored a snapshot is not known")
	want("pull", Request{Plain: true}, nagios.OK, "not known")
	want("pull", Request{Crit: above(1)}, nagios.Unknown, "not known")
	want("process", Request{}, nagios.Critical, "haproxystats-process is not running: no process has the lock of "+dir)
	want("sockets", Request{}, nagios.Unknown, "runs "+pid+", but its status can't be read: no program answers at p")
	for age, s := range map[time.Duration]nagios.Status{time.Second: nagios.OK, 40 * time.Second: nagios.Warning, 200 * time.Second: nagios.Critical} {
		epoch := time.Now().Add(-age).Unix()
		d, err := w.Stage(epoch)
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Commit(snapshot.Round{}); err != nil {
			t.Fatal(err)
		}
		want("pull", Request{}, s, "; last snapshot stored ")
	}
	want("age", Request{}, nagios.Warning, "the oldest of 3 snapshots in "+dir+" is 3m2")
	want("queue", Request{}, nagios.OK, "3 snapshots in "+dir+", counted by listing it: no program answers at q")

	i.PullSocket, i.DstDir = "", filepath.Join(t.TempDir(), "none")
	want("pull", Request{}, nagios.Critical, "is not running")
	want("queue", Request{Filled: true}, nagios.Unknown, i.DstDir+" does not exist")
}

// TestHangs has a program that accepts connections and sends nothing. It holds its lock, but
// does not count as running.
func TestHangs(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "in")
	w, err := spool.OpenWriter(spool.WriterOptions{Dir: dir, Tmp: dir + ".tmp"})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	r, err := spool.OpenReader(spool.ReaderOptions{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for _, cause := range []error{context.DeadlineExceeded, syscall.EAGAIN} {
		i := Installation{
			PullSocket: "p", ProcessSocket: "q", SrcDir: dir, DstDir: dir, Interval: 10 * time.Second, Patience: time.Minute,
			Ask: func(context.Context, string) (status.Document, error) {
				return status.Document{}, fmt.Errorf("ask: %w", cause)
			},
		}
		for _, mode := range []string{"process", "workers", "pull", "sink", "sockets"} {
			if got := run(mode, i, Request{}); got.Status != nagios.Critical || !strings.Contains(got.Text, " does not answer at ") {
				t.Errorf("%s, %v: %v: %s", mode, cause, got.Status, got.Text)
			}
		}
		if got := run("queue", i, Request{}); got.Status != nagios.OK || !strings.Contains(got.Text, "counted by listing it: haproxystats-process does not answer at ") {
			t.Errorf("queue, %v: %v: %s", cause, got.Status, got.Text)
		}
	}
}

// TestUnknownIsNotTold checks that the text leaves out values that are not known yet.
func TestUnknownIsNotTold(t *testing.T) {
	i := Installation{ProcessSocket: "s", Patience: time.Minute, Ask: says(processing(&status.Process{
		Workers: status.Workers{Configured: 1, Alive: 1}, Sinks: []status.Sink{{Name: "a", Reachable: true}},
	}))}
	for mode, want := range map[string]string{"workers": "1 of 1 workers are alive, 0 busy", "sink": "a is up"} {
		if got := run(mode, i, Request{}); got.Text != want {
			t.Errorf("%s: %s, want %s", mode, got.Text, want)
		}
	}
	for pid, want := range map[int]string{7: " (pid 7)", 0: "", -1: ""} { // of a lock in another PID namespace, or of an open file
		if got := byPID(pid); got != want {
			t.Errorf("%d: %q, want %q", pid, got, want)
		}
	}
}

// output is the first line with its metrics, and of the check all a line for each part.
var output = regexp.MustCompile(`\A[A-Z]+ (OK|WARNING|CRITICAL|UNKNOWN): [^|\n]+( \|( '([^'=\n|]|'')+'=-?[0-9.]+(s|c|B)?[0-9;.~:@-]*)+)?\n([A-Z]+ (OK|WARNING|CRITICAL|UNKNOWN): [^|\n]+\n)*\z`)

// FuzzModes makes every check with any document.
func FuzzModes(f *testing.F) {
	for _, name := range []string{"pull", "process"} {
		text, err := os.ReadFile("../status/testdata/" + name + ".json")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Add(`{"format": 1, "program": "haproxystats-process", "state": "running", "process": {"sinks": [{"name": "'=|", "down": -1e300}]}}`)
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text string) {
		d, err := status.Decode(strings.NewReader(text))
		if err != nil {
			return
		}
		i := Installation{PullSocket: "s", ProcessSocket: "s", SrcDir: dir, DstDir: dir, Interval: time.Second, Patience: time.Minute, Ask: says(d)}
		for _, m := range Modes() {
			i.First = d.Program
			var out strings.Builder
			if err := m.Run(t.Context(), i, Request{}).Write(&out, false); err != nil || !output.MatchString(out.String()) {
				t.Errorf("%v: %q", err, out.String())
			}
			if lines := strings.Count(out.String(), "\n"); (lines > 1) != (m.Name == All) {
				t.Errorf("%s: got %d lines", m.Name, lines)
			}
		}
	})
}

// TestAllAsksOnce: every program is asked once for all checks.
func TestAllAsksOnce(t *testing.T) {
	var mu sync.Mutex
	asked := make(map[string]int)
	i := Installation{
		PullSocket: "pull", ProcessSocket: "process", SrcDir: t.TempDir(), DstDir: t.TempDir(), KeepsTotals: true, Patience: time.Minute,
		Central: Central{Socket: "central", Configured: true, Kafka: true, Window: func(string) (_, _ time.Duration) { return }},
		Ask: func(_ context.Context, path string) (status.Document, error) {
			mu.Lock()
			defer mu.Unlock()
			asked[path]++
			switch path {
			case "pull":
				return pulling(&status.Pull{Workers: &status.HAProxyWorkers{}, Last: &status.Round{}}), nil
			case "process":
				return processing(&status.Process{Sinks: []status.Sink{{Name: "a", Reachable: true}}}), nil
			}
			return status.Document{
				Program: "haproxystats-central", State: status.Running,
				Process: &status.Process{Sinks: []status.Sink{{Name: "a", Reachable: true}}}, Central: &status.Central{},
			}, nil
		},
	}
	got := run(All, i, Request{})
	var names []string
	for _, p := range got.Parts {
		names = append(names, strings.ToLower(p.Name))
	}
	var want []string
	for _, m := range Modes() {
		if m.Name != All && m.Name != Container {
			want = append(want, m.Name)
		}
	}
	slices.Sort(names)
	slices.Sort(want)
	if !slices.Equal(names, want) {
		t.Errorf("got the checks %q, want %q", names, want)
	}
	if fmt.Sprint(asked) != "map[central:1 process:1 pull:1]" {
		t.Errorf("got %v questions, want one for each program", asked)
	}
	labels := make(map[string]bool)
	for _, m := range got.Metrics {
		if labels[m.Label] {
			t.Errorf("two metrics are called %s", m.Label)
		}
		labels[m.Label] = true
	}
}

// verified returns the document of a sink that works and is verified.
func verified(v status.Verified) status.Document {
	return processing(&status.Process{Sinks: []status.Sink{{Name: "a", Reachable: true, Verified: &v}}})
}
