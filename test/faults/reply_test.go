package faults

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"haproxystats/internal/haproxysim"
	"haproxystats/test/faults/harness"
)

// TestReplyIsCut has sockets end their replies after any number of bytes, many
// sockets a round and each at another byte; what one says in whole is kept.
func TestReplyIsCut(t *testing.T) {
	t.Parallel()
	row := harness.Begin(t, "reply truncated or reset at any byte", "100 % detected")
	const sockets = 60 // the first is well
	s := harness.NewSite(t)
	src := s.Source(harness.Shape{Sockets: sockets})
	info, stat := src.Shape.Replies(1, 1)
	// Other sockets and rounds have other digits, so their replies may be shorter.
	// The last bytes are cut in the tests of package haproxy.
	const varies = 32
	size := len(info) + len(stat) - varies
	conf := s.Configure(harness.Config{Source: src, Set: harness.Options{"pull": {"on-partial": "keep"}}})
	watch := s.WatchQueue(s.Incoming())

	// Every cut, by a close and by a reset.
	var cuts []haproxysim.Fault
	step := harness.Count(size/(sockets-1)+1, 1)
	for at := 0; at < size; at += step {
		cuts = append(cuts, haproxysim.Fault{Kind: haproxysim.Cut, At: at}, haproxysim.Fault{Kind: haproxysim.Reset, At: at})
	}
	prepare := func(from int) (n int) {
		for n = range sockets - 1 {
			f := haproxysim.Fault{Kind: haproxysim.Drop}
			if from+n < len(cuts) {
				f = cuts[from+n]
			}
			src.Socket(n + 1).SetFault(f)
		}
		return n + 1
	}
	tried := prepare(0)
	pull := s.Start(harness.Pull, conf)
	want := []string{"p1.sock_info", "p1.sock_stat"}
	for rounds := 1; ; rounds++ {
		came := watch.WaitCame(rounds)
		// The next round is a second away.
		next := tried
		if tried < len(cuts) {
			next += prepare(tried)
		}
		dir := filepath.Join(s.Incoming(), strconv.FormatInt(came.Epoch, 10))
		names, err := filepath.Glob(filepath.Join(dir, "[^.]*"))
		s.Must(err)
		for i := range names {
			names[i] = filepath.Base(names[i])
		}
		if !slices.Equal(names, want) {
			t.Errorf("with cuts %v, the snapshot holds %q", cuts[max(0, tried-sockets+1):min(tried, len(cuts))], names)
		}
		s.Must(os.RemoveAll(dir))
		if tried >= len(cuts) {
			break
		}
		tried = next
	}
	row.Inject(len(cuts))
	pull.End(stopSignal)
	s.NoLeaks(s.Base())
}

