package reply

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"haproxystats/internal/haproxy"
	"haproxystats/internal/snapshot"
	"haproxystats/internal/truth"
)

const (
	info = "Name: HAProxy\nPid: 1\n\n"
	stat = "# pxname,svname,type,\na,FRONTEND,0,\nb,BACKEND,1,\nb,srv,2,\n\n"
)

// recorder is a consumer that writes down what it is given.
type recorder struct{ calls []string }

func (r *recorder) Info(socket string, s *haproxy.InfoScanner) {
	pairs := 0
	for s.Next() {
		pairs++
	}
	r.calls = append(r.calls, fmt.Sprintf("info %s: %d", socket, pairs))
}

func (r *recorder) Stat(sockets []string, replies []*haproxy.StatScanner) {
	for i, s := range replies {
		for t := range haproxy.RowType(4) {
			s.Select(t, nil)
		}
		rows := 0
		for s.Next() {
			rows++
		}
		r.calls = append(r.calls, fmt.Sprintf("stat %s: %d", sockets[i], rows))
	}
}

// lazy reads nothing of what it is given.
type lazy struct{}

func (lazy) Info(string, *haproxy.InfoScanner)     {}
func (lazy) Stat([]string, []*haproxy.StatScanner) {}

// file makes a file of a snapshot.
func file(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text), Mode: 0o640} }

