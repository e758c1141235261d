package reply

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"testing/iotest"

	"haproxystats/internal/snapshot"
)

func TestAddressed(t *testing.T) {
	const header = "# pxname,svname,scur,last_chk,type,addr,\n"
	for _, c := range []struct {
		name, text, want string
		hidden           int
	}{
		{"servers", header + "app,s1,1,ok,2,10.0.0.1:80,\napp,BACKEND,1,,1,,\nwww,FRONTEND,1,,0,,\n\n", header + "app,10.0.0.1:80,1,ok,2,10.0.0.1:80,\napp,BACKEND,1,,1,,\nwww,FRONTEND,1,,0,,\n\n", 0},
		{"commas in quotes", header + "app,s1,1,\"a,2,\"\"b\",2,[::1]:80,\n", header + "app,[::1]:80,1,\"a,2,\"\"b\",2,[::1]:80,\n", 0},
		{"hidden", header + "app,s1,1,,2,,\n", header + "app,s1,1,,2,,\n", 1},
		{"no column", "# pxname,svname,type,\napp,s1,2,\n", "# pxname,svname,type,\napp,s1,2,\n", 0},
		{"short row", header + "app,s1\n", header + "app,s1\n", 0},
		{"last of the row", "# pxname,svname,type,addr\napp,s1,2,a\n", "# pxname,svname,type,addr\napp,a,2,a\n", 0},
		{"no end of line", header + "app,s1,1,,2,a", header + "app,a,1,,2,a", 0},
		{"empty", "", "", 0},
		{"long line", header + strings.Repeat("x", 200_000) + "\n", header + strings.Repeat("x", 200_000) + "\n", 0},
	} {
		a := &Addressed{FS: fstest.MapFS{"a_stat": {Data: []byte(c.text)}, "a_info": {Data: []byte(c.text)}}}
		for file, want := range map[string]string{"a_stat": c.want, "a_info": c.text} {
			f, err := a.Open(file)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(iotest.OneByteReader(f))
			if err != nil || string(got) != want {
				t.Errorf("%s, %s: got %q, %v, want %q", c.name, file, got, err, want)
			}
			if err := f.Close(); err != nil {
				t.Error(err)
			}
		}
		if a.Hidden != c.hidden {
			t.Errorf("%s: got %d hidden, want %d", c.name, a.Hidden, c.hidden)
		}
	}
}

// TestAddressedRecording: what is not the name of a server stays.
func TestAddressedRecording(t *testing.T) {
	dirs, err := filepath.Glob("../../testdata/recordings/*/*")
	if err != nil || len(dirs) == 0 {
		t.Fatal("no recordings", err)
	}
	for _, dir := range dirs {
		a := &Addressed{FS: os.DirFS(dir)}
		entries, err := fs.ReadDir(a, ".")
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if !strings.HasSuffix(e.Name(), snapshot.StatSuffix) {
				continue
			}
			got, err := fs.ReadFile(a, e.Name())
			if err != nil {
				t.Fatal(err)
			}
			want, err := os.ReadFile(filepath.Join(dir, e.Name()))
			if err != nil {
				t.Fatal(err)
			}
			lines, before := strings.Split(string(got), "\n"), strings.Split(string(want), "\n")
			if len(lines) != len(before) {
				t.Fatalf("%s: got %d lines, want %d", e.Name(), len(lines), len(before))
			}
			for i := range lines {
				was, is := strings.Split(before[i], ","), strings.Split(lines[i], ",")
				if len(was) > 1 && len(is) > 1 {
					was[1], is[1] = "", ""
				}
				if strings.Join(was, ",") != strings.Join(is, ",") {
					t.Errorf("%s, line %d: got %q, want only another name than %q", e.Name(), i, lines[i], before[i])
				}
			}
		}
	}
}
