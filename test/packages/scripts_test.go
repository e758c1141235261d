package packages

import (
	"os/exec"
	"path/filepath"
	"testing"

	"haproxystats/test/real"
)

// TestScripts has shellcheck look at what runs as root on other machines.
func TestScripts(t *testing.T) {
	shellcheck := real.Need(t, "shellcheck")
	for _, c := range []struct {
		pattern string
		options []string
		files   int
	}{
		{"deb/p*", nil, 3},
		{"rpm/p*", []string{"--shell=sh"}, 4},
		{"apk/p*", nil, 4},
		// OpenRC reads the variables of its scripts.
		{"openrc/haproxystats-*", []string{"--shell=sh", "--exclude=SC2034"}, 3},
	} {
		files, err := filepath.Glob(filepath.Join("../../packaging", c.pattern))
		if err != nil || len(files) != c.files {
			t.Errorf("%s: %q, %v", c.pattern, files, err)
		}
		if out, err := exec.Command(shellcheck, append(c.options, files...)...).CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
	}
}