func TestRead(t *testing.T) {
	for _, test := range []struct {
		name  string
		files fstest.MapFS
		calls []string
		bad   map[string]error
		rows  int
		err   error
	}{
		{
			name:  "one socket",
			files: fstest.MapFS{"a.sock_info": file(info), "a.sock_stat": file(stat)},
			calls: []string{"info a.sock: 2", "stat a.sock: 3"},
		},
		{
			name: "info first, each in the order of the sockets",
			files: fstest.MapFS{
				"a_stat": file(stat), "a_info": file(info),
				"a_b_stat": file(stat), "a_b_info": file(info),
				"a_k_stat": file(stat), "a_k_info": file(info),
				"[::1]:1_stat": file(stat), "[::1]:1_info": file(info),
				"10.0.0.1:80_info": file(info), "a.b_info": file(info),
			},
			calls: []string{
				"info 10.0.0.1:80: 2", "info [::1]:1: 2", "info a: 2", "info a.b: 2", "info a_b: 2", "info a_k: 2",
				"stat [::1]:1: 3", "stat a: 3", "stat a_b: 3", "stat a_k: 3",
			},
		},
		{
			name: "other files",
			files: fstest.MapFS{
				"a_info": file(info), "b_stat.gz": file("x"), "README": file("x"), "info": file("x"), "a_info_": file("x"),
				"A_INFO": file("x"), "dir/b_info": file(info),
			},
			calls: []string{"info a: 2"},
		},
		{
			name: "suffixes in the names of sockets",
			files: fstest.MapFS{
				"a_info_stat": file(stat), "a_stat_info": file(info), "_info": file(info), "_stat": file(stat),
			},
			calls: []string{"info : 2", "info a_stat: 2", "stat : 3", "stat a_info: 3"},
		},
		{
			name:  "files that begin with a dot",
			files: fstest.MapFS{"a_info": file(info), ".b_info": file(info), ".b_stat": file(stat), "._info": file(info)},
			calls: []string{"info a: 2"},
		},
		{
			name: "what is no regular file is not opened",
			files: fstest.MapFS{
				"a_info":        file(info),
				"dir_info/x":    file(info),
				"fifo_info":     {Mode: fs.ModeNamedPipe | 0o600},
				"socket_stat":   {Mode: fs.ModeSocket | 0o600},
				"device_stat":   {Mode: fs.ModeDevice | fs.ModeCharDevice | 0o600},
				"symlink_stat":  {Mode: fs.ModeSymlink | 0o777, Data: []byte("a_stat")},
				"irreg_stat":    {Mode: fs.ModeIrregular | 0o600},
				".symlink_stat": {Mode: fs.ModeSymlink | 0o777},
			},
			calls: []string{"info a: 2"},
			bad: map[string]error{
				"dir_info": ErrNotRegular, "fifo_info": ErrNotRegular, "socket_stat": ErrNotRegular,
				"device_stat": ErrNotRegular, "symlink_stat": ErrNotRegular, "irreg_stat": ErrNotRegular,
			},
		},
		{
			name:  "names that no fs.FS opens",
			files: fstest.MapFS{"a_info": file(info), "\xff_info": file(info), "b\xc3_stat": file(stat)},
			calls: []string{"info a: 2"},
			bad:   map[string]error{"\xff_info": ErrName, "b\xc3_stat": ErrName},
		},
		{
			name: "empty files",
			files: fstest.MapFS{
				"a_info": file(""), "a_stat": file(""), "b_info": file("\n"), "b_stat": file("\n"),
				"c_info": file("Permission denied\n\n"), "c_stat": file("Permission denied\n\n"), "d_stat": file(stat),
			},
			calls: []string{"info a: 0", "info b: 0", "info c: 0", "stat d: 3"},
			bad: map[string]error{
				"a_info": ErrEmpty, "a_stat": haproxy.ErrNoHeader, "b_info": ErrEmpty, "b_stat": haproxy.ErrNoHeader,
				"c_info": ErrEmpty, "c_stat": haproxy.ErrNoHeader,
			},
			rows: 1,
		},
		{
			name: "cut files",
			files: fstest.MapFS{
				"a_info": file("Name: HAProxy\nPi"), "a_stat": file(stat[:len(stat)-3]),
				"b_info": file("Name: HAProxy\n"), "b_stat": file(stat[:len(stat)-1]),
				"c_stat": file("# pxname,svname,type,\n"), "d_stat": file("# pxname,svname,ty"),
			},
			calls: []string{"info a: 1", "info b: 1", "stat a: 2", "stat b: 3", "stat c: 0"},
			bad: map[string]error{
				"a_info": ErrCut, "a_stat": ErrCut, "b_info": ErrCut, "b_stat": ErrCut, "c_stat": ErrCut, "d_stat": haproxy.ErrNoHeader,
			},
			rows: 2,
		},
		{
			name:  "a header and no row",
			files: fstest.MapFS{"a_stat": file("# pxname,svname,type,\n\n")},
			calls: []string{"stat a: 0"},
		},
		{
			name:  "bad rows",
			files: fstest.MapFS{"a_info": file("nonsense\n" + info), "a_stat": file("# pxname,svname,type,\na,FRONTEND,9,\nb\nb,srv,2,\n\n")},
			calls: []string{"info a: 2", "stat a: 1"},
			rows:  3,
		},
		{name: "no files", files: fstest.MapFS{}, err: ErrNoReplies},
		{name: "no replies", files: fstest.MapFS{"README": file("x"), ".a_info": file(info)}, err: ErrNoReplies},
		{
			name:  "nothing that can be used",
			files: fstest.MapFS{"a_info": file(""), "a_stat": file("x\n\n"), "b_stat": {Mode: fs.ModeNamedPipe}},
			calls: []string{"info a: 0"},
			bad:   map[string]error{"a_info": ErrEmpty, "a_stat": haproxy.ErrNoHeader, "b_stat": ErrNotRegular},
			err:   ErrNoReplies,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			var r Reader
			var c recorder
			guard := &opener{FS: test.files, t: t}
			report, err := r.Read(guard, &c)
			if !errors.Is(err, test.err) {
				t.Errorf("error %v, want %v", err, test.err)
			}
			if diff := cmp.Diff(test.calls, c.calls); diff != "" {
				t.Error(diff)
			}
			if report.BadRows != test.rows {
				t.Errorf("%d bad rows, want %d", report.BadRows, test.rows)
			}
			if len(report.BadFiles) != len(test.bad) {
				t.Errorf("bad files %v, want %v", report.BadFiles, test.bad)
			}
			for _, b := range report.BadFiles {
				if want := test.bad[b.File]; want == nil || !errors.Is(b, want) || !strings.HasPrefix(b.Error(), b.File+": ") {
					t.Errorf("bad file %q, want %v", b, want)
				}
			}
			if guard.open != 0 {
				t.Errorf("%d files are left open", guard.open)
			}
		})
	}
}

// opener sees to it that only regular files are opened, and that they are closed.
type opener struct {
	fs.FS
	t    *testing.T
	open int
}

func (o *opener) ReadDir(name string) ([]fs.DirEntry, error) { return fs.ReadDir(o.FS, name) }

