package doctor

import (
	"fmt"
	"io/fs"

	"golang.org/x/sys/unix"
)

// hasACL reports whether a file has an access control list.
func hasACL(path string) bool {
	_, err := unix.Getxattr(path, "system.posix_acl_access", nil)
	return err == nil
}

// fileSystems names the file systems that doctor warns about, by their magic
// numbers.
var fileSystems = map[int64]string{
	unix.TMPFS_MAGIC:     "tmpfs",
	unix.RAMFS_MAGIC:     "ramfs",
	unix.NFS_SUPER_MAGIC: "nfs",
	unix.SMB_SUPER_MAGIC: "cifs",
	0xff534d42:           "cifs",
	0xfe534d42:           "cifs",
	0x65735546:           "fuse",
}

// Disk implements [Disks].
func (Host) Disk(path string) (Disk, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(path, &st); err != nil {
		return Disk{}, &fs.PathError{Op: "statfs", Path: path, Err: err}
	}
	var stx unix.Statx_t
	if err := unix.Statx(unix.AT_FDCWD, path, 0, unix.STATX_INO|unix.STATX_MNT_ID, &stx); err != nil {
		return Disk{}, &fs.PathError{Op: "statx", Path: path, Err: err}
	}
	mount := uint64(0)
	if stx.Mask&unix.STATX_MNT_ID != 0 {
		mount = stx.Mnt_id
	}
	block := uint64(st.Frsize)
	return Disk{
		ID:       fmt.Sprintf("%d:%d mount %d", stx.Dev_major, stx.Dev_minor, mount),
		Type:     fileSystems[int64(st.Type)],
		ReadOnly: st.Flags&unix.ST_RDONLY != 0,
		Free:     st.Bavail * block, FreeFiles: st.Ffree, HasFiles: st.Files > 0,
	}, nil
}

// Synchronised implements [Clock]. It reads the state of the kernel's clock and sets
// nothing.
func (Host) Synchronised() (bool, error) {
	var t unix.Timex
	state, err := unix.Adjtimex(&t)
	if err != nil {
		return false, fmt.Errorf("adjtimex: %w", err)
	}
	return state != unix.TIME_ERROR && t.Status&unix.STA_UNSYNC == 0, nil
}
