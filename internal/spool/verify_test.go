package spool

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"testing/synctest"

	"golang.org/x/sys/unix"

	"haproxystats/internal/durable"
	"haproxystats/internal/snapshot"
)

// described hands over an entry with two files and a manifest, and returns its
// path.
func described(t testing.TB, dir string) string {
	t.Helper()
	w := openWriterAt(t, dir, nil)
	d, err := w.Stage(1500000000)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"a_info": "Name: HAProxy\n\n", "a_stat": strings.Repeat("row\n", 50000) + "\n"} {
		f, err := d.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		for chunk := range slices.Chunk([]byte(text), 777) {
			if _, err := f.Write(chunk); err != nil {
				t.Fatal(err)
			}
		}
		f.Close()
	}
	if err := d.Commit(snapshot.Round{}); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "1500000000")
}

// readAll lists an entry, reads all that it lists, and returns the names without
// that of the claim.
func readAll(files fs.FS) (names []string, err error) {
	entries, err := fs.ReadDir(files, ".")
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if _, err := fs.ReadFile(files, e.Name()); err != nil {
			return names, err
		}
		if e.Name() != ".claim1" {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

func edit(t *testing.T, path string, change func([]byte) []byte) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path, change(b), durable.FileMode)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestDamage(t *testing.T) {
	tests := []struct {
		name   string
		damage func(t *testing.T, entry string)
		want   string
	}{
		{"cut", func(t *testing.T, entry string) {
			edit(t, entry+"/a_stat", func(b []byte) []byte { return b[:len(b)-1] })
		}, "a_stat: not what was handed over: it has 200000 bytes, not 200001"},
		{"emptied", func(t *testing.T, entry string) {
			edit(t, entry+"/a_stat", func(b []byte) []byte { return nil })
		}, "it has 0 bytes"},
		{"longer", func(t *testing.T, entry string) {
			edit(t, entry+"/a_info", func(b []byte) []byte { return append(b, '\n') })
		}, "a_info: not what was handed over: it has 16 bytes, not 15"},
		{"first bit", func(t *testing.T, entry string) {
			edit(t, entry+"/a_stat", func(b []byte) []byte { b[0] ^= 1; return b })
		}, "with CRC-32C"},
		{"last bit", func(t *testing.T, entry string) {
			edit(t, entry+"/a_stat", func(b []byte) []byte { b[len(b)-1] ^= 0x80; return b })
		}, "with CRC-32C"},
		{"blocks of zeros", func(t *testing.T, entry string) {
			edit(t, entry+"/a_stat", func(b []byte) []byte { clear(b[4096:8192]); return b })
		}, "with CRC-32C"},
		{"swapped", func(t *testing.T, entry string) {
			os.Rename(entry+"/a_info", entry+"/x")
			os.Rename(entry+"/a_stat", entry+"/a_info")
			os.Rename(entry+"/x", entry+"/a_stat")
		}, "bytes, not"},
		{"missing", func(t *testing.T, entry string) { os.Remove(entry + "/a_info") }, "a_info: not what was handed over: it is missing"},
		{"a link instead", func(t *testing.T, entry string) {
			os.Rename(entry+"/a_info", entry+"/.a")
			os.Symlink(".a", entry+"/a_info")
		}, "not a regular file"},
		{"manifest cut", func(t *testing.T, entry string) {
			edit(t, entry+"/.manifest", func(b []byte) []byte { return b[:len(b)/2] })
		}, "no end"},
		{"manifest emptied", func(t *testing.T, entry string) {
			edit(t, entry+"/.manifest", func(b []byte) []byte { return nil })
		}, "no end"},
		{"manifest of another", func(t *testing.T, entry string) {
			edit(t, entry+"/.manifest", func([]byte) []byte {
				b, err := snapshot.Manifest{Files: []snapshot.File{{Name: "a_info", Size: 15, CRC: 1}, {Name: "a_stat", Size: 200001, CRC: 1}}}.Append(nil)
				if err != nil {
					t.Fatal(err)
				}
				return b
			})
		}, "with CRC-32C"},
		{"endless manifest", func(t *testing.T, entry string) {
			if err := os.Truncate(entry+"/.manifest", 1<<40); err != nil {
				t.Fatal(err)
			}
		}, "more than 4194304 bytes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := queue(t)
			entry := described(t, dir)
			tt.damage(t, entry)
			synctest.Test(t, func(t *testing.T) {
				r := openReaderAt(t, dir, nil)
				for range maxTries {
					e := claim(t, r)
					_, err := readAll(e.FS())
					if !errors.Is(err, snapshot.ErrDamaged) || !strings.Contains(err.Error(), tt.want) {
						t.Fatalf("read: %v, want one with %q", err, tt.want)
					}
					e.Release(err)
				}
				if got := names(t, dir+".corrupt"); len(got) != 1 || r.Corrupt() != 1 {
					t.Errorf("corrupt holds %q, counts %d", got, r.Corrupt())
				}
			})
		})
	}
}

func TestManifestThatIsNoFile(t *testing.T) {
	dir := queue(t)
	entry := described(t, dir)
	os.Remove(filepath.Join(entry, snapshot.ManifestName))
	if err := unix.Mkfifo(filepath.Join(entry, snapshot.ManifestName), 0o600); err != nil {
		t.Fatal(err)
	}
	e := claim(t, openReaderAt(t, dir, nil))
	if _, err := readAll(e.FS()); !errors.Is(err, durable.ErrNotRegular) {
		t.Errorf("read: %v", err)
	}
	e.Postpone()
}