func (o *opener) Open(name string) (fs.File, error) {
	o.t.Helper()
	if entry, ok := o.FS.(fstest.MapFS)[name]; !ok || !entry.Mode.IsRegular() {
		o.t.Errorf("%s is opened", name)
	}
	f, err := o.FS.Open(name)
	if err != nil {
		return nil, err
	}
	o.open++
	return &closer{f, o}, nil
}

type closer struct {
	fs.File
	o *opener
}

func (c *closer) Close() error {
	c.o.open--
	return c.File.Close()
}

// broken is a file system on which one file can't be opened or read.
type broken struct {
	fstest.MapFS
	name           string
	onOpen, onRead error
	after          int
}

func (b broken) Open(name string) (fs.File, error) {
	f, err := b.MapFS.Open(name)
	if err != nil || name != b.name {
		return f, err
	}
	if b.onOpen != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: b.onOpen}
	}
	return &brokenFile{f, io.LimitReader(f, int64(b.after)), b.onRead}, nil
}

type brokenFile struct {
	fs.File
	r   io.Reader
	err error
}

func (f *brokenFile) Read(p []byte) (int, error) {
	n, err := f.r.Read(p)
	if err == io.EOF {
		err = f.err
	}
	return n, err
}

func TestReadErrors(t *testing.T) {
	disk := errors.New("input/output error")
	files := fstest.MapFS{"a_info": file(info), "a_stat": file(stat), "b_stat": file(stat)}
	for _, name := range []string{"a_info", "a_stat", "b_stat"} {
		for after := range len(stat) {
			var c recorder
			_, err := new(Reader).Read(broken{MapFS: files, name: name, onRead: disk, after: after}, &c)
			if !errors.Is(err, disk) || !strings.Contains(err.Error(), "read "+name) {
				t.Fatalf("%s after %d bytes: %v", name, after, err)
			}
		}
		var c recorder
		_, err := new(Reader).Read(broken{MapFS: files, name: name, onOpen: fs.ErrPermission}, &c)
		if !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s can't be opened: %v", name, err)
		}
	}
	if _, err := new(Reader).Read(os.DirFS(filepath.Join(t.TempDir(), "missing")), new(recorder)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing directory: %v", err)
	}
}

// accountant writes down the states of servers, too.
type accountant struct{ recorder }

func (a *accountant) Base(string, *truth.Base) {}

func (a *accountant) ProxiesOnly() { a.calls = append(a.calls, "proxies only") }

func (a *accountant) Growth(string, *truth.Base) {}

func (a *accountant) Worker(string, snapshot.Instance, *haproxy.InfoScanner, *haproxy.StatScanner) {}

func (a *accountant) Servers(socket string, servers []haproxy.ServerAdmin) {
	a.calls = append(a.calls, fmt.Sprintf("servers %s: %v", socket, servers))
}

// TestServers: the states of servers come before the rows, and bad ones cost nothing
// else.
func TestServers(t *testing.T) {
	good := string(haproxy.AppendServersState(nil, []haproxy.ServerAdmin{{Backend: "b", Server: "srv", Reason: haproxy.MaintConfigured}}))
	for name, c := range map[string]struct {
		servers, want string
		bad           error
	}{
		"good":    {good, "servers a: [{b srv 3}], stat a: 3", nil},
		"cut":     {good[:len(good)-1], "stat a: 3", haproxy.ErrTruncated},
		"nothing": {"", "stat a: 3", haproxy.ErrTruncated},
		"another": {stat, "stat a: 3", haproxy.ErrNoHeader},
	} {
		var a accountant
		files := fstest.MapFS{"a_stat": file(stat), "a_servers": file(c.servers)}
		report, err := new(Reader).Read(files, &a)
		if got := strings.Join(a.calls, ", "); err != nil || got != c.want {
			t.Errorf("%s: got %s, %v, want %s", name, got, err, c.want)
		}
		if bad := len(report.BadFiles) > 0; bad != (c.bad != nil) || bad && !errors.Is(report.BadFiles[0], c.bad) {
			t.Errorf("%s: got the bad files %v, want %v", name, report.BadFiles, c.bad)
		}
		disk := errors.New("input/output error")
		if _, err := new(Reader).Read(broken{MapFS: files, name: "a_servers", onRead: disk}, &a); !errors.Is(err, disk) {
			t.Errorf("%s: got %v, want the disk's error", name, err)
		}
	}
	if _, err := new(Reader).Read(fstest.MapFS{"a_servers": file(good)}, new(accountant)); !errors.Is(err, ErrNoReplies) {
		t.Errorf("got %v without a reply, want ErrNoReplies", err)
	}
}

