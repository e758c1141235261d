package haproxy

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const (
	heldInfo = "Name: HAProxy\nVersion: 2.6.12\nPid: 7\ndescription: a\n\nb\nCurrConns: 0\n\n"
	heldStat = "# pxname,svname,last_chk,\nweb,FRONTEND,\"a\n\nb\",\n\n"
)

// interactive serves connections of which each line is answered by answers, in pieces of
// one byte, with the prompt behind each.
func interactive(t *testing.T, prompt string, answers map[string]string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
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
			answerLines(conn, prompt, answers)
			conn.Close()
		}
	}()
	return path
}

func answerLines(conn net.Conn, prompt string, answers map[string]string) {
	buf := make([]byte, 1)
	line := ""
	for {
		if _, err := conn.Read(buf); err != nil {
			return
		}
		if buf[0] != '\n' {
			line += string(buf)
			continue
		}
		for command := range strings.SplitSeq(line, ";") {
			answer, ok := answers[command]
			if !ok {
				return
			}
			for _, b := range []byte(answer + prompt) {
				if _, err := conn.Write([]byte{b}); err != nil {
					return
				}
			}
		}
		line = ""
	}
}

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// TestHeld asks again and again over one connection, with the prompt of HAProxy up to
// 3.1 and without.
func TestHeld(t *testing.T) {
	for _, prompt := range []string{"> ", ""} {
		answers := map[string]string{"prompt i": "\n", "show info": strings.Replace(heldInfo, "description: a\n\nb\n", "", 1), "show stat": heldStat}
		h, err := new(Client).Hold(within(t), "unix", interactive(t, prompt, answers))
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			got, err := h.Look(within(t))
			if err != nil || string(got) != answers["show info"] {
				t.Fatalf("prompt %q: got %q, %v, want %q", prompt, got, err, answers["show info"])
			}
			var info, stat bytes.Buffer
			if err := h.Read(within(t), false, &info, &stat); err != nil || info.String() != answers["show info"] || stat.String() != heldStat {
				t.Fatalf("prompt %q: got %q, %q, %v", prompt, &info, &stat, err)
			}
		}
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestHeldProxiesOnly asks for the rows of proxies, and then for all.
func TestHeldProxiesOnly(t *testing.T) {
	answers := map[string]string{"prompt i": "\n", "show info": "Name: HAProxy\n\n", "show stat": heldStat + "", "show stat -1 3 -1": "# pxname,svname,\n\n"}
	h, err := new(Client).Hold(within(t), "unix", interactive(t, "> ", answers))
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	for _, c := range []struct {
		proxiesOnly bool
		want        string
	}{{true, answers["show stat -1 3 -1"]}, {false, heldStat}} {
		var info, stat bytes.Buffer
		if err := h.Read(within(t), c.proxiesOnly, &info, &stat); err != nil || stat.String() != c.want {
			t.Errorf("proxies only: %t: got %q, %v, want %q", c.proxiesOnly, &stat, err, c.want)
		}
	}
}

// TestHeldDescription reads an info with an empty line in it, if `show stat` follows.
func TestHeldDescription(t *testing.T) {
	h, err := new(Client).Hold(within(t), "unix", interactive(t, "> ", map[string]string{"prompt i": "\n", "show info": heldInfo, "show stat": heldStat}))
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	var info, stat bytes.Buffer
	if err := h.Read(within(t), false, &info, &stat); err != nil || info.String() != heldInfo || stat.String() != heldStat {
		t.Errorf("got %q, %q, %v", &info, &stat, err)
	}
	// The rest of a description that has ended a look makes the connection useless.
	if _, err := h.Look(within(t)); err != nil {
		t.Fatal(err)
	}
	if got, err := h.Look(within(t)); err == nil {
		t.Errorf("got %q, want an error", got)
	}
}

func TestHeldFaults(t *testing.T) {
	for name, c := range map[string]struct {
		answers map[string]string
		want    error
	}{
		"another program": {map[string]string{"prompt i": "220 smtp.example.com\r\n"}, ErrNotStats},
		"it closes":       {map[string]string{}, ErrClosed},
		"closed later":    {map[string]string{"prompt i": "\n"}, ErrClosed},
		"junk":            {map[string]string{"prompt i": "\n", "show info": "junk\n\n"}, ErrNotStats},
		"info is cut":     {map[string]string{"prompt i": "\n", "show info": "Name: HAProxy\nPid: 7\n"}, ErrTimeout},
		"endless":         {map[string]string{"prompt i": "\n", "show info": "Name: " + strings.Repeat("x", maxInfo+heldPiece)}, ErrLongReply},
	} {
		ctx := within(t)
		if c.want == ErrTimeout {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
		}
		path := interactive(t, "> ", c.answers)
		h, err := new(Client).Hold(ctx, "unix", path)
		if err == nil {
			_, err = h.Look(ctx)
			h.Close()
		}
		if !errors.Is(err, c.want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: got %v, want %v and the socket", name, err, c.want)
		}
	}
	if _, err := new(Client).Hold(within(t), "unix", filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("got a connection to nothing")
	}
}

// TestHeldDiskFault tells that a reply could not be stored.
func TestHeldDiskFault(t *testing.T) {
	answers := map[string]string{"prompt i": "\n", "show info": "Name: HAProxy\n\n", "show stat": heldStat}
	for _, c := range []struct{ info, stat io.Writer }{{fullWriter{}, io.Discard}, {io.Discard, fullWriter{}}} {
		h, err := new(Client).Hold(within(t), "unix", interactive(t, "", answers))
		if err != nil {
			t.Fatal(err)
		}
		if err := h.Read(within(t), false, c.info, c.stat); !errors.Is(err, errFull) {
			t.Errorf("got %v, want %v", err, errFull)
		}
		h.Close()
	}
}

var errFull = errors.New("no space left on device")

type fullWriter struct{}

func (fullWriter) Write([]byte) (int, error) { return 0, errFull }
