package status

import (
	"errors"
	"fmt"
	"math"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"haproxystats/internal/snapshot"
)

func pullDocument() Document {
	return Document{
		Format: Format, Program: "haproxystats-pull", Version: "1.0.0", PID: 42, Now: 1795335143.5, Started: 1795335000, State: Running,
		LogMessagesDropped: 5,
		Pull: &Pull{
			Interval: 10, Begun: 1795335142, Stored: 1795335142.25, StoredEpoch: 1795335142, Waiting: 3,
			Rounds: Rounds{Stored: 14, Partial: 1, Dropped: 2, Skipped: 3, Missed: 4}, Missed: 1795335100,
			Last: &Round{
				Outcome: "partial", Ended: 1795335142.25, Duration: 0.25, Skew: 0.001, Sockets: 4, Failed: 1,
				Failures: []snapshot.Failure{{Socket: "/run/haproxy/a.sock", Cause: "reset"}},
			},
			Workers: &HAProxyWorkers{
				Held: 5, Old: 2, OldConns: 30, OldestAge: 3600.5, Reloads: 6, Restarts: 7, Crashes: 12, FailedReloads: 11, SecondsUnaccounted: 8, RequestsUnaccounted: 9, AccountsFailed: 10,
				FailedReload: 1795335110, Crash: 1795335115, AccountFailed: 1795335120,
			},
		},
	}
}

func processDocument() Document {
	return Document{
		Format: Format, Program: "haproxystats-process", Version: "1.0.0", PID: 43, Now: 1795335143.5, Started: 1795335000, State: Ending,
		Process: &Process{
			Workers: Workers{4, 3, 2}, Progress: 1795335143, Done: 14, Last: "1795335142", Waiting: 3, Oldest: 20.5, Retries: 5, Corrupt: 6,
			BadRows: 7, DuplicateSockets: 8, ProcessesMissing: 9,
			Sinks: []Sink{
				{
					Name: "graphite", Down: 1795335100, Cause: "refused", Confirmed: 1795335099, Batches: 1, Metrics: 2, Bytes: 3,
					Failures: 4, Skipped: 5, Queue: &Queue{1, 2, 3, 44.5, 5, 6, 7, 8, 9},
					Verified: &Verified{Newest: 1795335090, Age: 53.5, Behind: 9, Asked: 1795335100, Failing: 1795335110, Cause: "refused"},
				},
				{Name: "local-store", Reachable: true, Confirmed: 1795335143},
			},
		},
	}
}

