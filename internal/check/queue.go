package check

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"haproxystats/internal/nagios"
	"haproxystats/internal/snapshot"
	"haproxystats/internal/spool"
	"haproxystats/internal/status"
)

// queued describes the queue of snapshots.
type queued struct {
	dir  string
	size int
	age  status.Seconds // of the oldest
	how  string         // where size and age come from, unless the program reported them
}

// checkQueue checks how many snapshots wait.
func checkQueue(ctx context.Context, i Installation, r Request) finding {
	q, f := i.queue(ctx, r)
	if f != nil {
		return *f
	}
	t := r.or(above(60), above(120))
	return finding{
		status:  t.judge(float64(q.size)),
		text:    fmt.Sprintf("%s in %s%s", snapshots(q.size), q.dir, q.how),
		metrics: []nagios.Metric{t.metric("queue", float64(q.size), ""), gauge("age", q.age, "s")},
	}
}

// checkAge checks how old the oldest snapshot is.
func checkAge(ctx context.Context, i Installation, r Request) finding {
	q, f := i.queue(ctx, r)
	if f != nil {
		return *f
	}
	t := r.or(above(120), above(600))
	text := "no snapshot in " + q.dir
	if q.size > 0 {
		text = fmt.Sprintf("the oldest of %s in %s is %s old", snapshots(q.size), q.dir, ago(q.age))
	}
	return finding{
		status:  t.judge(float64(q.age)),
		text:    text + q.how,
		metrics: []nagios.Metric{t.metric("age", float64(q.age), "s"), gauge("queue", q.size, "")},
	}
}

// queue asks the program that empties the queue, or lists the queue if it does not
// answer.
func (i Installation) queue(ctx context.Context, r Request) (queued, *finding) {
	if r.Filled && i.isLinux() && filepath.Clean(i.DstDir) != filepath.Clean(i.SrcDir) {
		return i.list(i.DstDir, "")
	}
	a := i.ask(ctx, i.process())
	if f := i.unreadable(a); f != nil {
		return queued{}, f
	}
	if d := a.Process; a.answered && d != nil {
		return queued{dir: i.SrcDir, size: d.Waiting + d.Workers.Busy, age: d.Oldest}, nil
	}
	if !i.isLinux() { // what is in a directory of this name here may be anything
		f := i.unanswered(i.process(), a)
		return queued{}, &f
	}
	why := a.why
	if a.answered {
		why = "haproxystats-process is " + string(a.State)
	}
	return i.list(i.SrcDir, why)
}

func (i Installation) list(dir, why string) (queued, *finding) {
	snapshots, err := spool.List(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return queued{}, &finding{status: nagios.Unknown, text: fmt.Sprintf("%s does not exist: neither program was ever started, or this is not their configuration", dir)}
	}
	if err != nil {
		f := i.unseen(dir, err)
		return queued{}, &f
	}
	q := queued{dir: dir, size: len(snapshots)}
	if why != "" {
		q.how = ", counted by listing it: " + why
	}
	if len(snapshots) > 0 {
		q.age = status.For(oldest(snapshots, time.Now()))
	}
	return q, nil
}

// oldest returns the age of the oldest snapshot whose time is plausible; 0 for none.
func oldest(snapshots []spool.Listed, now time.Time) (age time.Duration) {
	for _, p := range snapshots {
		age = max(age, snapshot.Age(p.Epoch, now))
	}
	return age
}

// snapshots returns a number of snapshots in words.
func snapshots(n int) string {
	if n == 1 {
		return "1 snapshot"
	}
	return fmt.Sprintf("%d snapshots", n)
}
