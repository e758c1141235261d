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

// naiveEnd is what endMark does, byte by byte over the whole stream: the number
// of bytes up to the first empty line outside quoted fields, or -1.
func naiveEnd(p []byte) int {
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
		case p[i] == '"' && fieldStart:
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
func scanIn(p []byte, n int) int {
	var mark endMark
	for at := 0; at < len(p); at += n {
		if end := mark.scan(p[at:min(at+n, len(p))]); end >= 0 {
			return at + end
		}
	}
	return -1
}

func TestEndMarkInRecordings(t *testing.T) {
	for path, p := range recordedReplies(t) {
		if strings.HasSuffix(path, "_info") {
			continue
		}
		for n := 1; n <= len(p); n++ {
			if end := scanIn(p, n); end != len(p) {
				t.Fatalf("%s in pieces of %d: end after %d bytes, %d wanted", path, n, end, len(p))
			}
			if n > 64 {
				n += n / 8
			}
		}
		for cut := range len(p) {
			if end := scanIn(p[:cut], 4096); end >= 0 {
				t.Fatalf("%s cut after %d bytes passes for whole", path, cut)
			}
		}
	}
}

func TestEndMark(t *testing.T) {
	for _, test := range []struct {
		name, stream, whole string
	}{
		{"empty line in a field", "a,\"b\n\nc\",d\n\n", "a,\"b\n\nc\",d\n\n"},
		// HAProxy 2.6 with http-check expect ... on-success "%[str('a\"b')]%[str(\"x\n\ny\")]"
		{"as HAProxy quotes it", ",-1,\"a\"\"bx\n\ny\",,0,\n\n", ",-1,\"a\"\"bx\n\ny\",,0,\n\n"},
		{"doubled quotes before the end", "\"a\"\"\"\n\nrest", "\"a\"\"\"\n\n"},
		{"empty quoted field", "\"\",\"\"\n\n", "\"\",\"\"\n\n"},
		{"quoted field that is a row", "a\n\"b\"\nc\n\n", "a\n\"b\"\nc\n\n"},
		{"quote in the midst of a field", "a,5\" disk\n\n\"", "a,5\" disk\n\n"},
		{"no end", "a,b\n", ""},
		{"no end in a field", "a,\"b\n\n", ""},
		{"field closed by the last byte", "a,\"b\n\n\"", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			want := len(test.whole)
			if want == 0 {
				want = -1
			}
			for n := 1; n <= len(test.stream); n++ {
				if got := scanIn([]byte(test.stream), n); got != want {
					t.Errorf("in pieces of %d: end after %d bytes, %d wanted", n, got, want)
				}
			}
		})
	}
}

func FuzzEndMark(f *testing.F) {
	for _, p := range recordedReplies(f) {
		f.Add(p[max(0, len(p)-2000):], 7)
	}
	f.Add([]byte("a,\"\"\"\n\n\"\"\",\"\"\n\n\"\n\n"), 1)
	f.Fuzz(func(t *testing.T, p []byte, n int) {
		n = max(1, n%(len(p)+1))
		want := naiveEnd(p)
		if got := scanIn(p, n); got != want {
			t.Errorf("end after %d bytes in pieces of %d, %d wanted", got, n, want)
		}
		if want >= 0 && scanIn(p[:want-1], n) >= 0 {
			t.Error("a truncated reply passes for whole")
		}
	})
}

// TestReplyBegins: one byte that differs at the beginning makes it no reply.
func TestReplyBegins(t *testing.T) {
	for _, c := range []command{showInfo, showStat} {
		for _, begins := range c.begins {
			right := []byte(begins + ",x")
			for n := 1; n <= len(right); n++ {
				r := reply{command: c}
				for at := 0; at < len(right); at += n {
					piece := right[at:min(len(right), at+n)]
					if !r.fits(piece) {
						t.Errorf("%q in pieces of %d: got that %q does not fit %s, want that it does", right, n, piece, c.name)
					}
					r.size += int64(len(piece))
				}
			}
			for i := range begins {
				wrong := bytes.Clone(right)
				wrong[i] ^= 1
				if (&reply{command: c}).fits(wrong) {
					t.Errorf("got that %q fits %s, want that it does not", wrong, c.name)
				}
			}
		}
	}
}

func TestReplyKeepsBytes(t *testing.T) {
	p := []byte("# pxname,last_chk\na,\"\xff\xfe\x00\r\n\n\"\n\n")
	var b bytes.Buffer
	r := newStatReply(&b)
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

// TestInfoEnds feeds a stream in pieces of every size: show info ends where the
// header of show stat begins, whatever empty lines are in it.
func TestInfoEnds(t *testing.T) {
	const begins = "Name: HAProxy\nPid: 1\ndescription: a\n"
	for _, test := range []struct {
		name, stream, info, rest string
		whole                    bool
	}{
		{"plain", begins + "\n# pxname,x\n", begins + "\n", "# pxname,x\n", true},
		{"before 1.5", begins + "\n#pxname,x\n", begins + "\n", "#pxname,x\n", true},
		{"empty lines in the description", begins + "\nb\n\n\nTasks: 1\n\n# pxname,x\n", begins + "\nb\n\n\nTasks: 1\n\n", "# pxname,x\n", true},
		{"three newlines", begins + "\n\n# pxname,x\n", begins + "\n\n", "# pxname,x\n", true},
		{"almost a header", begins + "\n# pxnam\n\n# pxname,", begins + "\n# pxnam\n\n", "# pxname,", true},
		{"one command", begins + "\n", begins + "\n", "", true},
		{"one command, empty lines in the description", begins + "\nb\nTasks: 1\n\n", begins + "\nb\nTasks: 1\n\n", "", true},
		{"a text in place of show stat", begins + "\nPermission denied\n\n", begins + "\n", "Permission denied\n\n", true},
		{"cut in the header", begins + "\n# px", begins + "\n", "# px", true},
		{"cut", begins, begins, "", false},
		{"cut behind an empty line", begins + "\nb\nTasks: 1\n", begins + "\nb\nTasks: 1\n", "", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			for n := 1; n <= len(test.stream); n++ {
				var out bytes.Buffer
				r := newInfoReply(&out)
				var rest []byte
				for at := 0; at < len(test.stream); at += n {
					piece := []byte(test.stream[at:min(len(test.stream), at+n)])
					if !r.whole {
						took, early := r.take(piece)
						rest, piece = append(rest, early...), piece[took:]
					}
					if r.whole {
						rest = append(rest, piece...)
					}
				}
				if !r.whole {
					rest = r.settle()
				}
				if r.whole != test.whole || string(r.text) != test.info || string(rest) != test.rest || r.size != int64(len(test.info)) {
					t.Fatalf("in pieces of %d: got %v, %q of %d bytes, then %q; want %v, %q, then %q",
						n, r.whole, r.text, r.size, rest, test.whole, test.info, test.rest)
				}
			}
		})
	}
}

func BenchmarkEndMark(b *testing.B) {
	p, err := os.ReadFile("../../testdata/recordings/3.2.0-zlib-rich/1795337158/haproxy.sock_stat")
	if err != nil {
		b.Fatal(err)
	}
	p = p[:len(p)-1]
	b.SetBytes(int64(len(p)))
	r := newStatReply(io.Discard)
	for b.Loop() {
		if _, err := r.take(p); err != nil || r.whole {
			b.Fatal("the benchmark's reply has an end")
		}
	}
}
