package doctor

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"haproxystats/internal/config"
	"haproxystats/internal/spool"
	"haproxystats/internal/status"
)

// absolute returns the path from the root, because the user may run remedies in
// another directory.
func absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}

// resolved returns the path without links, or the path itself if it does not exist.
func (r *run) resolved(path string) string {
	if real, err := r.host.Real(path); err == nil {
		return real
	}
	return absolute(path)
}

// isMade reports whether the path does not exist yet and the unit makes it before
// the program starts.
func (r *run) isMade(u Unit, path string) bool {
	if !u.makesDirectory(path) {
		return false
	}
	for _, made := range u.Made {
		if within(path, made) {
			_, err := r.host.Stat(made)
			return isMissing(err)
		}
	}
	return false
}

// isMissing reports whether there is nothing at a path.
func isMissing(err error) bool { return errors.Is(err, fs.ErrNotExist) }

// needed is a file that a program reads.
type needed struct{ option, path string }

func (r *run) readable(files ...needed) (found []Finding) {
	for _, f := range files {
		if f.path != "" {
			found = append(found, Readable(r.host, r.user, f.option, absolute(f.path)))
		}
	}
	return found
}

// configurationFiles examines whether the programs can read the configuration.
func (r *run) configurationFiles() []Finding {
	var found []Finding
	if _, err := os.Stat(r.files.File); !errors.Is(err, fs.ErrNotExist) {
		found = r.readable(needed{"the configuration", r.files.File})
	}
	found = append(found, r.readable(needed{"the directory of -d", r.files.Dir})...)
	further, _ := r.files.Further() // an error here has already refused the configuration
	for _, file := range further {
		found = append(found, r.readable(needed{"a further file of the configuration", file})...)
	}
	return found
}

// pull examines the files and directories of haproxystats-pull, and whether it runs.
func (r *run) pull(ctx context.Context, c *config.Config) []Finding {
	var found []Finding
	dst, tmp := absolute(c.Pull.DstDir), absolute(c.Pull.TmpDstDir)
	u := r.unit(ctx, string(config.ForPull))
	needs := []Need{{"dst-dir", dst, true}, {"tmp-dst-dir", tmp, true}}
	if c.Pull.StatusSocket != "" {
		needs = append(needs, Need{"status-socket of [pull]", filepath.Dir(absolute(c.Pull.StatusSocket)), true})
	}
	if c.Pull.StateDir != "" {
		needs = append(needs, Need{"state-dir", absolute(c.Pull.StateDir), true})
		if path := masterSocket(&c.Pull); path != "" {
			needs = append(needs, Need{"master-socket", path, false})
		}
	}
	if c.Pull.SocketDir != "" {
		needs = append(needs, Need{"socket-dir", absolute(c.Pull.SocketDir), false})
	}
	network := ""
	for _, s := range c.Pull.Servers {
		if s.Network == "tcp" {
			network = "servers = tcp://" + s.Address
		} else {
			needs = append(needs, Need{"servers", absolute(s.Address), false})
		}
	}
	found = append(found, UnitAccess(r.host, u, needs, absolute(c.Paths.BaseDir), network)...)
	found = append(found,
		Writable(r.host, r.user, Directory{Option: "dst-dir", Path: dst, Beside: []string{".writer.lock"}, Made: r.isMade(u, dst)}),
		Writable(r.host, r.user, Directory{Option: "tmp-dst-dir", Path: tmp, Made: r.isMade(u, tmp)}),
		SameDisk(r.host, r.host, "tmp-dst-dir", tmp, "dst-dir", dst))
	return append(found, Running(ctx, r.root, Instance{
		Program: string(config.ForPull), Dir: dst, Holder: spool.WriterOf, Socket: c.Pull.StatusSocket, Ask: status.Ask, SHA256: r.pullSHA256,
		Totals: c.Pull.StateDir != "", Hold: c.Pull.HoldWorkers,
	})...)
}

