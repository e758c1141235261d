package events

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"haproxystats/internal/snapshot"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// line returns an event of that number.
func line(n int) string {
	return fmt.Sprintf(`{"id":"lb1/haproxy/100-1/%d","time":%d,"seen":%d,"node":"lb1","kind":"gap","exact":true}`, n, 1795890000+n, 1795890000+n)
}

// holding returns a snapshot with these events; none makes one without the file.
func holding(lines ...string) snapshot.Snapshot {
	files := snapshot.Memory{}
	if len(lines) > 0 {
		files[snapshot.EventsName] = []byte(strings.Join(lines, "\n") + "\n")
	}
	return snapshot.Snapshot{Epoch: 1795890000, Files: files}
}

func file(dir string, keep int, most int64) *File {
	return NewFile(FileOptions{Name: "events-file", Path: filepath.Join(dir, "events.json"), MaxBytes: most, Keep: keep, Kinds: Kinds{"*"}})
}

// contents returns what the files have, the oldest first.
func contents(t testing.TB, dir string) (text string, files int) {
	t.Helper()
	for n := 1000; n >= 0; n-- {
		name := "events.json"
		if n > 0 {
			name = fmt.Sprintf("%s.%d", name, n)
		}
		data, err := os.ReadFile(filepath.Join(dir, name))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		text += string(data)
		files++
	}
	return text, files
}

func deliver(t testing.TB, s interface {
	DeliverSnapshot(context.Context, snapshot.Snapshot) error
}, lines ...string,
) {
	t.Helper()
	if err := s.DeliverSnapshot(t.Context(), holding(lines...)); err != nil {
		t.Fatal(err)
	}
}

func TestFile(t *testing.T) {
	dir := t.TempDir()
	s := file(dir, 5, 1<<20)
	deliver(t, s)
	if _, n := contents(t, dir); n != 0 {
		t.Errorf("got %d files without an event, want none", n)
	}
	deliver(t, s, line(1), line(2))
	deliver(t, s, line(1), line(2)) // the snapshot comes again
	deliver(t, s, line(2), line(3), line(3))
	deliver(t, s, line(4), "what")
	want := line(1) + "\n" + line(2) + "\n" + line(3) + "\n"
	if got, _ := contents(t, dir); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	status := s.Status()
	if status.Metrics != 3 || status.Batches != 2 || status.Bytes != int64(len(want)) || status.Skipped != 1 || !status.Health.Down.IsZero() {
		t.Errorf("got %+v, want 3 events of 2 batches, and one damaged file", status)
	}
	info, err := os.Stat(filepath.Join(dir, "events.json"))
	if err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("got mode %v (%v), want 0640", info.Mode(), err)
	}
}

func TestFileChoosesKinds(t *testing.T) {
	dir := t.TempDir()
	s := file(dir, 5, 1<<20)
	s.opt.Kinds = Kinds{"*_state"}
	deliver(t, s, gap, down)
	if got, _ := contents(t, dir); got != down+"\n" {
		t.Errorf("got %q, want the server's state only", got)
	}
}

