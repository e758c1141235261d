package haproxy

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// TestParseProcesses parses lists of processes of real HAProxy.
func TestParseProcesses(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want Processes
	}{
		"2.4": {
			"#<PID>          <type>          <relative PID>  <reloads>       <uptime>        <version>      \n" +
				"3941            master          0               2               0d00h00m04s     2.4.0          \n# workers\n" +
				"4115            worker          1               0               0d00h00m00s     2.4.0          \n# old workers\n" +
				"4060            worker          [was: 1]        1               0d00h00m02s     2.4.0          \n# programs\n\n",
			Processes{Reloads: 2, Pid: 3941, Uptime: 4, Workers: []int{4115, 4060}},
		},
		"2.6 after a failed reload": {
			"#<PID>          <type>          <reloads>       <uptime>        <version>      \n" +
				"2960            master          3 [failed: 2]   0d00h00m06s     2.6.12-1+deb12u4\n# workers\n" +
				"3259            worker          2               0d00h00m00s     2.6.12-1+deb12u4\n# programs\n77 program 1 0d 1\n\n",
			Processes{Reloads: 3, Failed: 2, Pid: 2960, Uptime: 6, Workers: []int{3259}},
		},
		"3.5, the serving worker is listed as an old one": {
			"#<PID>          <type>          <reloads>       <uptime>        <version>      \n" +
				"7462            master          2 [failed: 1]   0d00h00m04s     3.5-dev5       \n# workers\n# old workers\n" +
				"7619            worker          1               0d00h00m02s     3.5-dev5       \n\n",
			Processes{Reloads: 2, Failed: 1, Pid: 7462, Uptime: 4, Workers: []int{7619}},
		},
		"1.9": {
			"#<PID>          <type>          <relative PID>  <reloads>       <uptime>       \n" +
				"1162            master          0               5               0d00h02m07s    \n# workers\n1271            worker          1               0               0d00h00m00s    \n",
			Processes{Reloads: 5, Pid: 1162, Uptime: 127, Workers: []int{1271}},
		},
	} {
		if got, err := ParseProcesses(c.text); err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: got %+v, %v, want %+v", name, got, err, c.want)
		}
	}
	for name, text := range map[string]string{
		"nothing": "", "refused": "Permission denied\n", "no master": "# workers\n12 worker 0 1 2\n", "a text": "Unknown command, but maybe\n",
		"a pid": "-1 master 1 2 3\n", "many": "1 master 0 0 0\n" + strings.Repeat("2 worker 0 0 0\n", maxProcesses+1),
	} {
		if got, err := ParseProcesses(text); !errors.Is(err, ErrNoMaster) {
			t.Errorf("%s: got %+v, %v, want ErrNoMaster", name, got, err)
		}
	}
}

func TestUptime(t *testing.T) {
	for text, want := range map[string]int64{
		"0d00h00m00s": 0, "1d02h03m04s": 93784, "0d": -1, "": -1, "[failed:": -1, "0d00h-1m00s": -1, "999999999999999999d00h00m00s": -1, "2.6.12": -1,
	} {
		if got := uptime(text); got != want {
			t.Errorf("%q: got %d, want %d", text, got, want)
		}
	}
}

func FuzzParseProcesses(f *testing.F) {
	f.Add("2960            master          3 [failed: 2]   0d00h00m06s     2.6.12-1+deb12u4\n# workers\n3259 worker 2 0d 2\n")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := ParseProcesses(text)
		if err == nil && len(p.Workers) > maxProcesses {
			t.Errorf("got %d workers", len(p.Workers))
		}
	})
}

// masterSocket answers each connection's line by answers, and then closes it, unless
// the answer is missing: then nothing comes.
func masterSocket(t *testing.T, answers map[string]string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "m")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { l.Close(); <-done })
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			buf := make([]byte, 4096)
			n, _ := conn.Read(buf)
			answer, ok := answers[string(buf[:n])]
			if !ok {
				_, _ = conn.Read(buf) // until the client gives up
			}
			_, _ = io.WriteString(conn, answer)
			conn.Close()
		}
	}()
	return path
}

