package app

import (
	"time"

	"golang.org/x/sys/unix"
)

// nameWait returns the time to wait for a name: none on a host that has been up for a
// while, because its name will not change by itself.
func nameWait() time.Duration {
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil || time.Duration(info.Uptime)*time.Second > booting {
		return 0
	}
	return nameLimit
}
