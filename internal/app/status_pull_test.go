package app

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"haproxystats/internal/config"
	"haproxystats/internal/pull"
	"haproxystats/internal/snapshot"
	"haproxystats/internal/status"
	"haproxystats/internal/workers"
)

func TestPullStatus(t *testing.T) {
	p := pullStatus{interval: 10 * time.Second}
	start := time.UnixMilli(1795335122_250)
	want := func(line string) {
		t.Helper()
		if got := p.String(); got != line {
			t.Errorf("%q, want %q", got, line)
		}
	}
	want("no snapshot stored yet, 0 waiting")
	p.RoundBegun(start)
	p.RoundEnded(start.Add(time.Second), pull.Result{Outcome: pull.Skipped, Cause: errors.New("full"), Waiting: 4})
	want("no snapshot stored yet, 4 waiting")
	p.RoundEnded(start.Add(2*time.Second), pull.Result{Outcome: pull.Stored, Epoch: 1795335122, Waiting: 5, Sockets: 3})
	want("last snapshot stored 1795335122, 1 stored, 5 waiting")
	p.RoundBegun(start.Add(20 * time.Second))
	p.RoundEnded(start.Add(21*time.Second), pull.Result{
		Outcome: pull.Partial, Epoch: 1795335142, Waiting: 6, Sockets: 3, HandOver: time.Second / 2,
		Round: snapshot.Round{Duration: time.Second, Skew: time.Millisecond, SocketsFailed: 2, Failures: []snapshot.Failure{
			{Socket: "/a", Cause: "reset"}, {Socket: "b:1", Cause: "refused"},
		}},
	})
	p.RoundsMissed(start.Add(30*time.Second), 2)
	want("last snapshot stored 1795335142 without 2 sockets, 2 stored, 6 waiting")

	var d status.Document
	p.tell(&d)
	last := &status.Round{
		Outcome: "partial", Ended: 1795335143.25, Duration: 1, Skew: 0.001, HandOver: 0.5, Sockets: 3, Failed: 2,
		Failures: []snapshot.Failure{{Socket: "/a", Cause: "reset"}, {Socket: "b:1", Cause: "refused"}},
	}
	told := status.Pull{
		Interval: 10, Begun: 1795335142.25, Stored: 1795335143.25, StoredEpoch: 1795335142, Waiting: 6,
		Rounds: status.Rounds{Stored: 2, Partial: 1, Skipped: 1, Missed: 2}, Missed: 1795335152.25, Last: last,
	}
	if diff := cmp.Diff(&told, d.Pull); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	p.RoundEnded(start.Add(40*time.Second), pull.Result{Outcome: pull.Dropped, Cause: errors.New("sockets have failed"), Sockets: 3})
	p.tell(&d)
	if got := d.Pull; got.Rounds.Dropped != 1 || got.Last.Cause != "sockets have failed" || got.StoredEpoch != 1795335142 {
		t.Errorf("%+v, last %+v", got, got.Last)
	}
}

// TestStatusOfWorkers counts what has happened to HAProxy's workers with each snapshot
// that is stored.
func TestStatusOfWorkers(t *testing.T) {
	p := &pullStatus{interval: 10 * time.Second}
	told := snapshot.Round{Workers: snapshot.Workers{Reloads: 1, Restarts: 2, Crashes: 7, FailedReloads: 6, SecondsUnaccounted: 3, RequestsUnaccounted: 4, AccountsFailed: 5}}
	now := time.Unix(1795335122, 0)
	p.RoundEnded(now, pull.Result{Outcome: pull.Stored, Epoch: 1795335122, Round: told})
	p.RoundEnded(now, pull.Result{Outcome: pull.Partial, Epoch: 1795335132, Round: told})
	p.RoundEnded(now, pull.Result{Outcome: pull.Dropped, Round: told}) // counted again with the next one
	p.held(workers.Held{Current: 3, Old: 2, Conns: 30, Oldest: time.Hour})
	var d status.Document
	p.tellWorkers(&d)
	want := &status.HAProxyWorkers{
		Held: 5, Old: 2, OldConns: 30, OldestAge: 3600,
		Reloads: 2, Restarts: 4, Crashes: 14, FailedReloads: 12, SecondsUnaccounted: 6, RequestsUnaccounted: 8, AccountsFailed: 10,
		FailedReload: status.At(now), Crash: status.At(now), AccountFailed: status.At(now),
	}
	if diff := cmp.Diff(want, d.Pull.Workers); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	p.RoundEnded(now, pull.Result{Outcome: pull.Stored, Round: snapshot.Round{Workers: snapshot.Workers{Reloads: 1}}})
	p.tellWorkers(&d)
	if got := d.Pull.Workers; got.FailedReload != 0 || got.Crash == 0 || got.AccountFailed == 0 {
		t.Errorf("after a good reload: got %+v, want no failed one, and the same crash and failed account", got)
	}
}

// TestNoKeeper goes on without totals if they can't be kept.
func TestNoKeeper(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o640); err != nil {
		t.Fatal(err)
	}
	for dir, message := range map[string]string{"": "", file: "no totals can be kept"} {
		var log bytes.Buffer
		k, end := openKeeper(&config.Pull{}, keeping{dir: dir, node: namedHost(new(config.Config))}, nil, slog.New(slog.NewTextHandler(&log, nil)))
		end()
		if k != nil || !strings.Contains(log.String(), message) || message == "" && log.Len() > 0 {
			t.Errorf("state-dir %q: got %v and the log %q", dir, k, log.String())
		}
	}
}

// TestStatusAfterTheRound has systemd know of a round as soon as it has ended.
func TestStatusAfterTheRound(t *testing.T) {
	var messages []string
	service, _ := told(0, func(m string) error {
		messages = append(messages, m)
		return nil
	})
	var o pull.Observer = roundObserver{new(pullStatus), service}
	o.RoundBegun(time.Unix(1795335122, 0))
	o.RoundEnded(time.Unix(1795335123, 0), pull.Result{Outcome: pull.Stored, Epoch: 1795335122})
	if want := []string{"STATUS=last snapshot stored 1795335122, 1 stored, 0 waiting"}; !cmp.Equal(messages, want) {
		t.Errorf("got %q, want %q", messages, want)
	}
}
