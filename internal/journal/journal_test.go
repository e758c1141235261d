package journal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func open(t interface {
	Helper()
	Fatal(...any)
}, o Options,
) (*Journal, []Record) {
	t.Helper()
	j, records, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	return j, records
}

// TestModel: after any appends, commits and starts, the journal has what was appended and
// not committed, in order, and the last mark.
func TestModel(t *testing.T) {
	base := t.TempDir()
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		o := Options{Dir: filepath.Join(base, fmt.Sprint(n))}
		j, _ := open(t, o)
		defer func() { j.Close() }()
		var want []string
		var records []Record
		var mark, last time.Time
		for i := range rapid.IntRange(0, 20).Draw(t, "steps") {
			switch rapid.IntRange(0, 3).Draw(t, "step") {
			case 0, 1:
				data := fmt.Sprint("record ", i)
				r, err := j.Append([]byte(data))
				if err != nil {
					t.Fatal(err)
				}
				if r.At.Before(last) {
					t.Errorf("the time %v is before %v", r.At, last)
				}
				last = r.At
				want, records = append(want, data), append(records, r)
			case 2:
				k := rapid.IntRange(0, len(want)).Draw(t, "done")
				mark = last
				if err := j.Commit(mark, records[:k]); err != nil {
					t.Fatal(err)
				}
				want, records = want[k:], records[k:]
			case 3:
				j.Close()
				j, records = open(t, o)
			}
		}
		j.Close()
		j, records = open(t, o)
		var got []string
		var size int64
		for _, r := range records {
			data, err := j.Read(r)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, string(data))
			size += int64(len(data))
		}
		if fmt.Sprint(got) != fmt.Sprint(want) || !j.Mark().Equal(mark) || j.Bytes() != size {
			t.Errorf("got %q, mark %v, %d bytes, want %q, %v, %d", got, j.Mark(), j.Bytes(), want, mark, size)
		}
	})
}

// TestClockBack: a clock that is set back does not set the log back.
func TestClockBack(t *testing.T) {
	o := Options{Dir: filepath.Join(t.TempDir(), "j")}
	j, _ := open(t, o)
	ahead := time.Now().Add(time.Hour)
	if got := j.Now(ahead); !got.Equal(ahead) {
		t.Errorf("got %v, want %v", got, ahead)
	}
	r, err := j.Append([]byte("x"))
	if err != nil || !r.At.Equal(ahead) {
		t.Errorf("got %v, %v, want a record at %v", r.At, err, ahead)
	}
	j.Close()
	j, _ = open(t, o)
	defer j.Close()
	if got := j.Now(time.Now()); !got.Equal(ahead) {
		t.Errorf("after a start: got %v, want %v", got, ahead)
	}
}

// TestBounds: the journal refuses what it has no room for, and takes more when there is.
func TestBounds(t *testing.T) {
	j, _ := open(t, Options{Dir: filepath.Join(t.TempDir(), "j"), MaxBytes: 10})
	defer j.Close()
	r, err := j.Append([]byte("12345678"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := j.Append([]byte("123")); !errors.Is(err, ErrFull) {
		t.Errorf("got %v, want ErrFull", err)
	}
	if err := j.Commit(r.At, []Record{r}); err != nil {
		t.Fatal(err)
	}
	if _, err := j.Append([]byte("123")); err != nil {
		t.Errorf("after a commit: got %v, want room", err)
	}
}

// TestStrange: what is not the journal's stays, what an earlier process began goes, and
// only one process uses the directory.
func TestStrange(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "j")
	if err := os.MkdirAll(filepath.Join(dir, name(time.Unix(1, 0), 1)), 0o750); err != nil {
		t.Fatal(err)
	}
	os.WriteFile(filepath.Join(dir, "README"), nil, 0o640)
	os.WriteFile(filepath.Join(dir, "000000000007.tmp"), nil, 0o640)
	os.Symlink("/etc/passwd", filepath.Join(dir, name(time.Unix(2, 0), 2)))
	j, records := open(t, Options{Dir: dir})
	defer j.Close()
	if len(records) != 0 {
		t.Errorf("got %v, want no records", records)
	}
	if _, err := os.Stat(filepath.Join(dir, "000000000007.tmp")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the beginning of a record: got %v, want it removed", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "README")); err != nil {
		t.Errorf("a strange file: got %v, want it there", err)
	}
	if _, _, err := Open(Options{Dir: dir}); err == nil || !strings.Contains(err.Error(), "another process uses it") {
		t.Errorf("a second process: got %v, want a refusal", err)
	}
	r, err := j.Append([]byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(filepath.Join(dir, r.name)); err != nil || info.Mode().Perm()&^0o640 != 0 {
		t.Errorf("got %v, %v, want a file of at most mode 0640", info, err)
	}
}

// TestMark: a mark that can't be read ends the start with a remedy.
func TestMark(t *testing.T) {
	dir := t.TempDir()
	os.WriteFile(filepath.Join(dir, markName), []byte("yesterday\n"), 0o640)
	if _, _, err := Open(Options{Dir: dir}); err == nil || !strings.Contains(err.Error(), "remove the file") {
		t.Errorf("got %v, want a remedy", err)
	}
}

// FuzzParse: a name that is parsed is what its record is called.
func FuzzParse(f *testing.F) {
	f.Add(name(time.Unix(0, 1), 2))
	f.Add("00000000000000000001-000000000002.record")
	f.Fuzz(func(t *testing.T, n string) {
		if r, number, ok := parse(n); ok && name(r.At, number) != n {
			t.Errorf("got %v and %d of %q, whose name is %q", r.At, number, n, name(r.At, number))
		}
	})
}