func TestMaster(t *testing.T) {
	list := "1 master 4 [failed: 1] 0d 2.6\n# workers\n7 worker 0 0d 2.6\n\n"
	info := "Name: HAProxy\nPid: 7\n\n"
	path := masterSocket(t, map[string]string{
		"show proc;quit\n":                           list,
		"@!7 show info;@!7 show stat;quit\n":         info + heldStat,
		"@!7 show info;@!7 show stat -1 3 -1;quit\n": info + "# pxname,svname,\n\n",
		"@!8 show info;@!8 show stat;quit\n":         "Can't find the target PID matching the prefix '@!8'\n\n",
		"@!9 show info;@!9 show stat;quit\n":         info + "# pxname,svname,\nweb,FRO",
	})
	c := new(Client)
	got, err := c.Processes(within(t), "unix", path)
	if want := (Processes{Reloads: 4, Failed: 1, Pid: 1, Uptime: -1, Workers: []int{7}}); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	var a, b bytes.Buffer
	if err := c.FetchWorker(within(t), "unix", path, 7, &a, &b); err != nil || a.String() != info || b.String() != heldStat {
		t.Errorf("got %q, %q, %v", &a, &b, err)
	}
	a.Reset()
	b.Reset()
	if err := (&Client{ProxiesOnly: true}).FetchWorker(within(t), "unix", path, 7, &a, &b); err != nil || b.String() != "# pxname,svname,\n\n" {
		t.Errorf("proxies only: got %q, %v", &b, err)
	}
	if err := c.FetchWorker(within(t), "unix", path, 8, io.Discard, io.Discard); !errors.Is(err, ErrNotStats) {
		t.Errorf("a worker that is gone: got %v, want ErrNotStats", err)
	}
	if err := c.FetchWorker(within(t), "unix", path, 9, io.Discard, io.Discard); !errors.Is(err, ErrTruncated) {
		t.Errorf("a reply that is cut: got %v, want ErrTruncated", err)
	}
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := c.Processes(short, "unix", masterSocket(t, nil)); err == nil || short.Err() == nil && !strings.Contains(err.Error(), "i/o timeout") {
		t.Errorf("a master that hangs: got %v, want a time-out", err)
	}
	if _, err := c.Processes(within(t), "unix", masterSocket(t, map[string]string{"show proc;quit\n": "Permission denied\n\n"})); !errors.Is(err, ErrNoMaster) {
		t.Errorf("a level that is too low: got %v, want ErrNoMaster", err)
	}
	if _, err := c.Processes(within(t), "unix", filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("got no error without a master")
	}
}

// TestInfo asks for one reply, and tells the sockets of masters and of others by their answers.
func TestInfo(t *testing.T) {
	const help = "Unknown command, but maybe one of the following ones is a better match:\n  show proc      : show processes status\n\n"
	for _, test := range []struct {
		name, answer, want string
		master, notStats   bool
	}{
		{"a reply", "Name: HAProxy\nVersion: 2.6.12\n\n", "Name: HAProxy\nVersion: 2.6.12\n\n", false, false},
		{"a master", help, "", true, true},
		{"another program", "HTTP/1.1 400 Bad Request\r\n", "", false, true},
		{"nothing", "", "", false, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "s")
			l, err := net.Listen("unix", path)
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			go func() {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				defer conn.Close()
				_, _ = bufio.NewReader(conn).ReadString('\n')
				_, _ = io.WriteString(conn, test.answer)
			}()
			got, err := new(Client).Info(t.Context(), "unix", path)
			failure, failed := errors.AsType[*SocketError](err)
			if string(got) != test.want || failed != (test.want == "") {
				t.Fatalf("got %q %v, want %q", got, err, test.want)
			}
			if failed && (failure.Master() != test.master || failure.NotStats() != test.notStats) {
				t.Errorf("got %v, want master %v, not a stats socket %v", err, test.master, test.notStats)
			}
		})
	}
}
