package haproxy

import (
	"bytes"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// recordedReplies returns every recorded reply by its file's path.
func recordedReplies(t testing.TB) map[string][]byte {
	t.Helper()
	replies := make(map[string][]byte)
	for _, root := range []string{"../../testdata/recordings", "../../testdata/golden"} {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			if strings.HasSuffix(path, "_info") || strings.HasSuffix(path, "_stat") {
				replies[path], err = os.ReadFile(path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(replies) < 20 {
		t.Fatalf("%d recorded replies found, at least 20 wanted", len(replies))
	}
	return replies
}

func commandOf(path string) command {
	if strings.HasSuffix(path, "_info") {
		return showInfo
	}
	return showStat
}

// naiveEnd is what endMark does, byte by byte over the whole stream: the number
// of bytes up to the first empty line outside quoted fields, or -1.
func naiveEnd(p []byte, csv bool) int {
	quoted, fieldStart := false, true
	for i := 0; i < len(p); i++ {
		switch {
		case quoted:
			if p[i] == '"' {
				if i+1 < len(p) && p[i+1] == '"' {
					i++
				} else {
					quoted = false
				}
			}
			fieldStart = false
		case csv && p[i] == '"' && fieldStart:
			quoted = true
		case p[i] == '\n' && i > 0 && p[i-1] == '\n':
			return i + 1
		default:
			fieldStart = p[i] == ',' || p[i] == '\n'
		}
	}
	return -1
}

// scanIn feeds p in pieces of n bytes and returns what endMark finds.
func scanIn(p []byte, csv bool, n int) int {
	mark := endMark{csv: csv}
	for at := 0; at < len(p); at += n {
		if end := mark.scan(p[at:min(at+n, len(p))]); end >= 0 {
			return at + end
		}
	}
	return -1
}

func TestEndMarkInRecordings(t *testing.T) {
	for path, p := range recordedReplies(t) {
		csv := commandOf(path).csv
		for n := 1; n <= len(p); n++ {
			if end := scanIn(p, csv, n); end != len(p) {
				t.Fatalf("%s in pieces of %d: end after %d bytes, %d wanted", path, n, end, len(p))
			}
			if n > 64 {
				n += n / 8
			}
		}
		for cut := range len(p) {
			if end := scanIn(p[:cut], csv, 4096); end >= 0 {
				t.Fatalf("%s cut after %d bytes passes for whole", path, cut)
			}
		}
	}
}

func TestEndMark(t *testing.T) {
	for _, test := range []struct {
		name, stream string
		csv          bool
		whole        string
	}{
		{"info", "Name: HAProxy\nPid: 1\n\n# pxname", false, "Name: HAProxy\nPid: 1\n\n"},
		{"quotes mean nothing in info", "Name: \"a\n\n\"", false, "Name: \"a\n\n"},
		{"empty line in a field", "a,\"b\n\nc\",d\n\n", true, "a,\"b\n\nc\",d\n\n"},
		// HAProxy 2.6 with http-check expect ... on-success "%[str('a\"b')]%[str(\"x\n\ny\")]"
		{"as HAProxy quotes it", ",-1,\"a\"\"bx\n\ny\",,0,\n\n", true, ",-1,\"a\"\"bx\n\ny\",,0,\n\n"},
		{"doubled quotes before the end", "\"a\"\"\"\n\nrest", true, "\"a\"\"\"\n\n"},
		{"empty quoted field", "\"\",\"\"\n\n", true, "\"\",\"\"\n\n"},
		{"quoted field that is a row", "a\n\"b\"\nc\n\n", true, "a\n\"b\"\nc\n\n"},
		{"quote in the midst of a field", "a,5\" disk\n\n\"", true, "a,5\" disk\n\n"},
		{"no end", "a,b\n", true, ""},
		{"no end in a field", "a,\"b\n\n", true, ""},
		{"field closed by the last byte", "a,\"b\n\n\"", true, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			want := len(test.whole)
			if want == 0 {
				want = -1
			}
			for n := 1; n <= len(test.stream); n++ {
				if got := scanIn([]byte(test.stream), test.csv, n); got != want {
					t.Errorf("in pieces of %d: end after %d bytes, %d wanted", n, got, want)
				}
			}
		})
	}
}

func FuzzEndMark(f *testing.F) {
	for path, p := range recordedReplies(f) {
		f.Add(p[max(0, len(p)-2000):], commandOf(path).csv, 7)
	}
	f.Add([]byte("a,\"\"\"\n\n\"\"\",\"\"\n\n\"\n\n"), true, 1)
	f.Fuzz(func(t *testing.T, p []byte, csv bool, n int) {
		n = max(1, n%(len(p)+1))
		want := naiveEnd(p, csv)
		if got := scanIn(p, csv, n); got != want {
			t.Errorf("end after %d bytes in pieces of %d, %d wanted", got, n, want)
		}
		if want >= 0 && scanIn(p[:want-1], csv, n) >= 0 {
			t.Error("a cut reply passes for whole")
		}
	})
}

// TestReplyBegins: one byte that differs at the beginning makes it no reply.
func TestReplyBegins(t *testing.T) {
	for _, c := range []command{showInfo, showStat} {
		right := []byte(c.begins + "x")
		if !newReply(c, nil).fits(right) {
			t.Errorf("%q does not fit %s", right, c.name)
		}
		for i := range len(c.begins) {
			wrong := bytes.Clone(right)
			wrong[i] ^= 1
			if newReply(c, nil).fits(wrong) {
				t.Errorf("%q fits %s", wrong, c.name)
			}
		}
	}
}

func TestReplyKeepsBytes(t *testing.T) {
	p := []byte("# pxname,last_chk\na,\"\xff\xfe\x00\r\n\n\"\n\n")
	var b bytes.Buffer
	r := newReply(showStat, &b)
	for i := range p {
		if !r.fits(p[i : i+1]) {
			t.Fatalf("byte %d does not fit", i)
		}
		if n, err := r.take(p[i : i+1]); n != 1 || err != nil {
			t.Fatalf("take: %d bytes, %v", n, err)
		}
	}
	if !r.whole || !bytes.Equal(b.Bytes(), p) {
		t.Errorf("whole is %v, bytes are %q", r.whole, b.Bytes())
	}
}

func BenchmarkEndMark(b *testing.B) {
	p, err := os.ReadFile("../../testdata/recordings/3.2.0-zlib-rich/1795337158/haproxy.sock_stat")
	if err != nil {
		b.Fatal(err)
	}
	p = p[:len(p)-1]
	b.SetBytes(int64(len(p)))
	r := newReply(showStat, io.Discard)
	for b.Loop() {
		if _, err := r.take(p); err != nil || r.whole {
			b.Fatal("the benchmark's reply has an end")
		}
	}
}
