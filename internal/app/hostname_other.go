//go:build !linux

package app

import "time"

// nameWait returns 0: the programs that wait for a name run on Linux only.
func nameWait() time.Duration { return 0 }