// TestReadLazily: what a consumer leaves unread is no fault of the file.
func TestReadLazily(t *testing.T) {
	files := fstest.MapFS{"a_info": file(info), "a_stat": file(stat), "b_stat": file(stat[:len(stat)-1])}
	report, err := new(Reader).Read(files, lazy{})
	want := Report{BadFiles: []FileError{{"b_stat", ErrCut}}}
	if err != nil || len(report.BadFiles) != 1 || !errors.Is(report.BadFiles[0], ErrCut) || report.BadRows != 0 {
		t.Errorf("%+v, %v; want %+v", report, err, want)
	}
}

// TestReaderIsReusable: nothing of one snapshot shows in the next.
func TestReaderIsReusable(t *testing.T) {
	good := fstest.MapFS{"a_info": file(info), "a_stat": file(stat)}
	bad := fstest.MapFS{"a_info": file("x\ny"), "a_stat": file("# svname,pxname\nx,y\nz"), "b_stat": file("none\n")}
	var r Reader
	for range 3 {
		for _, files := range []fstest.MapFS{good, bad, {}} {
			var fresh Reader
			var c, freshC recorder
			report, err := r.Read(files, &c)
			freshReport, freshErr := fresh.Read(files, &freshC)
			if diff := cmp.Diff(freshC.calls, c.calls); diff != "" {
				t.Error(diff)
			}
			if fmt.Sprint(report, err) != fmt.Sprint(freshReport, freshErr) {
				t.Errorf("%v, %v; a new reader has %v, %v", report, err, freshReport, freshErr)
			}
		}
	}
}

// TestRecordings: everything recorded is read without a complaint.
func TestRecordings(t *testing.T) {
	recordings, err := filepath.Glob("../../testdata/recordings/*/*")
	if err != nil {
		t.Fatal(err)
	}
	golden, err := filepath.Glob("../../testdata/golden/*/snapshot/*")
	if err != nil {
		t.Fatal(err)
	}
	snapshots := append(recordings, golden...)
	if len(snapshots) < 6 {
		t.Fatalf("only %d recordings", len(snapshots))
	}
	var r Reader
	for _, dir := range snapshots {
		var c recorder
		report, err := r.Read(os.DirFS(dir), &c)
		if err != nil || len(report.BadFiles) > 0 || report.BadRows > 0 {
			t.Errorf("%s: %+v, %v", dir, report, err)
		}
		entries, err := os.ReadDir(dir)
		if err != nil || len(c.calls) != len(entries) {
			t.Errorf("%s: %d of %d files are read, %v", dir, len(c.calls), len(entries), err)
		}
	}
}

// failingAtEnd is a file whose damage shows at its end, as a checksum's does.
type failingAtEnd struct{ fs.File }

var errDamaged = errors.New("damaged")

func (f failingAtEnd) Read(p []byte) (int, error) {
	n, err := f.File.Read(p)
	if err == io.EOF {
		err = errDamaged
	}
	return n, err
}

type failingAtEndFS struct{ fs.FS }

func (f failingAtEndFS) Open(name string) (fs.File, error) {
	file, err := f.FS.Open(name)
	if err != nil || name == "." {
		return file, err
	}
	return failingAtEnd{file}, nil
}

// A reply whose header is damaged must not be mistaken for one that HAProxy
// gave so.
func TestEveryReplyIsReadToItsEnd(t *testing.T) {
	for _, text := range []string{"no header\nand more\n\n", "# pxname,svname,type\n\n"} {
		fsys := failingAtEndFS{fstest.MapFS{"a_stat": &fstest.MapFile{Data: []byte(text)}}}
		var r Reader
		if _, err := r.Read(fsys, &recorder{}); !errors.Is(err, errDamaged) {
			t.Errorf("%q: %v, want %v", text, err, errDamaged)
		}
	}
}
