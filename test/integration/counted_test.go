package integration

import (
	"fmt"
	"strings"
	"testing"

	"haproxystats/internal/haproxysim"
)

// TestWhatIsCountedArrives pulls from a fleet that has worked, and compares
// what arrives at Graphite with what the members say themselves.
func TestWhatIsCountedArrives(t *testing.T) {
	eachFleet(t, func(s *site, f *fleet) {
		s.must(f.work(s.ctx))
		before := s.naive(f.ask(s))
		connected, err := f.connections(s.ctx)
		s.must(err)
		snapshot := s.pullOnce("pull", f)
		reconnected, err := f.connections(s.ctx)
		s.must(err)
		after := s.naive(f.ask(s))

		for _, m := range f.members {
			if n := reconnected[m.name] - connected[m.name]; n != 1 {
				s.t.Errorf("%s got %d connections in a round, want 1", m.name, n)
			}
		}
		classic := s.only(s.process("classic", "classic", snapshot))
		s.compare("classic, of the files", classic, s.naive(s.read(snapshot, f)))
		s.within("classic, by the members", classic, before, after, f.drifts)
		s.checkSelf(classic)
		for path, n := range f.known {
			if classic[path] != n {
				s.t.Errorf("%s is %v after work worth %v", path, classic[path], n)
			}
		}

		all := s.only(s.process("all", "all", snapshot))
		s.within("all metrics", all, classic, classic, func(path string) bool { return strings.HasPrefix(path, "haproxystats.") })
		s.checkSelf(all)
		if len(all) <= len(classic) {
			s.t.Errorf("%d metrics in all, %d classic ones: newer fields are missing", len(all), len(classic))
		}
	})
}

// TestWhatIsRecordedArrives compares what arrives of recordings of more
// versions, alone and met in one snapshot.
func TestWhatIsRecordedArrives(t *testing.T) {
	sets := map[string][]string{
		"1.6.0-nbproc4":   {"recordings/1.6.0-nbproc4/1795335509"},
		"1.8.0-nbproc4":   {"golden/1.8.0-nbproc4/snapshot/1795335006"},
		"3.2.0-zlib-rich": {"recordings/3.2.0-zlib-rich/1795337158"},
		"met": {
			"recordings/1.6.0-nbproc4/1795335509", "golden/2.6.12-multi3/snapshot/1795335122",
			"golden/2.4.0-single/snapshot/1795335356", "recordings/3.4.0-single/1795335820",
		},
	}
	for name, snapshots := range sets {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			all := make(map[string]haproxysim.Recording)
			for i, snapshot := range snapshots {
				for socket, r := range recordings(s, snapshot) {
					all[fmt.Sprintf("%d-%s", i, socket)] = r
				}
			}
			f, _ := simUnix(s, all)
			want := s.naive(f.ask(s))
			got := s.only(s.process("classic", "classic", s.pullOnce("pull", f)))
			s.compare("classic", got, want)
			s.checkSelf(got)
		})
	}
}
