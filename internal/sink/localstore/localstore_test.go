package localstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"haproxystats/internal/encode/plaintext"
	"haproxystats/internal/metric"
	"haproxystats/internal/sink"
	"haproxystats/internal/sink/sinktest"
)

var paths = plaintext.Paths{Namespace: "loadbalancers", Hostname: "lb1"}

func lines(t testing.TB, b *metric.Batch) []byte {
	t.Helper()
	var out bytes.Buffer
	if _, err := plaintext.New(paths).Encode(&out, b); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func read(t *testing.T, dir string, epoch int64) []byte {
	t.Helper()
	got, err := os.ReadFile(filepath.Join(dir, fmt.Sprint(epoch), "stats"))
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestContract(t *testing.T) {
	sinktest.Test(t, func(t *testing.T) sinktest.Target {
		dir := filepath.Join(t.TempDir(), "store")
		return sinktest.Target{
			Open: func(*testing.T) (sink.Sink, func()) { return New(dir, paths), func() {} },
			// A file where the directory should be refuses root as well.
			Break: func(t *testing.T) {
				if err := errors.Join(os.RemoveAll(dir), os.WriteFile(dir, nil, 0o600)); err != nil {
					t.Fatal(err)
				}
			},
			Repair: func(t *testing.T) {
				if err := os.Remove(dir); err != nil {
					t.Fatal(err)
				}
			},
			Await: func(_ context.Context, b *metric.Batch) error {
				got, err := os.ReadFile(filepath.Join(dir, fmt.Sprint(b.Epoch), "stats"))
				if err == nil && !bytes.Equal(got, lines(t, b)) {
					err = fmt.Errorf("got %q", got)
				}
				return err
			},
		}
	})
}

func TestFilesAndModes(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	if err := New(dir, paths).Deliver(t.Context(), sinktest.Batch(1795335122)); err != nil {
		t.Fatal(err)
	}
	modes := map[string]fs.FileMode{
		".":                fs.ModeDir | 0o750,
		"1795335122":       fs.ModeDir | 0o750,
		"1795335122/stats": 0o640,
	}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(dir, path)
		info, err := d.Info()
		if err != nil {
			return err
		}
		if want, ok := modes[name]; !ok || info.Mode()&^0o027 != want&^0o027 || info.Mode()&^want != 0 {
			t.Errorf("%s has mode %v, want %v", name, info.Mode(), want)
		}
		delete(modes, name)
		return nil
	})
	if err != nil || len(modes) > 0 {
		t.Errorf("missing %v, %v", modes, err)
	}
}

func TestOverwritesWhatADeadProcessLeft(t *testing.T) {
	dir := t.TempDir()
	b := sinktest.Batch(7)
	sub := filepath.Join(dir, "7")
	if err := errors.Join(os.Mkdir(sub, 0o750),
		os.WriteFile(filepath.Join(sub, tempName), []byte("torn"), 0o640),
		os.WriteFile(filepath.Join(sub, "stats"), []byte("old"), 0o640)); err != nil {
		t.Fatal(err)
	}
	if err := New(dir, paths).Deliver(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	if got := read(t, dir, 7); !bytes.Equal(got, lines(t, b)) {
		t.Errorf("got %q", got)
	}
	if entries, _ := os.ReadDir(sub); len(entries) != 1 {
		t.Errorf("the directory holds %v", entries)
	}
}

func TestFollowsNoLink(t *testing.T) {
	for _, c := range []struct{ name, link string }{
		{"directory of the batch", "7"},
		{"temporary file", "7/" + tempName},
		{"file", "7/stats"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir, outside := t.TempDir(), t.TempDir()
			victim := filepath.Join(outside, "victim")
			if err := os.WriteFile(victim, []byte("untouched"), 0o600); err != nil {
				t.Fatal(err)
			}
			target := victim
			if c.link == "7" {
				target = outside
			} else if err := os.Mkdir(filepath.Join(dir, "7"), 0o750); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(target, filepath.Join(dir, c.link)); err != nil {
				t.Fatal(err)
			}
			err := New(dir, paths).Deliver(t.Context(), sinktest.Batch(7))
			if refused := err != nil; refused != (c.link == "7") {
				t.Errorf("error %v", err)
			}
			got, _ := os.ReadFile(victim)
			if entries, _ := os.ReadDir(outside); string(got) != "untouched" || len(entries) != 1 {
				t.Errorf("the link's target was written to: %q, %v", got, entries)
			}
		})
	}
}

func TestErrorNamesTheFileAndLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	// A directory in the file's place can't be replaced by a rename.
	if err := os.MkdirAll(filepath.Join(dir, "7", "stats"), 0o750); err != nil {
		t.Fatal(err)
	}
	s := New(dir, paths)
	err := s.Deliver(t.Context(), sinktest.Batch(7))
	if err == nil || !strings.Contains(err.Error(), "local-store") || !strings.Contains(err.Error(), "stats") {
		t.Errorf("error %v", err)
	}
	if entries, _ := os.ReadDir(filepath.Join(dir, "7")); len(entries) != 1 {
		t.Errorf("left behind: %v", entries)
	}
	if err := s.Deliver(t.Context(), sinktest.Batch(8)); err != nil {
		t.Errorf("the next batch: %v", err)
	}
}

func TestHints(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{&fs.PathError{Op: "write", Path: "stats", Err: fmt.Errorf("wrapped: %w", fs.ErrPermission)}, "owner and mode"},
		{errors.New("other"), "other"},
	} {
		if got := hinted(c.err); !errors.Is(got, c.err) || !strings.Contains(got.Error(), c.want) {
			t.Errorf("got %v", got)
		}
	}
}
