package doctor

import (
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

// Disk is a file system where it is mounted.
type Disk struct {
	ID       string // tells it from others, and from other mounts of it
	Type     string // "tmpfs", "nfs" and so on; empty for what is on a disk
	ReadOnly bool
	// Free is in bytes, for users other than root. FreeFiles is how many more
	// files there may be, if HasFiles says that this is bounded.
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
		return a.error(fmt.Sprintf("%s is not on the file system of %s %s, so that no snapshot can be handed over", fromOption, toOption, to),
			"put both on one file system, as one mount")
	}
	return a.ok("%s is on the file system of %s", fromOption, toOption)
}

// SameSpool judges whether one program takes what the other hands over.
func SameSpool(dst, src string) Finding {
	a := about{"spool", dst}
	if dst != src {
		return a.error("haproxystats-process takes snapshots elsewhere, from "+src, "set dst-dir in [pull] and src-dir in [process] to one directory, or none of them")
	}
	return a.ok("haproxystats-process takes snapshots where haproxystats-pull puts them")
}

// Room is a directory that fills.
type Room struct {
	Option, Path string
	// Bytes and Files are what it holds at its bounds; 0 where that is not known.
	Bytes, Files uint64
	// Unbounded tells that nothing cleans it up.
	Unbounded bool
}

const (
	// fullBytes and fullFiles are what is left on a file system that is full, or
	// will be in a moment.
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
			found = append(found, about{"space", r.Path}.unseen(fmt.Sprintf("can't be looked at: %v", err), err))
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

// nature judges what kind of file system a directory is on.
func nature(a about, r Room, d Disk) []Finding {
	switch d.Type {
	case "tmpfs", "ramfs":
		return []Finding{a.warning(fmt.Sprintf("%s is on %s: what waits there is lost with a reboot, and takes memory", r.Option, d.Type), "put it on a disk")}
	case "nfs", "cifs", "fuse":
		return []Finding{a.warning(fmt.Sprintf("%s is on %s, which may hang, and may not keep what it has said to be on the disk", r.Option, d.Type), "put it on a local disk")}
	}
	return nil
}

// space judges a file system with what may come to be on it.
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
	need := fmt.Sprintf("what waits in %s may come to %s", strings.Join(bounded, ", "), size(bytes))
	if inodes > 0 {
		need += " and " + count(inodes, "file")
	}
	switch {
	case d.ReadOnly:
		found = append(found, a.error("the file system of "+names+" is mounted read-only", "mount it for writing; dmesg says whether the kernel did it after an error"))
	case d.Free < fullBytes || d.HasFiles && d.FreeFiles < fullFiles:
		found = append(found, a.error("the file system is full: "+left, "free some space: df -h, df -i"))
	case d.Free < bytes:
		found = append(found, a.warning(left+"; "+need, "enlarge it, or lower queue-size in [pull] or queue-max-bytes in [graphite]"))
	case d.HasFiles && d.FreeFiles < inodes:
		found = append(found, a.warning(left+"; "+need, "enlarge it, or lower queue-size in [pull]"))
	case bytes == 0:
		found = append(found, a.ok("%s for %s", left, names))
	default:
		found = append(found, a.ok("%s; %s", left, need))
	}
	for _, r := range rooms {
		if r.Unbounded {
			found = append(found, about{"space", r.Path}.warning(r.Option+" grows without bound: nothing removes files there",
				"remove the section [local-store] when it is no longer needed, or delete old directories by a timer"))
		}
	}
	return found
}
