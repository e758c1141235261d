package suite

import (
	"strings"
	"testing"
)

func TestCommandRefusesBadFlags(t *testing.T) {
	for _, tt := range []struct {
		args   []string
		status int
		stderr string
	}{
		{[]string{"-sizes", "S,XL"}, 1, `bench: -sizes: size "XL": want S, M or L`},
		{[]string{"-runs", "0"}, 1, "bench: -runs 0: want 1 or more"},
		{[]string{"-fast"}, 1, "flag provided but not defined"},
		{[]string{"-h"}, 0, "repetitions of everything (default 5)"},
	} {
		var stdout, stderr strings.Builder
		status := Command{Name: "bench", Repetitions: 5}.Run(tt.args, &stdout, &stderr)
		if status != tt.status || !strings.Contains(stderr.String(), tt.stderr) || stdout.Len() > 0 {
			t.Errorf("%v: status %d, %q: want %d, %q", tt.args, status, stderr.String(), tt.status, tt.stderr)
		}
	}
}
