package faults

import (
	"os"
	"regexp"
	"strconv"
	"syscall"
	"testing"
	"time"

	"haproxystats/test/faults/harness"
)

const noneTwice = "0 incomplete, 0 lost, 0 twice; no round but those that another one delayed is missing"

// missedRounds matches how many rounds a message of pull says were missed.
var missedRounds = regexp.MustCompile(`missed=(\d+)`)

// TestReloadConfiguration sends SIGUSR1 to both programs at random moments while snapshots
// are made and delivered. The configurations differ in what the programs must close and
// open again for, and some are refused or can't be used.
func TestReloadConfiguration(t *testing.T) {
	t.Parallel()
	row := harness.Begin(t, "SIGUSR1 to pull and process, with changed, refused and unusable configurations", noneTwice)
	random := harness.Random(t)
	s := harness.NewSite(t)
	src := s.Source(harness.Shape{Sockets: 3})
	graphite := s.Graphite(src)
	watch := s.WatchQueue(s.Incoming())
	config := func(set harness.Options) string {
		return s.Configure(harness.Config{Source: src, Port: graphite.Port(), LocalStore: true, Set: set})
	}
	occupied := s.Path("occupied")
	s.Must(os.WriteFile(occupied, nil, 0o640))
	good := []string{
		config(nil),
		config(harness.Options{"process": {"workers": "2"}, "pull": {"workers": "2", "hold-workers": "no"}}),
		config(harness.Options{"graphite": {"retries": "2", "confirm-hold": "0"}, "pull": {"events": "no"}}),
		config(harness.Options{"graphite": {"confirm": "drain"}, "process": {"liveness-check-interval": "2"}, "pull": {"max-events": "3", "timeout": "0.9"}}),
	}
	bad := []string{
		config(harness.Options{"process": {"workers": "many"}, "pull": {"workers": "many"}}),
		config(harness.Options{"graphite": {"queue-dir": occupied}, "pull": {"buffer-limit": "none"}}),
	}
	conf := s.Path("now.conf")
	put := func(from string) {
		text, err := os.ReadFile(from)
		s.Must(err, os.WriteFile(conf+".new", text, 0o640), os.Rename(conf+".new", conf))
	}
	put(good[0])
	process := s.Start(harness.Process, conf)
	pull := s.Start(harness.Pull, conf)
	first := watch.WaitCame(1).Epoch

	reloads := harness.Count(30, 1000)
	refused := 0
	for i := range reloads {
		if i%5 == 4 {
			put(bad[random.IntN(len(bad))])
			refused++
		} else {
			put(good[random.IntN(len(good))])
		}
		for _, p := range []*harness.Program{process, pull} {
			s.Must(p.Signal(syscall.SIGUSR1))
		}
		row.Inject(1)
		done := i + 1
		for _, p := range []*harness.Program{process, pull} {
			s.Until("the reloads of "+p.Name, time.Minute, func() bool {
				return len(p.Lines("configuration reloaded"))+len(p.Lines("configuration is not reloaded")) == done
			})
		}
		s.Pause(time.Duration(random.Int64N(int64(600 * time.Millisecond))))
	}
	for _, p := range []*harness.Program{process, pull} {
		if got := len(p.Lines("configuration is not reloaded")); got != refused {
			t.Errorf("%s refused %d configurations, want %d", p.Name, got, refused)
		}
	}
	finding := s.Settle(harness.Settlement{
		Graphite: graphite, Queue: watch, Programs: []*harness.Program{pull, process}, LocalStore: true,
	})
	missed := 0
	for _, line := range pull.Lines("missed") {
		if found := missedRounds.FindStringSubmatch(line); found != nil {
			n, err := strconv.Atoi(found[1])
			s.Must(err)
			missed += n
		}
	}
	epochs := watch.Accepted()
	if gaps := int(epochs[len(epochs)-1]-first) + 1 - len(epochs); gaps > missed {
		t.Errorf("%d rounds are missing, want at most %d, which were missed because a round took long", gaps, missed)
	}
	row.Result("%v, %d rounds, %d missed", finding, len(epochs), missed)
}
