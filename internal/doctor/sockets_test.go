package doctor

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"haproxystats/internal/config"
)

// TestSocketsThatNobodyAsked has no time left for a socket, because others have used it
// up. The socket is skipped, and not reported as a fault.
func TestSocketsThatNobodyAsked(t *testing.T) {
	dir := t.TempDir()
	listener, err := net.Listen("unix", filepath.Join(dir, "a.sock"))
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	u, err := CurrentUser()
	if err != nil {
		t.Fatal(err)
	}
	c := &config.Config{Pull: config.Pull{SocketDir: dir, Timeout: time.Second}}
	for _, test := range []struct {
		name    string
		limit   time.Duration // of all sockets
		round   time.Duration
		verdict Verdict
		text    string
	}{
		{"no time", 0, 0, Skipped, "not asked in time"},
		{"too little time", 100 * time.Millisecond, 0, Skipped, "not asked in time"},
		{"its own time", time.Minute, time.Millisecond, Error, "time-out"},
	} {
		t.Run(test.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), test.limit)
			defer cancel()
			c.Pull.PullTimeout = test.round
			var got Finding
			for _, f := range (&run{user: u, root: os.DirFS("/")}).sockets(ctx, c, newReplies()) {
				if f.Check == "socket-reply" {
					got = f
				}
			}
			if got.Verdict != test.verdict || !strings.Contains(got.Text, test.text) || got.Remedy == "" {
				t.Errorf("got %+v, want %s and %q with a remedy", got, test.verdict, test.text)
			}
		})
	}
}
