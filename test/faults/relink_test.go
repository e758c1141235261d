package faults

import (
	"maps"
	"os"
	"testing"
	"time"

	"haproxystats/test/faults/harness"
	"haproxystats/test/real"
)

// TestLinkWhilePulling puts a link in the place of a directory of the queue while
// pull is at work: rounds are dropped until the directory is back, and nothing
// changes where the link leads.
func TestLinkWhilePulling(t *testing.T) {
	for _, place := range []string{"incoming", "incoming.tmp"} {
		t.Run(place, func(t *testing.T) {
			t.Parallel()
			row := harness.Begin(t, place+" becomes a link while pull works", "0 followed; resumes within one interval")
			s := harness.NewSite(t)
			src := s.Source(harness.Shape{})
			graphite := s.Graphite(src)
			conf := s.Configure(harness.Config{Source: src, Port: graphite.Port()})
			outside := newOutside(s, src)
			before := outside.content()
			dir, away := s.Path("base", place), s.Path("base", "away")
			pull := s.Start(harness.Pull, conf)
			// A watch loses sight of a directory that is moved: pull's log tells.
			another := func() time.Duration {
				start, had := time.Now(), len(said(s, pull))
				s.Until("a snapshot", harness.EndLimit, func() bool { return len(said(s, pull)) > had })
				return time.Since(start)
			}
			for range harness.Count(1, 20) {
				another()
				told := len(pull.Lines("round", dir, "not a directory. Move it away"))
				pull.Freeze() // else it makes the directory anew in between
				s.Must(os.Rename(dir, away), os.Symlink(outside.dir, dir))
				pull.Thaw()
				s.Until("pull to tell of the link", harness.EndLimit, func() bool {
					return len(pull.Lines("round", dir, "not a directory. Move it away")) > told
				})
				pull.Freeze()
				s.Must(os.Remove(dir), os.Rename(away, dir))
				pull.Thaw()
				if took := another(); took > real.Loaded(interval+time.Second) {
					t.Errorf("a snapshot came %v after the directory was back", took)
				}
				row.Inject(1)
			}
			if after := outside.content(); !maps.Equal(before, after) {
				t.Errorf("outside was\n%q\nand is\n%q", before, after)
			}
			pull.End(stopSignal)
			epochs := said(s, pull)
			process := s.Start(harness.Process, conf)
			s.Must(graphite.Received.WaitWhole(s.Ctx, epochs...))
			process.End(stopSignal)
			finding := graphite.Received.Compare(epochs, nil)
			if finding.Bad() {
				t.Errorf("%v: %q", finding, finding.Details)
			}
			row.Result("%v", finding)
			s.NoLeaks(s.Base())
		})
	}
}
