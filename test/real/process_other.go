//go:build !linux

package real

import "syscall"

// The tests with real servers run on Linux. Elsewhere they only compile.

func groupLeader() *syscall.SysProcAttr { panic("real servers need Linux") }

func awaitEnd(int) { panic("real servers need Linux") }
