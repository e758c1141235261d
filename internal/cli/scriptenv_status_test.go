package cli_test

import (
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// cmdAsk writes what a status socket says, or with ! finds that nobody answers.
func cmdAsk(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: [!] ask path")
	}
	c, err := dialAt(ts.MkAbs(args[0]))
	if neg {
		if err == nil {
			c.Close()
			ts.Fatalf("somebody answers at %s", args[0])
		}
		return
	}
	ts.Check(err)
	defer c.Close()
	ts.Check(c.SetDeadline(time.Now().Add(patience)))
	_, err = io.Copy(ts.Stdout(), c)
	ts.Check(err)
}

// cmdMute makes a socket at which a program lets everybody in and says nothing.
func cmdMute(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: mute path")
	}
	l := listenAt(ts, ts.MkAbs(args[0]))
	onStage(ts).cleanup = append(onStage(ts).cleanup, func() { l.Close() })
}

// cmdSay makes a socket on which the first client gets a file.
func cmdSay(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: say path file")
	}
	text := ts.ReadFile(args[1])
	path := ts.MkAbs(args[0])
	_ = os.Remove(path) // what was said before
	l := listenAt(ts, path)
	said := make(chan struct{})
	go func() {
		defer close(said)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(c, text)
			c.Close()
		}
	}()
	onStage(ts).cleanup = append(onStage(ts).cleanup, func() {
		l.Close()
		<-said
	})
}

// dialAt connects to a socket whose path may be longer than an address.
func dialAt(path string) (net.Conn, error) {
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	var d net.Dialer
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return d.DialContext(ctx, "unix", "/proc/self/fd/"+strconv.Itoa(int(dir.Fd()))+"/"+filepath.Base(path))
}

func listenAt(ts *testscript.TestScript, path string) *net.UnixListener {
	ts.Check(os.MkdirAll(filepath.Dir(path), 0o750))
	dir, err := os.Open(filepath.Dir(path))
	ts.Check(err)
	defer dir.Close()
	l, err := net.Listen("unix", "/proc/self/fd/"+strconv.Itoa(int(dir.Fd()))+"/"+filepath.Base(path))
	ts.Check(err)
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	return l.(*net.UnixListener)
}