// TestReplyIsNone has a socket answer with anything but a reply, and wants the
// round dropped in time and the next one to be well.
func TestReplyIsNone(t *testing.T) {
	t.Parallel()
	const timeout = 500 * time.Millisecond
	row := harness.Begin(t, "reply empty, an error, endless, never there", "100 % detected; round at most pull-timeout + 50 ms; memory at most buffer-limit a socket + 64 MB")
	s := harness.NewSite(t)
	src := s.Source(harness.Shape{})
	graphite := s.Graphite(src)
	conf := s.Configure(harness.Config{Source: src, Port: graphite.Port(), Set: harness.Options{
		"pull": {"pull-timeout": fmt.Sprint(timeout.Seconds())},
	}})
	watch := s.WatchQueue(s.Incoming())
	process := s.Start(harness.Process, conf)
	pull := s.Start(harness.Pull, conf)
	faults := map[string]haproxysim.Fault{
		"empty":         {Kind: haproxysim.Drop},
		"text":          {Kind: haproxysim.Text, Text: "Permission denied"},
		"hangs at once": {Kind: haproxysim.Stall},
		"hangs":         {Kind: haproxysim.Stall, At: 300},
		"endless":       {Kind: haproxysim.Endless},
	}
	// The log is kept for a while only, so the last line is what tells.
	last := func() string {
		lines := pull.Lines("round dropped")
		if len(lines) == 0 {
			return ""
		}
		return lines[len(lines)-1]
	}
	var slowest time.Duration
	for range harness.Count(1, 50) {
		for name, fault := range faults {
			came := watch.WaitCame(len(watch.Arrivals()) + 1)
			before := last()
			src.Socket(1).SetFault(fault)
			s.Until("a dropped round: "+name, 10*time.Second, func() bool { return last() != before })
			src.Socket(1).SetFault(haproxysim.Fault{})
			row.Inject(1)
			line := last()
			took := logged(t, line)
			slowest = max(slowest, took)
			if limit := longest(pull, timeout); took > limit {
				t.Errorf("%s: the round took %v, want at most %v: %s", name, took, limit, line)
			}
			if accepted := watch.Accepted(); accepted[len(accepted)-1] != came.Epoch {
				t.Errorf("%s: a snapshot came out of a round that was dropped", name)
			}
		}
	}
	const limit = 2*6291456 + 64<<20 // two sockets with the default buffer-limit
	if _, peak := pull.Memory(); peak > limit {
		t.Errorf("pull took %d MB of memory, want at most %d", peak>>20, limit>>20)
	} else {
		row.Result("%d MB of memory", peak>>20)
	}
	row.Result("slowest round %v", slowest)
	row.Result("%v", s.Settle(harness.Settlement{
		Graphite: graphite, Queue: watch, Programs: []*harness.Program{pull, process},
	}))
}

var duration = regexp.MustCompile(`duration=(\S+)`)

// logged returns the duration in a line of the log.
func logged(t *testing.T, line string) time.Duration {
	t.Helper()
	match := duration.FindStringSubmatch(line)
	if match == nil {
		t.Fatalf("no duration in %q", line)
	}
	d, err := time.ParseDuration(match[1])
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestReplyIsHuge has a socket answer with a reply that is far longer than what
// may be kept in memory.
func TestReplyIsHuge(t *testing.T) {
	row := harness.Begin(t, "huge reply", "memory at most buffer-limit a socket + 64 MB")
	const buffer, more = 1 << 20, 64 << 20
	size := harness.Count(60<<20, 400<<20)
	s := harness.NewSite(t)
	src := s.Source(harness.Shape{Sockets: 1})
	conf := s.Configure(harness.Config{Source: src, Set: harness.Options{
		"pull": {"pull-timeout": "60", "buffer-limit": strconv.Itoa(buffer), "pull-interval": "100"},
	}})
	line := "be1,s1," + strings.Repeat("1,", 4) + strings.Repeat("9", 1000) + ",2,\n"
	src.Socket(0).SetEdit(func(info, stat []byte) ([]byte, []byte) {
		header, _, _ := bytes.Cut(stat, []byte("\n"))
		return info, slices.Concat(header, []byte("\n"), bytes.Repeat([]byte(line), size/len(line)), []byte("\n"))
	})
	watch := s.WatchQueue(s.Incoming())
	pull := s.Start(harness.Pull, conf)
	came := watch.WaitCame(1)
	_, peak := pull.Memory()
	if peak > buffer+more {
		t.Errorf("a reply of %d MB took %d MB of memory, want at most %d", size>>20, peak>>20, (buffer+more)>>20)
	}
	info, err := os.Stat(filepath.Join(s.Incoming(), strconv.FormatInt(came.Epoch, 10), "p1.sock_stat"))
	s.Must(err)
	if info.Size() < int64(size-len(line)) {
		t.Errorf("%d bytes arrived of %d", info.Size(), size)
	}
	row.Inject(1)
	row.Result("%d MB in %d MB of memory", size>>20, peak>>20)
	pull.End(stopSignal)
}
