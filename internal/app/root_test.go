package app

import (
	"bytes"
	"log/slog"
	"os"
	"strings"
	"testing"
)

// TestWarnRoot has a directory of another user, and root or that user run the program.
func TestWarnRoot(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root may give a directory to another user")
	}
	theirs, ours := t.TempDir(), t.TempDir()
	if err := os.Chown(theirs, 65533, 65533); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		euid int
		dir  string
		want bool
	}{
		{"root over another's", 0, theirs, true},
		{"root over its own", 0, ours, false},
		{"the user", 65533, theirs, false},
		{"in another's, which is to be made", 0, theirs + "/base/incoming", true},
		{"in its own, which is to be made", 0, ours + "/base/incoming", false},
	} {
		var out bytes.Buffer
		warnRoot(c.euid, c.dir, slog.New(slog.NewTextHandler(&out, nil)))
		if got := strings.Contains(out.String(), "owner=65533"); got != c.want {
			t.Errorf("%s: got %q, want a warning: %v", c.name, out.String(), c.want)
		}
	}
}
