package cli

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"haproxystats/internal/config"
	"haproxystats/internal/doctor"
	"haproxystats/internal/spool"
	"haproxystats/internal/status"
)

// absolute returns a path from the root, for those who read it elsewhere.
func absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}

// resolved returns a path without links, where it exists.
func (e examination) resolved(path string) string {
	if real, err := e.host.Real(path); err == nil {
		return real
	}
	return absolute(path)
}

// needed is a file that a program reads.
type needed struct{ option, path string }

func (e examination) readable(files ...needed) (found []doctor.Finding) {
	for _, f := range files {
		if f.path != "" {
			found = append(found, doctor.Readable(e.host, e.user, f.option, absolute(f.path)))
		}
	}
	return found
}

// collector looks at the files and directories of haproxystats-pull, and whether
// it runs.
func (e examination) collector(ctx context.Context, c *config.Config) []doctor.Finding {
	var found []doctor.Finding
	if _, err := os.Stat(e.files.File); !errors.Is(err, fs.ErrNotExist) {
		found = e.readable(needed{"the configuration", e.files.File})
	}
	found = append(found, e.readable(needed{"the directory of -d", e.files.Dir})...)
	further, _ := e.files.Further() // if it can't be listed, the configuration has been refused
	for _, file := range further {
		found = append(found, e.readable(needed{"a further file of the configuration", file})...)
	}
	dst, tmp := absolute(c.Pull.DstDir), absolute(c.Pull.TmpDstDir)
	found = append(found,
		doctor.Writable(e.host, e.user, doctor.Directory{Option: "dst-dir", Path: dst, Beside: []string{".writer.lock"}}),
		doctor.Writable(e.host, e.user, doctor.Directory{Option: "tmp-dst-dir", Path: tmp}),
		doctor.SameDisk(e.host, e.host, "tmp-dst-dir", tmp, "dst-dir", dst))
	return append(found, doctor.Running(ctx, e.root, doctor.Instance{
		Program: string(config.ForPull), Dir: dst, Holder: spool.WriterOf, Socket: c.Pull.StatusSocket, Ask: status.Ask,
	})...)
}

// sender looks at the files and directories of haproxystats-process, and whether
// it runs.
func (e examination) sender(ctx context.Context, c *config.Config) []doctor.Finding {
	found := e.readable(needed{"exclude-frontends", c.Process.ExcludeFrontends.File}, needed{"exclude-backends", c.Process.ExcludeBackends.File})
	if c.Graphite.TLS {
		found = append(found, e.readable(needed{"ca-file", c.Graphite.CAFile}, needed{"cert-file", c.Graphite.CertFile}, needed{"key-file", c.Graphite.KeyFile})...)
	}
	found = append(found,
		doctor.Writable(e.host, e.user, doctor.Directory{Option: "src-dir", Path: absolute(c.Process.SrcDir), Beside: []string{".reader.lock", ".trash", ".corrupt"}}),
		doctor.Writable(e.host, e.user, doctor.Directory{Option: "queue-dir", Path: absolute(c.Graphite.QueueDir)}))
	if c.LocalStore.Enabled {
		found = append(found, doctor.Writable(e.host, e.user, doctor.Directory{Option: "dir of [local-store]", Path: absolute(c.LocalStore.Dir)}))
	}
	return append(found, doctor.Running(ctx, e.root, doctor.Instance{
		Program: string(config.ForProcess), Dir: absolute(c.Process.SrcDir), Holder: spool.ReaderOf, Socket: c.Process.StatusSocket, Ask: status.Ask,
	})...)
}

// spool looks at what waits, and at the room for what may come to wait.
func (e examination) spool(ctx context.Context, p, s *config.Config, from *reading) []doctor.Finding {
	dst, src := absolute(p.Pull.DstDir), absolute(s.Process.SrcDir)
	found := []doctor.Finding{doctor.SameSpool(e.resolved(dst), e.resolved(src))}
	found = append(found, waiting(src, p)...)

	files := from.wait(ctx)
	rooms := []doctor.Room{{Option: "dst-dir", Path: dst}, {Option: "queue-dir", Path: absolute(s.Graphite.QueueDir), Bytes: uint64(s.Graphite.QueueMaxBytes)}}
	if len(files) > 0 { // with the manifest, the directory and a mark
		rooms[0].Bytes = uint64(p.Pull.QueueSize) * uint64(files.size())
		rooms[0].Files = uint64(p.Pull.QueueSize) * uint64(len(files)+3)
	}
	if s.LocalStore.Enabled {
		rooms = append(rooms, doctor.Room{Option: "dir of [local-store]", Path: absolute(s.LocalStore.Dir), Unbounded: true})
	}
	return append(found, doctor.Space(e.host, e.host, rooms)...)
}

// waiting looks at the snapshots in the spool, and at those that were given up.
func waiting(dir string, p *config.Config) []doctor.Finding {
	skipped := func(check, dir string, err error) doctor.Finding {
		f := doctor.Finding{Check: check, Subject: dir, Verdict: doctor.Skipped, Text: err.Error()}
		if errors.Is(err, fs.ErrPermission) {
			f.Remedy = "run doctor as root"
		}
		return f
	}
	var found []doctor.Finding
	places, err := spool.List(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		found = append(found, skipped("spool-times", dir, err))
	} else {
		var w []doctor.Waiting
		for _, place := range places {
			if info, err := os.Lstat(place.Path); err == nil { // else it has just been done
				w = append(w, doctor.Waiting{Epoch: place.Epoch, Changed: info.ModTime()})
			}
		}
		found = append(found, doctor.SpoolTimes(dir, w, time.Now(), p.Pull.PullInterval, cmp.Or(p.Pull.PullTimeout, time.Hour))...)
	}
	corrupt := dir + ".corrupt"
	places, err = spool.List(corrupt)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return append(found, skipped("given-up", corrupt, err))
	}
	return append(found, doctor.GivenUp(corrupt, len(places)))
}
