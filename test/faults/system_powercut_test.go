package faults

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"haproxystats/test/faults/harness"
)

// stored matches what pull says once a snapshot is handed over for good: its
// files, their directory, and the queue are fsynced.
var stored = regexp.MustCompile(`msg="snapshot stored" .*\bsnapshot=([0-9]+)`)

// said returns the times of the snapshots that pull says it has stored.
func said(s *harness.Site, pull *harness.Program) (epochs []int64) {
	s.T.Helper()
	for _, m := range stored.FindAllStringSubmatch(pull.Output(), -1) {
		epoch, err := strconv.ParseInt(m[1], 10, 64)
		s.Must(err)
		epochs = append(epochs, epoch)
	}
	return epochs
}

// TestPowerCut copies, at any moment, the image of the disk that both programs
// work on: what is only in memory is not in the copy. Everything that pull has
// called stored before must come out of the copy in whole, from the queue or
// from process's own, and what else does must be whole, too.
//
// Pull has a disk for itself, too, because what one program makes durable takes
// along what the other has written.
func TestPowerCut(t *testing.T) {
	t.Run("pull", func(t *testing.T) { powerCuts(t, "power cut, pull alone", false) })
	t.Run("both", func(t *testing.T) { powerCuts(t, "power cut, both programs", true) })
}

func powerCuts(t *testing.T, fault string, both bool) {
	t.Parallel()
	row := harness.Begin(t, fault, "no disk with an incomplete or vanished accepted snapshot")
	need(t, "e2fsprogs", "mount")
	random := harness.Random(t)
	s := harness.NewSite(t)
	src := s.Source(harness.Shape{Sockets: 4, Servers: 20})
	// The image is in memory, so that a copy takes a moment only.
	disks := s.Path("disks")
	mountTmpfs(s, disks, "size=128m")
	image, cut := filepath.Join(disks, "image"), filepath.Join(disks, "cut")
	s.Must(os.WriteFile(image, nil, 0o600), os.Truncate(image, 32<<20))
	run(s, "mkfs.ext4", "-q", "-F", image)
	mountImage(s, image, s.Base())
	s.Must(os.Remove(filepath.Join(s.Base(), "lost+found")))

	// Graphite is away: process moves snapshots from the queue between the
	// programs to its own, on the same disk.
	away := s.Graphite(src)
	away.Kill()
	conf := s.Configure(harness.Config{Source: src, Port: away.Port(), LocalStore: true})
	watch := s.WatchQueue(s.Incoming())
	if both {
		s.Start(harness.Process, conf)
	}
	pull := s.Start(harness.Pull, conf)

	snapshots := 0
	for n := range harness.Count(2, 100) {
		if n%2 == 0 {
			s.Pause(time.Duration(random.Int64N(int64(time.Second))))
		} else {
			// Soon after a rename most is still in the making.
			watch.WaitCame(watch.Count() + 1)
			s.Pause(time.Duration(random.Int64N(int64(30 * time.Millisecond))))
		}
		accepted := said(s, pull)
		run(s, "cp", "--sparse=always", image, cut)
		row.Inject(1)
		snapshots += len(accepted)
		t.Run(strconv.Itoa(n), func(t *testing.T) { afterPowerCut(t, src, cut, accepted, watch.Accepted()) })
	}
	if snapshots == 0 {
		t.Error("no snapshot was accepted before any power cut")
	}
	row.Result("%d accepted snapshots on all disks", snapshots)
}

// afterPowerCut starts process on a disk after a power cut, with a Graphite
// that is there. Others than those accepted may have made it to the disk.
func afterPowerCut(t *testing.T, src *harness.Source, disk string, accepted, others []int64) {
	s := harness.NewSite(t)
	mountImage(s, disk, s.Base())
	graphite := s.Graphite(src)
	store := s.Mkdir("base", "local-store")
	process := s.Start(harness.Process, s.Configure(harness.Config{Port: graphite.Port(), LocalStore: true}))
	// What has vanished does not come; the comparison then tells what it is.
	s.Within(20*time.Second, func() bool {
		return graphite.Received.Whole(accepted...) && empty(s.Incoming()) && empty(filepath.Join(s.Base(), "queue", "graphite"))
	})
	process.End(syscall.SIGTERM)
	files := harness.NewReceived(src)
	s.Must(files.ReadStored(store))
	for sink, received := range map[string]*harness.Received{"Graphite": graphite.Received, "local-store": files} {
		want := slices.Clone(accepted)
		for _, epoch := range others {
			if received.Whole(epoch) && !slices.Contains(want, epoch) {
				want = append(want, epoch)
			}
		}
		if f := received.Compare(want, nil); f.Bad() {
			t.Errorf("%s: %v: %q", sink, f, f.Details)
		}
	}
}

// mountImage mounts an image of ext4 on a directory, until the test ends.
func mountImage(s *harness.Site, image, dir string) {
	s.T.Helper()
	s.Must(os.MkdirAll(dir, 0o750))
	run(s, "mount", "-o", "loop", image, dir)
	unmountAtEnd(s, dir)
}
