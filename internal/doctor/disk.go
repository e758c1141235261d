package doctor

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
)

// Disks answers questions about file systems.
type Disks interface {
	// Disk returns the file system of a path that exists.
	Disk(path string) (Disk, error)
}

// Disk is a file system at one mount point.
type Disk struct {
	ID       string // unique for each mount
	Type     string // "tmpfs", "nfs" and so on; empty for a local disk
	ReadOnly bool
	// Free is the number of bytes free for users other than root. FreeFiles is the
	// number of files that can still be made, valid only with HasFiles.
	Free, FreeFiles uint64
	HasFiles        bool
}

// existing returns the path itself, or the nearest directory above it that
// exists.
func existing(files Files, path string) (string, error) {
	for {
		_, err := files.Stat(path)
		if !errors.Is(err, fs.ErrNotExist) || errors.Is(err, errDangling) || path == filepath.Dir(path) {
			return path, err
		}
		path = filepath.Dir(path)
	}
}

// SameDisk judges whether a rename can move directories from one path to
// another.
func SameDisk(files Files, disks Disks, fromOption, from, toOption, to string) Finding {
	a := about{"file-system", from}
	var ids []string
	for _, path := range []string{from, to} {
		there, err := existing(files, path)
		var d Disk
		if err == nil {
			d, err = disks.Disk(there)
		}
		if err != nil {
			return a.unseen(fmt.Sprintf("can't be compared with that of %s: %v", to, err), err)
		}
		ids = append(ids, d.ID)
	}
	if ids[0] != ids[1] {
		return a.error(fmt.Sprintf("%s is not on the file system of %s %s, so haproxystats-pull can't hand over snapshots", fromOption, toOption, to),
			"Put both on one file system and one mount")
	}
	return a.ok("%s is on the file system of %s", fromOption, toOption)
}

// SameSpool judges whether haproxystats-process reads the directory that
// haproxystats-pull writes.
func SameSpool(dst, src string) Finding {
	a := about{"spool", dst}
	if dst != src {
		return a.error("haproxystats-process takes snapshots elsewhere, from "+src, "Set dst-dir in [pull] and src-dir in [process] to the same directory, or leave both out")
	}
	return a.ok("haproxystats-process takes snapshots where haproxystats-pull puts them")
}

// Room is a directory whose content grows.
type Room struct {
	Option, Path string
	// Bytes and Files are its size and number of files when it is full; 0 if not known.
	Bytes, Files uint64
	// Unbounded reports whether nothing cleans it up.
	Unbounded bool
	// Holds is what it has; empty for snapshots that wait.
	Holds string
}

const (
	// A file system with less than this left is full, or soon will be.
	fullBytes = 16 << 20
	fullFiles = 500
)

// Space judges the file systems that the rooms are on.
func Space(files Files, disks Disks, rooms []Room) (found []Finding) {
	on := make(map[string][]Room)
	var order []string
	known := make(map[string]Disk)
	for _, r := range rooms {
		there, err := existing(files, r.Path)
		var d Disk
		if err == nil {
			d, err = disks.Disk(there)
		}
		if err != nil {
			found = append(found, about{"space", r.Path}.unseen(fmt.Sprintf("can't be examined: %v", err), err))
			continue
		}
		if known[d.ID] == (Disk{}) {
			known[d.ID] = d
			order = append(order, d.ID)
		}
		on[d.ID] = append(on[d.ID], r)
		found = append(found, nature(about{"file-system", r.Path}, r, d)...)
	}
	for _, id := range order {
		found = append(found, space(known[id], on[id])...)
	}
	return found
}

// nature judges the type of the file system that a directory is on.
func nature(a about, r Room, d Disk) []Finding {
	switch d.Type {
	case "tmpfs", "ramfs":
		return []Finding{a.warning(fmt.Sprintf("%s is on %s: %s there take memory and are lost at a reboot", r.Option, d.Type, cmp.Or(r.Holds, "the snapshots that wait")), "Put it on a disk")}
	case "nfs", "cifs", "fuse":
		return []Finding{a.warning(fmt.Sprintf("%s is on %s, which may hang, and may lose data after it has confirmed a write", r.Option, d.Type), "Put it on a local disk")}
	}
	return nil
}

// space judges a file system, given what the rooms on it may grow to.
func space(d Disk, rooms []Room) (found []Finding) {
	var options, bounded []string
	var bytes, inodes uint64
	for _, r := range rooms {
		options = append(options, r.Option)
		if r.Bytes > 0 {
			bytes += r.Bytes
			inodes += r.Files
			bounded = append(bounded, r.Option)
		}
	}
	a := about{"space", rooms[0].Path}
	left := size(d.Free) + " free"
	if d.HasFiles {
		left += fmt.Sprintf(" and %d inodes", d.FreeFiles)
	}
	names := strings.Join(options, ", ")
	need := fmt.Sprintf("%s may grow to %s", strings.Join(bounded, ", "), size(bytes))
	if inodes > 0 {
		need += " and " + count(inodes, "file")
	}
	switch {
	case d.ReadOnly:
		found = append(found, a.error("the file system of "+names+" is mounted read-only", "Mount it for writing. See in dmesg whether the kernel made it read-only after an error"))
	case d.Free < fullBytes || d.HasFiles && d.FreeFiles < fullFiles:
		found = append(found, a.error("the file system is full: "+left, "Free some space; df -h and df -i show what is used"))
	case d.Free < bytes:
		found = append(found, a.warning(left+"; "+need, "Enlarge it, or lower queue-size in [pull] or queue-max-bytes in [graphite]"))
	case d.HasFiles && d.FreeFiles < inodes:
		found = append(found, a.warning(left+"; "+need, "Enlarge it, or lower queue-size in [pull]"))
	case bytes == 0:
		found = append(found, a.ok("%s for %s", left, names))
	default:
		found = append(found, a.ok("%s; %s", left, need))
	}
	for _, r := range rooms {
		if r.Unbounded {
			found = append(found, about{"space", r.Path}.warning(r.Option+" grows without bound: nothing removes files there",
				"Remove the section [local-store] if nothing needs it, or delete old directories with a timer"))
		}
	}
	return found
}
