package systemd

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"haproxystats/test/real"
)

const source = "../../contrib/systemd"

// mostExposed is the highest grade that systemd-analyze may give, in tenths.
const mostExposed = "15"

// units are the units that run together on a node; central runs elsewhere.
var units = []string{"haproxystats-pull.service", "haproxystats-process.service"}

const central = "haproxystats-central.service"

// TestUnits asks systemd-analyze about each unit as it is, with each of its
// drop-ins, and with all of them.
func TestUnits(t *testing.T) {
	analyze := real.Need(t, "systemd")
	for _, unit := range append(slices.Clone(units), central) {
		dropIns, err := filepath.Glob(filepath.Join(source, unit+".d", "*.conf"))
		if err != nil || len(dropIns) == 0 {
			t.Fatal(unit, dropIns, err)
		}
		cases := map[string][]string{"alone": nil, "with all": dropIns}
		for _, d := range dropIns {
			cases["with "+filepath.Base(d)] = []string{d}
		}
		for name, dropIns := range cases {
			t.Run(unit+" "+name, func(t *testing.T) {
				path := lay(t, unit, dropIns)
				verify(t, analyze, path)
				grade(t, analyze, path)
			})
		}
	}
}

// TestAnalyzeFinds holds the tests above to finding something.
func TestAnalyzeFinds(t *testing.T) {
	analyze := real.Need(t, "systemd")
	bad := filepath.Join(t.TempDir(), "bad.conf")
	if err := os.WriteFile(bad, []byte("[Service]\nWatchDogSec=1\nNoNewPrivileges=no\nCapabilityBoundingSet=CAP_SYS_ADMIN\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	path := lay(t, units[1], []string{bad})
	if got := complaints(t, analyze, path); len(got) != 1 || !strings.Contains(got[0], "WatchDogSec") {
		t.Errorf("systemd-analyze verify said of a wrong directive: %q", got)
	}
	if out, err := exec.Command(analyze, "security", "--offline=true", "--threshold="+mostExposed, path).CombinedOutput(); err == nil {
		t.Errorf("a unit with CAP_SYS_ADMIN passed:\n%s", out)
	}
}

// lay copies a unit and drop-ins to where nothing else is, and returns the
// unit's path. Its programs are not in /usr/bin here: another stands in.
func lay(t *testing.T, unit string, dropIns []string) string {
	t.Helper()
	dir := t.TempDir()
	text, err := os.ReadFile(filepath.Join(source, unit))
	program := []byte("/usr/bin/" + strings.TrimSuffix(unit, ".service"))
	if !bytes.Contains(text, append([]byte("ExecStart="), program...)) {
		t.Fatalf("%s does not start %s", unit, program)
	}
	path := filepath.Join(dir, unit)
	text = bytes.ReplaceAll(bytes.ReplaceAll(text, program, []byte("/bin/true")), []byte("/usr/bin/haproxystats "), []byte("/bin/true "))
	err = errors.Join(err,
		os.WriteFile(path, text, 0o600),
		os.Mkdir(path+".d", 0o700))
	for _, d := range dropIns {
		text, readErr := os.ReadFile(d)
		err = errors.Join(err, readErr, os.WriteFile(filepath.Join(path+".d", filepath.Base(d)), text, 0o600))
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func verify(t *testing.T, analyze, path string) {
	t.Helper()
	for _, c := range complaints(t, analyze, path) {
		t.Error("systemd-analyze verify:", c)
	}
}

// complaints returns what systemd-analyze says of our files. It also says
// things of units of this machine's.
func complaints(t *testing.T, analyze, path string) []string {
	t.Helper()
	// The manual pages come with the package, so they can't be found now.
	out, err := exec.Command(analyze, "verify", "--man=no", path).CombinedOutput()
	var found []string
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, "haproxystats") {
			found = append(found, strings.TrimSpace(line))
		}
	}
	if err != nil && found == nil {
		t.Fatalf("systemd-analyze verify: %v\n%s", err, out)
	}
	return found
}

func grade(t *testing.T, analyze, path string) {
	t.Helper()
	out, err := exec.Command(analyze, "security", "--no-pager", "--offline=true", "--threshold="+mostExposed, path).CombinedOutput()
	if err != nil {
		t.Errorf("systemd-analyze security: %v\n%s", err, out)
		return
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	t.Log(lines[len(lines)-1])
}