// process examines the files and directories of haproxystats-process, and whether it
// runs.
func (r *run) process(ctx context.Context, c *config.Config) []Finding {
	src := absolute(c.Process.SrcDir)
	u := r.unit(ctx, string(config.ForProcess))
	found := r.sending(c, u, "status-socket of [process]", c.Process.StatusSocket, Need{"src-dir", src, true})
	found = append(found,
		Writable(r.host, r.user, Directory{Option: "src-dir", Path: src, Beside: besideSpool, Made: r.isMade(u, src)}))
	return append(found, Running(ctx, r.root, Instance{
		Program: string(config.ForProcess), Dir: src, Holder: spool.ReaderOf, Socket: c.Process.StatusSocket, Ask: status.Ask, SHA256: r.processSHA256,
	})...)
}

// besideSpool are the endings of what the reader of a spool makes beside it.
var besideSpool = []string{".reader.lock", ".trash", ".corrupt"}

// sending examines the files and directories of a program that sends metrics: those of
// its sinks and lists, its status socket, and what it needs besides.
func (r *run) sending(c *config.Config, u Unit, socketOption, socket string, needs ...Need) []Finding {
	var found []Finding
	for _, f := range c.Process.NameFiles() {
		found = append(found, r.readable(needed{f.Option, f.File})...)
	}
	for _, n := range filesOfPrometheus(c) {
		found = append(found, r.readable(n)...)
		needs = append(needs, Need{n.option, absolute(n.path), false})
	}
	for _, q := range queuesOf(c) {
		needs = append(needs, Need{q.option, q.dir, true})
	}
	for _, n := range slices.Concat(filesOfGraphite(c), filesOfKafka(c), filesOfPushed(c)) {
		found = append(found, r.readable(n)...)
		needs = append(needs, Need{n.option, absolute(n.path), false})
	}
	if socket != "" {
		needs = append(needs, Need{socketOption, filepath.Dir(absolute(socket)), true})
	}
	for _, name := range c.Process.NameFiles() {
		f := Need{Option: name.Option, Path: name.File}
		if f.Path != "" {
			f.Path = absolute(f.Path)
			needs = append(needs, f)
		}
	}
	if c.LocalStore.Enabled {
		needs = append(needs, Need{"dir of [local-store]", absolute(c.LocalStore.Dir), true})
	}
	found = append(found, UnitAccess(r.host, u, needs, absolute(c.Paths.BaseDir), "")...)
	for _, q := range queuesOf(c) {
		found = append(found, Writable(r.host, r.user, Directory{Option: q.option, Path: q.dir, NoLinks: []string{filepath.Join(q.dir, "graphite")}, Made: r.isMade(u, q.dir)}))
	}
	if c.LocalStore.Enabled {
		found = append(found, Writable(r.host, r.user, Directory{Option: "dir of [local-store]", Path: absolute(c.LocalStore.Dir)}))
	}
	return found
}

// queueOf is the queue on disk of a sink.
type queueOf struct {
	option, dir string
	most        int64 // bytes
}

// queuesOf returns the queues of the configured sinks.
func queuesOf(c *config.Config) (queues []queueOf) {
	for _, g := range c.GraphiteSections() {
		queues = append(queues, queueOf{"queue-dir" + ofGraphite(g.Name), absolute(g.Options.QueueDir), g.Options.QueueMaxBytes})
	}
	for _, k := range c.Kafkas {
		if o := k.Options; o.Topic != "" {
			queues = append(queues, queueOf{"queue-dir of [" + config.KafkaSection(k.Name) + "]", absolute(o.QueueDir), o.QueueMaxBytes})
		}
	}
	if f := c.Forward; f.Mode != "" {
		queues = append(queues, queueOf{"queue-dir of [forward]", absolute(f.QueueDir), f.QueueMaxBytes})
	}
	for _, p := range c.Pushed() {
		queues = append(queues, queueOf{"queue-dir of [" + p.Section() + "]", absolute(p.QueueDir), p.QueueMaxBytes})
	}
	return queues
}

// ofGraphite returns what a message says behind an option of a section of Graphite.
func ofGraphite(name string) string {
	if name == "" {
		return ""
	}
	return " of [" + config.GraphiteSection(name) + "]"
}