func TestFileKnowsItsEventsAfterARestart(t *testing.T) {
	dir := t.TempDir()
	deliver(t, file(dir, 5, 200), line(1), line(2)) // the next one goes to a new file
	deliver(t, file(dir, 5, 200), line(3))
	// The program is killed in the middle of a line, before the snapshot is removed.
	f, err := os.OpenFile(filepath.Join(dir, "events.json"), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(line(4)[:30]); err != nil {
		t.Fatal(err)
	}
	f.Close()
	deliver(t, file(dir, 5, 200), line(1), line(2), line(3), line(4))
	want := ""
	for n := range 4 {
		want += line(n+1) + "\n"
	}
	if got, _ := contents(t, dir); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestFileIsRotated(t *testing.T) {
	for _, keep := range []int{0, 1, 3} {
		dir := t.TempDir()
		s := file(dir, keep, 2*int64(len(line(10))+1))
		for n := 10; n < 30; n++ {
			deliver(t, s, line(n))
		}
		got, files := contents(t, dir)
		want := ""
		for n := 30 - 2*(keep+1); n < 30; n++ {
			want += line(n) + "\n"
		}
		if got != want || files != keep+1 {
			t.Errorf("keep %d: got %d files with\n%s\nwant %d with\n%s", keep, files, got, keep+1, want)
		}
	}
}

func TestFileIsRotatedByAge(t *testing.T) {
	dir := t.TempDir()
	l := logFile{path: filepath.Join(dir, "events.json"), maxBytes: 1 << 20, maxAge: time.Hour, keep: 5}
	begin := time.Unix(1795890000+1, 0)
	for n, at := range []time.Duration{0, 59 * time.Minute, time.Hour, 90 * time.Minute} {
		if n == 2 { // a restart takes the time of the first line from the file
			l.begun = time.Time{}
		}
		if err := l.append([]byte(line(n+1)+"\n"), begin.Add(at)); err != nil {
			t.Fatal(err)
		}
	}
	data, err := os.ReadFile(l.path)
	if want := line(3) + "\n" + line(4) + "\n"; err != nil || string(data) != want {
		t.Errorf("got %q (%v), want %q", data, err, want)
	}
}

// TestRotationThatIsKilled checks that no file is lost when a rotation ends in the middle.
func TestRotationThatIsKilled(t *testing.T) {
	dir := t.TempDir()
	for name, n := range map[string]int{"events.json.4": 1, "events.json.3": 2, "events.json.1": 3, "events.json": 4} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(line(n)+"\n"), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	deliver(t, file(dir, 4, 100), line(5))
	want := ""
	for n := range 5 {
		want += line(n+1) + "\n"
	}
	if got, files := contents(t, dir); got != want || files != 5 {
		t.Errorf("got %d files with\n%s\nwant 5 with\n%s", files, got, want)
	}
}

func TestFileThatCantBeWritten(t *testing.T) {
	for name, c := range map[string]struct {
		prepare func(t *testing.T, path string)
		want    string
	}{
		"no directory": {func(t *testing.T, path string) { os.Remove(filepath.Dir(path)) }, "make the directory"},
		"a directory":  {func(t *testing.T, path string) { os.Mkdir(path, 0o750) }, "not a regular file"},
		"a link":       {func(t *testing.T, path string) { os.Symlink("/dev/null", path) }, "not a regular file"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "events")
			if err := os.Mkdir(dir, 0o750); err != nil {
				t.Fatal(err)
			}
			s := file(dir, 5, 1<<20)
			c.prepare(t, s.opt.Path)
			err := s.DeliverSnapshot(t.Context(), holding(line(1)))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got error %v, want %q in it", err, c.want)
			}
			if status := s.Status(); status.Failures != 1 || status.Health.Down.IsZero() || status.Health.Cause == nil {
				t.Errorf("got %+v, want one failure with its cause", status)
			}
		})
	}
}

// TestFileThatCantBeSynced checks that what could not be made durable is not in the file
// twice.
func TestFileThatCantBeSynced(t *testing.T) {
	dir := t.TempDir()
	s := file(dir, 5, 1<<20)
	s.file.sync = (*os.File).Sync
	deliver(t, s, line(1))
	s.file.sync = func(*os.File) error { return errors.New("no disk") }
	if err := s.DeliverSnapshot(t.Context(), holding(line(2))); err == nil {
		t.Fatal("got no error")
	}
	s.file.sync = (*os.File).Sync
	deliver(t, s, line(2))
	if got, _ := contents(t, dir); got != line(1)+"\n"+line(2)+"\n" {
		t.Errorf("got %q, want each event once", got)
	}
}

// TestFileHasEachEventOnce delivers snapshots again and again, and restarts the program
// with its last line torn.
func TestFileHasEachEventOnce(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		dir, err := os.MkdirTemp("", "events")
		if err != nil {
			r.Fatal(err)
		}
		defer os.RemoveAll(dir)
		s := file(dir, 1000, rapid.Int64Range(1, 1000).Draw(r, "bytes"))
		want, next, known := "", 0, []string(nil)
		for range rapid.IntRange(1, 30).Draw(r, "steps") {
			switch rapid.IntRange(0, 3).Draw(r, "step") {
			case 0: // the last snapshots come again
				deliver(t, s, known[max(0, len(known)-3):]...)
			case 1: // killed in the middle of a line, whose snapshot comes again below
				path := s.opt.Path
				if f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0); err == nil {
					_, _ = f.WriteString(line(next)[:rapid.IntRange(0, 40).Draw(r, "torn")])
					f.Close()
				}
				s = file(dir, 1000, s.opt.MaxBytes)
			default:
				var lines []string
				for range rapid.IntRange(1, 3).Draw(r, "events") {
					lines = append(lines, line(next))
					want += line(next) + "\n"
					next++
				}
				deliver(t, s, lines...)
				known = append(known, lines...)
			}
		}
		deliver(t, s, line(next))
		want += line(next) + "\n"
		if got, _ := contents(t, dir); got != want {
			r.Fatalf("got\n%s\nwant\n%s", got, want)
		}
	})
}