// TestUnverified reads what there is when nothing says what there should be.
func TestUnverified(t *testing.T) {
	for name, manifest := range map[string]func(path string) error{
		"none": os.Remove,
		"newer": func(path string) error {
			return os.WriteFile(path, []byte("haproxystats manifest 2\nunheard of"), durable.FileMode)
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := queue(t)
			entry := described(t, dir)
			if err := manifest(filepath.Join(entry, snapshot.ManifestName)); err != nil {
				t.Fatal(err)
			}
			edit(t, entry+"/a_stat", func(b []byte) []byte { return b[:7] })
			os.WriteFile(entry+"/b_info", nil, durable.FileMode)
			var log journal
			e := claim(t, openReaderAt(t, dir, log.logger()))
			got, err := readAll(e.FS())
			got = slices.DeleteFunc(got, snapshot.IsHidden)
			if want := []string{"a_info", "a_stat", "b_info"}; err != nil || !slices.Equal(got, want) {
				t.Errorf("read %q, %v, want %q", got, err, want)
			}
			if n := log.count("its writer is newer"); (n == 1) != (name == "newer") {
				t.Errorf("log:\n%s", &log)
			}
			commit(t, e)
		})
	}
}

// TestStrangeFiles sees nothing that was not handed over, and says so once.
func TestStrangeFiles(t *testing.T) {
	dir := queue(t)
	entry := described(t, dir)
	for _, name := range []string{"b_info", "b_stat", ".hidden_info"} {
		os.WriteFile(filepath.Join(entry, name), []byte("invented"), durable.FileMode)
	}
	os.Mkdir(filepath.Join(entry, "sub"), durable.DirMode)
	var log journal
	e := claim(t, openReaderAt(t, dir, log.logger()))
	files := e.FS()
	if err := fstest.TestFS(files, "a_info", "a_stat", snapshot.ManifestName); err != nil {
		t.Error(err)
	}
	got, err := readAll(e.FS())
	if want := []string{".hidden_info", snapshot.ManifestName, "a_info", "a_stat"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("read %q, %v, want %q", got, err, want)
	}
	if f, err := files.Open("b_info"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("open of what was not handed over: %v, %v", f, err)
	}
	log.buf.Reset()
	if _, err := readAll(e.FS()); err != nil || log.count("were not handed over") != 1 || log.count("b_info b_stat sub") != 1 {
		t.Errorf("%v, log:\n%s", err, &log)
	}
	commit(t, e)
}

// TestReadInPieces gets every byte, and the error of a damaged file at its end,
// however it is read.
func TestReadInPieces(t *testing.T) {
	dir := queue(t)
	entry := described(t, dir)
	want, err := os.ReadFile(entry + "/a_stat")
	if err != nil {
		t.Fatal(err)
	}
	e := claim(t, openReaderAt(t, dir, nil))
	for _, damaged := range []bool{false, true} {
		if damaged {
			edit(t, entry+"/a_stat", func(b []byte) []byte { b[9] ^= 1; return b })
		}
		for _, size := range []int{7, 4096, 200001, 1 << 20} {
			f, err := e.FS().Open("a_stat")
			if err != nil {
				t.Fatal(err)
			}
			var got []byte
			for p := make([]byte, size); err == nil; {
				var n int
				n, err = f.Read(p)
				got = append(got, p[:n]...)
			}
			f.Close()
			if errors.Is(err, io.EOF) == damaged || errors.Is(err, snapshot.ErrDamaged) != damaged || len(got) != len(want) || bytes.Equal(got, want) == damaged {
				t.Errorf("damaged %t, %d bytes at a time: %d bytes, %v", damaged, size, len(got), err)
			}
		}
	}
	e.Postpone()
}

// TestRemovedFile is neither there nor in the manifest.
func TestRemovedFile(t *testing.T) {
	dir := queue(t)
	w := openWriterAt(t, dir, nil)
	d, err := w.Stage(1)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a_info", "b_info"} {
		f, err := d.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		f.Write([]byte(name))
		f.Close()
	}
	if err := d.Remove("a_info"); err != nil {
		t.Error(err)
	}
	for _, name := range []string{"a_info", "never", "../1", snapshot.ManifestName} {
		if err := d.Remove(name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("remove %s: %v", name, err)
		}
	}
	if err := d.Commit(snapshot.Round{SocketsFailed: 1, Failures: []snapshot.Failure{{Socket: "a", Cause: "cut"}}}); err != nil {
		t.Fatal(err)
	}
	e := claim(t, openReaderAt(t, dir, nil))
	got, err := readAll(e.FS())
	if want := []string{snapshot.ManifestName, "b_info"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("read %q, %v, want %q", got, err, want)
	}
	b, err := fs.ReadFile(e.FS(), snapshot.ManifestName)
	if err != nil {
		t.Fatal(err)
	}
	if m, err := snapshot.ParseManifest(b); err != nil || m.Round.SocketsFailed != 1 || len(m.Files) != 1 {
		t.Errorf("manifest %+v, %v", m, err)
	}
	commit(t, e)
}
