//go:build !linux

package doctor

import "errors"

// Elsewhere doctor examines neither directories nor the clock, because the programs that
// use them run on Linux only: see [run.all].

func hasACL(string) bool { return false }

// Disk implements [Disks].
func (Host) Disk(string) (Disk, error) { return Disk{}, errors.ErrUnsupported }

// Synchronised implements [Clock].
func (Host) Synchronised() (bool, error) { return false, errors.ErrUnsupported }