// TestGolden holds the form of the document fast, which others read.
func TestGolden(t *testing.T) {
	for name, d := range map[string]Document{"pull": pullDocument(), "process": processDocument()} {
		var out strings.Builder
		if err := d.Encode(&out); err != nil {
			t.Fatal(err)
		}
		file := "testdata/" + name + ".json"
		if os.Getenv("UPDATE_GOLDEN") != "" {
			if err := os.WriteFile(file, []byte(out.String()), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), out.String()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", file, diff)
		}
		got, err := Decode(strings.NewReader(out.String()))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(d, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestEncodeCuts has a round in which everything fails with long words.
func TestEncodeCuts(t *testing.T) {
	d := pullDocument()
	d.Pull.Last.Cause = strings.Repeat("ä", 1000)
	d.Pull.Last.Failures = nil
	for i := range 10000 {
		d.Pull.Last.Failures = append(d.Pull.Last.Failures, snapshot.Failure{Socket: fmt.Sprint("/s", i), Cause: strings.Repeat("x", 1000)})
	}
	before := len(d.Pull.Last.Failures)
	var out strings.Builder
	if err := d.Encode(&out); err != nil {
		t.Fatal(err)
	}
	got, err := Decode(strings.NewReader(out.String()))
	if err != nil || out.Len() > 32<<10 {
		t.Fatalf("%d bytes: %v", out.Len(), err)
	}
	last := got.Pull.Last
	if len(last.Failures) != maxFailures || last.Failures[31].Socket != "/s31" || len(last.Failures[0].Cause) != maxText+3 {
		t.Errorf("%d failures, the first %+v", len(last.Failures), last.Failures[0])
	}
	if last.Cause != strings.Repeat("ä", maxText/2)+"..." {
		t.Errorf("cause %q", last.Cause)
	}
	if len(d.Pull.Last.Failures) != before {
		t.Error("the document of the caller was changed")
	}
	p := processDocument()
	p.Process.Sinks[0].Cause = strings.Repeat("y", 1000)
	out.Reset()
	if err := p.Encode(&out); err != nil || strings.Count(out.String(), "y") > maxText+20 || len(p.Process.Sinks[0].Cause) != 1000 {
		t.Errorf("%d bytes: %v", out.Len(), err)
	}
}

func TestDecodeRefuses(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"nothing":       {"", "unexpected end"},
		"no JSON":       {"HTTP/1.1 400 Bad Request\r\n", "invalid character"},
		"two":           {`{"format": 1, "state": "starting"} {}`, "invalid character"},
		"other type":    {`{"format": 1, "pid": "x"}`, "cannot unmarshal"},
		"no part":       {`{"format": 1, "state": "running"}`, "lacks the part"},
		"both parts":    {`{"format": 1, "state": "running", "pull": {}, "process": {}}`, "or has that of another"},
		"no format":     {`{"program": "haproxystats-pull"}`, "another format: 0"},
		"later format":  {`{"format": 2, "pid": "x"}`, "another format: 2, and only 1 is known here: use the check and the program of one version"},
		"endless":       {`{"format": 1, "version": "` + strings.Repeat("x", maxDocument) + `"}`, "longer than"},
		"not a number":  {`{"format": 1, "state": "starting", "now": NaN}`, "invalid character"},
		"beyond floats": {`{"format": 1, "state": "starting", "now": 1e999}`, "cannot unmarshal"},
	} {
		_, err := Decode(strings.NewReader(c.text))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
		if format := strings.Contains(c.want, "format"); format != errors.Is(err, ErrFormat) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if d, err := Decode(strings.NewReader(`{"format": 1, "state": "starting", "new": [1]}`)); err != nil || d.State != Starting {
		t.Errorf("%+v, %v", d, err)
	}
}

func TestTimes(t *testing.T) {
	if got := At(time.UnixMilli(1795335122_257)); got != 1795335122.257 {
		t.Error(got)
	}
	if At(time.Time{}) != 0 {
		t.Error("no time is a time")
	}
	if got := For(1234567 * time.Microsecond); got != 1.235 {
		t.Error(got)
	}
	d := Document{Now: 100}
	if d.Since(98.5) != 1.5 || d.Since(101) != 0 || d.Since(0) != 100 {
		t.Error(d.Since(98.5), d.Since(101), d.Since(0))
	}
}

// TestClockSetBack: the ages in a document stay right.
func TestClockSetBack(t *testing.T) {
	read := time.Unix(10_000, 0)
	for _, c := range []struct {
		name     string
		now      int64
		age      time.Duration
		at, want float64
	}{
		{"as it was", 10_060, time.Minute, 10_000, 60},
		{"set back", 4_060, time.Minute, 4_000, 60},
		{"set back a little", 10_059, time.Minute, 10_000, 59},
		{"set on, or the machine slept", 20_000, time.Minute, 10_000, 10_000},
	} {
		now := time.Unix(c.now, 0)
		got := at(read, now, c.age)
		if age := (Document{Now: at(now, now, 0)}).Since(got); got != Time(c.at) || age != Seconds(c.want) {
			t.Errorf("%s: got %v and the age %v, want %v and %v", c.name, got, age, c.at, c.want)
		}
	}
	if got := At(time.Time{}); got != 0 {
		t.Errorf("got %v for never, want 0", got)
	}
}

// TestTimesAreWrittenShort has any times: what is written of them has no more
// digits than a clock has told.
func TestTimesAreWrittenShort(t *testing.T) {
	d := pullDocument()
	for n := range int64(1000) {
		now := time.UnixMilli(1785331200_000 + n*7919)
		d.Now, d.Pull.Stored = At(now), At(now.Add(-time.Duration(n)*time.Millisecond))
		d.Pull.Last.Duration = For(time.Duration(n*1000003) * time.Microsecond)
		var out strings.Builder
		if err := d.Encode(&out); err != nil {
			t.Fatal(err)
		}
		if long := longNumber.FindString(out.String()); long != "" {
			t.Fatalf("%s in %s", long, out.String())
		}
	}
}

// longNumber is one with more than three decimals, or with an exponent.
var longNumber = regexp.MustCompile(`: -?[0-9]+(\.[0-9]{4,}|[.0-9]*[eE])`)

func FuzzDecode(f *testing.F) {
	for _, name := range []string{"pull", "process"} {
		text, err := os.ReadFile("testdata/" + name + ".json")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Add(`{"format": 1, "state": "starting"}`)
	f.Add(`{"format": 2}`)
	f.Fuzz(func(t *testing.T, text string) {
		d, err := Decode(strings.NewReader(text))
		if err != nil {
			return
		}
		if d.Format != Format || math.IsNaN(float64(d.Now)) || math.IsInf(float64(d.Now), 0) || d.State == Running && d.Pull == nil && d.Process == nil {
			t.Errorf("%+v", d)
		}
		var out strings.Builder
		if err := d.Encode(&out); err != nil {
			t.Fatal(err)
		}
		again, err := Decode(strings.NewReader(out.String()))
		if err != nil {
			t.Fatalf("%v: %s", err, out.String())
		}
		var twice strings.Builder
		if err := again.Encode(&twice); err != nil || twice.String() != out.String() && out.Len() < maxText {
			t.Errorf("%s became %s", out.String(), twice.String())
		}
	})
}
