package doctor

import "testing"

func TestSpace(t *testing.T) {
	good := Disk{ID: "8:1", Free: 10 << 30, FreeFiles: 1e6, HasFiles: true}
	rooms := []Room{{Option: "dst-dir", Path: "/var/in", Bytes: 3 << 30, Files: 4000}, {Option: "queue-dir", Path: "/var/queue/graphite", Bytes: 1 << 30}}
	for _, test := range []struct {
		name         string
		change       func(*Disk)
		verdict      Verdict
		text, remedy string
	}{
		{"room", func(*Disk) {}, OK, "10 GiB free and 1000000 inodes; dst-dir, queue-dir may grow to 4 GiB and 4000 files", ""},
		{"full", func(d *Disk) { d.Free = 1 << 20 }, Error, "the file system is full: 1 MiB free", "df -h"},
		{"no inodes", func(d *Disk) { d.FreeFiles = 10 }, Error, "full: 10 GiB free and 10 inodes", "df -i"},
		{"inodes without bound", func(d *Disk) { d.FreeFiles, d.HasFiles = 0, false }, OK, "10 GiB free; dst-dir, queue-dir may grow", ""},
		{"too little", func(d *Disk) { d.Free = 3500 << 20 }, Warning, "3.42 GiB free and 1000000 inodes; dst-dir, queue-dir may grow to 4 GiB", "Enlarge it"},
		{"too few inodes", func(d *Disk) { d.FreeFiles = 3000 }, Warning, "3000 inodes; dst-dir", "lower queue-size in [pull]"},
		{"read-only", func(d *Disk) { d.ReadOnly = true }, Error, "mounted read-only", "Mount it for writing"},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := good
			test.change(&d)
			h := with(map[string]File{"/var/in": dir(0, 0, 0o755)})
			h.disks = map[string]Disk{"/var/in": d, "/var": d} // the queue does not exist yet
			found := Space(h, h, rooms)
			if len(found) != 1 {
				t.Fatal(found)
			}
			check(t, found[0], test.verdict, test.text, test.remedy)
		})
	}
}

func TestSpaceOfSeveralFileSystems(t *testing.T) {
	h := with(map[string]File{"/var/in": dir(0, 0, 0o755), "/var/nfs": dir(0, 0, 0o755), "/run/q": dir(0, 0, 0o755)})
	h.disks = map[string]Disk{
		"/var/in":  {ID: "1", Free: 1 << 40},
		"/run/q":   {ID: "2", Type: "tmpfs", Free: 1 << 20},
		"/var/nfs": {ID: "3", Type: "nfs", Free: 1 << 40},
	}
	found := Space(h, h, []Room{{Option: "dst-dir", Path: "/var/in"}, {Option: "queue-dir", Path: "/run/q"}, {Option: "dir", Path: "/var/nfs", Unbounded: true}, {Option: "lost", Path: "/run"}})
	want := []struct {
		verdict      Verdict
		text, remedy string
	}{
		{Warning, "queue-dir is on tmpfs", "Put it on a disk"},
		{Warning, "dir is on nfs", "Put it on a local disk"},
		{Skipped, "input/output error", ""},
		{OK, "1 TiB free for dst-dir", ""},
		{Error, "full: 1 MiB free", "Free some space"},
		{OK, "1 TiB free for dir", ""},
		{Warning, "dir grows without bound", "Remove the section [local-store]"},
	}
	if len(found) != len(want) {
		t.Fatalf("%d findings, want %d: %v", len(found), len(want), found)
	}
	for i, w := range want {
		check(t, found[i], w.verdict, w.text, w.remedy)
	}
}

func TestDisksThatCanNotBeSeen(t *testing.T) {
	h := with(map[string]File{"/var/in": dir(0, 0, 0o755)})
	h.disks = map[string]Disk{"/var/in": {ID: "1"}}
	h.closed = map[string]bool{"/var/closed": true}
	found := Space(h, h, []Room{{Option: "dst-dir", Path: "/var/closed"}})
	if len(found) != 1 {
		t.Fatal(found)
	}
	check(t, found[0], Skipped, "can't be examined: ", "Run doctor as root")
	check(t, SameDisk(h, h, "tmp-dst-dir", "/var/closed", "dst-dir", "/var/in"), Skipped, "can't be compared with that of /var/in: ", "Run doctor as root")
}

func TestSameDisk(t *testing.T) {
	h := with(map[string]File{"/var/in": dir(0, 0, 0o755)})
	h.disks = map[string]Disk{"/var/in": {ID: "1"}, "/var": {ID: "1"}, "/run": {ID: "2"}}
	check(t, SameDisk(h, h, "tmp-dst-dir", "/var/tmp", "dst-dir", "/var/in"), OK, "on the file system of dst-dir", "")
	check(t, SameDisk(h, h, "tmp-dst-dir", "/run/tmp", "dst-dir", "/var/in"), Error, "tmp-dst-dir is not on the file system of dst-dir /var/in", "Put both on one")
	check(t, SameDisk(h, h, "tmp-dst-dir", "/tmp", "dst-dir", "/var/in"), Skipped, "input/output error", "")
	check(t, SameSpool("/var/in", "/var/in"), OK, "where haproxystats-pull puts them", "")
	check(t, SameSpool("/var/in", "/var/other"), Error, "elsewhere, from /var/other", "to the same directory")
}