// filesOfGraphite returns the files of encrypted connections to Graphite.
func filesOfGraphite(c *config.Config) (files []needed) {
	for _, g := range c.GraphiteSections() {
		if !g.Options.TLS && g.Options.VerifyURL == "" {
			continue
		}
		for _, f := range []needed{{"ca-file", g.Options.CAFile}, {"cert-file", g.Options.CertFile}, {"key-file", g.Options.KeyFile}} {
			if f.path != "" {
				files = append(files, needed{f.option + ofGraphite(g.Name), f.path})
			}
		}
	}
	return files
}

// filesOfKafka returns the files of the connections to Kafka.
func filesOfKafka(c *config.Config) (files []needed) {
	for _, k := range c.Kafkas {
		o, section := k.Options, " of ["+config.KafkaSection(k.Name)+"]"
		for _, f := range []needed{
			{"ca-file", o.CAFile},
			{"cert-file", o.CertFile},
			{"key-file", o.KeyFile},
			{"sasl-password-file", o.SASLPasswordFile},
			{"sasl-token-file", o.SASLTokenFile},
		} {
			if f.path != "" {
				files = append(files, needed{f.option + section, f.path})
			}
		}
	}
	return files
}

// filesOfPushed returns the files of the sections that post metrics.
func filesOfPushed(c *config.Config) (files []needed) {
	for _, p := range c.Pushed() {
		for _, f := range []needed{
			{"ca-file", p.CAFile},
			{"cert-file", p.CertFile},
			{"key-file", p.KeyFile},
			{"password-file", p.PasswordFile},
			{"token-file", p.TokenFile},
		} {
			if f.path != "" {
				files = append(files, needed{f.option + " of [" + p.Section() + "]", f.path})
			}
		}
	}
	return files
}

// spool examines the waiting snapshots and the disk space for more.
func (r *run) spool(ctx context.Context, p, s *config.Config, from *replies) []Finding {
	dst, src := absolute(p.Pull.DstDir), absolute(s.Process.SrcDir)
	found := []Finding{SameSpool(r.resolved(dst), r.resolved(src))}
	found = append(found, waiting(src, p)...)

	files := from.wait(ctx)
	rooms := []Room{{Option: "dst-dir", Path: dst}}
	for _, q := range queuesOf(s) {
		rooms = append(rooms, Room{Option: q.option, Path: q.dir, Bytes: uint64(q.most)})
	}
	if len(files) > 0 { // the manifest, the directory and the record of attempts count too
		rooms[0].Bytes = uint64(p.Pull.QueueSize) * uint64(files.Size())
		rooms[0].Files = uint64(p.Pull.QueueSize) * uint64(len(files)+3)
	}
	if p.Pull.StateDir != "" { // the last replies, and bases that are smaller
		rooms = append(rooms, Room{Option: "state-dir", Path: absolute(p.Pull.StateDir), Bytes: 2 * uint64(files.Size()), Holds: "the totals"})
	}
	if s.LocalStore.Enabled {
		rooms = append(rooms, Room{Option: "dir of [local-store]", Path: absolute(s.LocalStore.Dir), Unbounded: true})
	}
	return append(found, Space(r.host, r.host, rooms)...)
}

// waiting counts the snapshots that wait, and those that were given up.
func waiting(dir string, p *config.Config) []Finding {
	skipped := func(check, dir string, err error) Finding {
		f := Finding{Check: check, Subject: dir, Verdict: Skipped, Text: err.Error()}
		if errors.Is(err, fs.ErrPermission) {
			f.Remedy = asRootRemedy
		}
		return f
	}
	var found []Finding
	entries, err := spool.List(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		found = append(found, skipped("spool-times", dir, err))
	} else {
		var w []Waiting
		for _, entry := range entries {
			if info, err := os.Lstat(entry.Path); err == nil { // otherwise the snapshot has just been processed
				w = append(w, Waiting{Epoch: entry.Epoch, Changed: info.ModTime()})
			}
		}
		found = append(found, SpoolTimes(dir, w, time.Now(), p.Pull.PullInterval, cmp.Or(p.Pull.PullTimeout, time.Hour))...)
	}
	corrupt := dir + ".corrupt"
	entries, err = spool.List(corrupt)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return append(found, skipped("given-up", corrupt, err))
	}
	return append(found, GivenUp(corrupt, len(entries)))
}
