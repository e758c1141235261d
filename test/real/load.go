package real

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// idle is how many tasks may be runnable for each CPU before a machine counts as
// busy: a test and what it starts are themselves some.
const idle = 1.5

// Loaded returns the limit d of a promise on this machine as it is now: d itself,
// and in proportion more where other work takes the CPUs, so that a test on a busy
// machine finds what is slow by itself and not what was not run.
func Loaded(d time.Duration) time.Duration {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return d
	}
	tasks, err := runnable(string(text))
	if err != nil {
		return d
	}
	if each := tasks / float64(runtime.NumCPU()); each > idle {
		return time.Duration(float64(d) * each)
	}
	return d
}

// runnable returns how many tasks want a CPU, by /proc/loadavg (proc(5)): the mean
// of the last minute, or the number now, whatever is more.
func runnable(loadavg string) (float64, error) {
	fields := strings.Fields(loadavg)
	if len(fields) < 4 {
		return 0, fmt.Errorf("/proc/loadavg is %q", loadavg)
	}
	mean, err := strconv.ParseFloat(fields[0], 64)
	if err != nil {
		return 0, fmt.Errorf("/proc/loadavg is %q: %w", loadavg, err)
	}
	running, _, _ := strings.Cut(fields[3], "/")
	now, err := strconv.ParseFloat(running, 64)
	if err != nil {
		return 0, fmt.Errorf("/proc/loadavg is %q: %w", loadavg, err)
	}
	return max(mean, now), nil
}
