package measure

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// family returns a process and all its descendants.
func family(pid int) ([]int, error) {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	children := map[int][]int{}
	for _, path := range stats {
		data, err := os.ReadFile(path)
		if err != nil {
			continue // it ended meanwhile
		}
		// pid (command) state ppid ...; the command may hold anything.
		id, err1 := strconv.Atoi(strings.Split(path, "/")[2])
		rest := bytes.Fields(data[bytes.LastIndexByte(data, ')')+1:])
		if err1 != nil || len(rest) < 2 {
			return nil, fmt.Errorf("parse %s: %q", path, data)
		}
		parent, err := strconv.Atoi(string(rest[1]))
		if err != nil {
			return nil, fmt.Errorf("parse %s: %w", path, err)
		}
		children[parent] = append(children[parent], id)
	}
	pids := []int{pid}
	for i := 0; i < len(pids); i++ {
		pids = append(pids, children[pids[i]]...)
	}
	return pids, nil
}

// cpuTime returns the user and system time that the processes have used, of
// ended threads too, to the nanosecond: /proc/PID/stat counts in steps of 10 ms.
func cpuTime(pids []int) (time.Duration, error) {
	var total time.Duration
	for _, pid := range pids {
		// The kernel's MAKE_PROCESS_CPUCLOCK(pid, CPUCLOCK_SCHED).
		const sched = 2
		var ts unix.Timespec
		if err := unix.ClockGettime(int32(^pid<<3|sched), &ts); err != nil {
			return 0, fmt.Errorf("read CPU clock of process %d: %w", pid, err)
		}
		total += time.Duration(ts.Nano())
	}
	return total, nil
}

// peakMemory returns the peak resident size of the processes together, in bytes.
// Pages that they share now count once. The rusage of a child is no use here: it
// starts at its parent's size.
func peakMemory(pids []int) (int64, error) {
	var total int64
	for _, pid := range pids {
		dir := filepath.Join("/proc", strconv.Itoa(pid))
		status, err := os.ReadFile(filepath.Join(dir, "status"))
		if err != nil {
			return 0, err
		}
		rollup, err := os.ReadFile(filepath.Join(dir, "smaps_rollup"))
		if err != nil {
			return 0, err
		}
		peak, err := kilobytes(string(status), "VmHWM")
		if err != nil {
			return 0, fmt.Errorf("parse %s/status: %w", dir, err)
		}
		resident, err1 := kilobytes(string(rollup), "Rss")
		proportional, err2 := kilobytes(string(rollup), "Pss")
		if err := errors.Join(err1, err2); err != nil {
			return 0, fmt.Errorf("parse %s/smaps_rollup: %w", dir, err)
		}
		total += peak - (resident - proportional)
	}
	return total, nil
}

// kilobytes finds a line like "VmHWM:   1234 kB" and returns its size in bytes.
func kilobytes(text, key string) (int64, error) {
	for line := range strings.Lines(text) {
		rest, ok := strings.CutPrefix(line, key+":")
		if !ok {
			continue
		}
		kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
		return kib << 10, err
	}
	return 0, fmt.Errorf("no line %s", key)
}
