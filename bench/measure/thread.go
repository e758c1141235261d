package measure

import (
	"fmt"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// OnThread runs f n times on a thread of its own and returns the CPU time of
// that thread for one time: what other goroutines do is not in it.
func OnThread(n int, f func() error) (time.Duration, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before, err := threadTime()
	if err != nil {
		return 0, err
	}
	for range n {
		if err := f(); err != nil {
			return 0, err
		}
	}
	after, err := threadTime()
	return (after - before) / time.Duration(n), err
}

func threadTime() (time.Duration, error) {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ts); err != nil {
		return 0, fmt.Errorf("read CPU clock of the thread: %w", err)
	}
	return time.Duration(ts.Nano()), nil
}
