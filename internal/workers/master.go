package workers

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"haproxystats/internal/haproxy"
	"haproxystats/internal/pull"
	"haproxystats/internal/snapshot"
	"haproxystats/internal/truth"
	"haproxystats/internal/truth/store"
)

const (
	// firstTruce is the time for which a master is left alone after trouble; it doubles
	// each time, up to lastTruce.
	firstTruce = time.Minute
	lastTruce  = time.Hour
	// maxAsked bounds the workers that are asked through the master in a round.
	maxAsked = 16
)

// master is what is known of a HAProxy's master.
type master struct {
	path   string
	failed int  // failed reloads at the last question
	known  bool // it has answered
	until  time.Time
	truce  time.Duration
	told   time.Time
}

// life is one life of a master. Its process identifier alone is not enough: in
// containers it is always the same.
type life struct {
	pid   int
	start int64 // in seconds since 1970; 0 if it is not known
}

// lifeSlack is the number of seconds by which two start times of one life may differ.
// Both follow from uptimes in whole seconds.
const lifeSlack = 5

// isSame reports whether both are known to be one life.
func (l life) isSame(o life) bool {
	return l.pid > 0 && l.pid == o.pid && l.start > 0 && o.start > 0 && l.start-o.start <= lifeSlack && o.start-l.start <= lifeSlack
}

// maxMasters bounds the masters that are asked.
const maxMasters = 16

// split returns the stats sockets of a round, and the paths of the masters to ask.
func (k *Keeper) split(asked []pull.Asked) (stats []pull.Asked, masters []string) {
	for _, a := range asked {
		if !a.Master {
			stats = append(stats, a)
		} else if k.opt().FindMasters && k.opt().Master == "" && len(masters) < maxMasters {
			masters = append(masters, a.Socket.Address)
		}
	}
	if k.opt().Master != "" {
		masters = []string{k.opt().Master}
	}
	return stats, masters
}

// askMasters asks one master after another. After trouble with one, the others wait for
// the next round, so that a round takes no longer.
func (k *Keeper) askMasters(ctx context.Context, paths []string, turns []*turn, counts *snapshot.Workers) {
	known := k.masters
	k.masters = make(map[string]*master)
	for _, path := range paths {
		k.masters[path] = cmp.Or(known[path], &master{path: path})
	}
	for _, path := range paths {
		if !k.askMaster(ctx, k.masters[path], turns, counts) {
			return
		}
	}
}

// askMaster hears through a master of workers that no connection is held to, and counts
// failed reloads. It uses one connection at a time and a bounded time: a worker that
// hangs makes the master hang for everybody. It reports whether there was no trouble.
func (k *Keeper) askMaster(ctx context.Context, m *master, turns []*turn, counts *snapshot.Workers) bool {
	if time.Now().Before(m.until) || ctx.Err() != nil {
		return true
	}
	asking, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	list, err := k.opt().Client.Processes(asking, "unix", m.path)
	if err == nil {
		failed := 0
		if m.known && list.Failed > m.failed {
			counts.FailedReloads += int64(list.Failed - m.failed)
			failed = list.Failed - m.failed
			k.log.Warn("reload of HAProxy has failed, its workers go on", "socket", m.path, "failed", list.Failed,
				"hint", "Run haproxy -c -f on HAProxy's configuration")
		}
		m.failed, m.known = list.Failed, true
		err = k.hearOthers(asking, m, turns, list)
		noteFailed(turns, list, failed)
	}
	if err == nil {
		m.truce = 0
		return true
	}
	if ctx.Err() != nil {
		return false
	}
	m.truce = min(max(2*m.truce, firstTruce), lastTruce)
	m.until = time.Now().Add(m.truce)
	if time.Since(m.told) >= again {
		m.told = time.Now()
		k.log.Warn("HAProxy's master does not answer, leaving it alone for a while", "socket", m.path, "duration", m.truce, "error", err)
	}
	return false
}

// noteFailed tells the first socket whose current worker the master lists of reloads
// that have failed; or the first one, if it lists none.
func noteFailed(turns []*turn, list haproxy.Processes, failed int) {
	var home *turn
	for _, t := range turns {
		if t.info != nil && slices.Contains(list.Workers, t.info.Instance.Pid) && (home == nil || t.Name < home.Name) {
			home = t
		}
	}
	if home == nil && len(turns) > 0 {
		home = turns[0]
	}
	if home != nil {
		home.failedReloads += failed
	}
}

// hearOthers asks the workers that no turn has heard. They belong to the first of the
// sockets whose current worker the master lists.
func (k *Keeper) hearOthers(ctx context.Context, m *master, turns []*turn, list haproxy.Processes) error {
	var home *turn
	heard := make(map[int]bool)
	order := slices.SortedFunc(slices.Values(turns), func(a, b *turn) int { return cmp.Compare(a.Name, b.Name) })
	for _, t := range order {
		if t.info == nil || t.err != nil || !slices.Contains(list.Workers, t.info.Instance.Pid) {
			continue
		}
		if home == nil {
			home = t
		}
		t.master.pid = list.Pid
		if list.Uptime >= 0 {
			t.master.start = time.Now().Unix() - list.Uptime
		}
		t.alive = make(map[int]bool)
		for _, pid := range list.Workers {
			t.alive[pid] = true
		}
		for _, i := range t.names {
			heard[i.Pid] = true
		}
	}
	if home == nil {
		return nil
	}
	asked := 0
	for _, pid := range list.Workers {
		if heard[pid] || asked == maxAsked {
			continue
		}
		asked++
		var info, stat bytes.Buffer
		err := k.opt().Client.FetchWorker(ctx, "unix", m.path, pid, &info, &stat)
		if errors.Is(err, haproxy.ErrNotStats) { // it has ended meanwhile
			home.alive[pid] = false
			continue
		}
		if err != nil {
			return err
		}
		if err := home.addThrough(pid, info.Bytes(), stat.Bytes()); err != nil {
			return err
		}
	}
	return nil
}

// addThrough adds the replies of a worker that came through the master, if it is one
// that stops.
func (t *turn) addThrough(pid int, info, stat []byte) error {
	now, err := truth.ReadInfo(bytes.NewReader(info), t.at)
	if err != nil {
		return err
	}
	if now.Instance.Pid != pid || !now.Stopping {
		return nil // a worker that still starts, or serves after a failed reload
	}
	t.socket.account.Resolve(now)
	i := snapshot.Instance{Pid: pid, Start: now.Instance.Start, Role: snapshot.Old}
	reply := store.Reply{ProxiesOnly: t.keeper.opt().Client.ProxiesOnly}
	for _, f := range []struct {
		suffix string
		text   []byte
		to     *store.Source
	}{{snapshot.InfoSuffix, info, &reply.Info}, {snapshot.StatSuffix, stat, &reply.Stat}} {
		name := i.File(t.Name, f.suffix)
		if err := write(t.files, name, f.text); err != nil {
			return errors.Join(err, remove(t.files, name))
		}
		*f.to = staged{t.files, name}
	}
	t.noteStopped(now.Instance)
	t.add(now.Instance, reply)
	return nil
}

func write(files pull.Stage, name string, text []byte) error {
	f, err := files.Create(name)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Close())
}
