package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"reflect"
	"sync"
	"time"

	"haproxystats/internal/config"
	"haproxystats/internal/status"
)

// Reloads brings a changed configuration to a running program. A nil Reloads brings none.
type Reloads struct {
	program Program
	service *Supervisor
	log     Log
	wanted  chan struct{} // asked for, and not begun yet

	mu     sync.Mutex
	loaded *config.Loaded // that the program runs with
	sha256 string         // of the configuration that the program runs with
	since  time.Time      // when that was loaded
	failed time.Time      // when the last reload failed; zero if it did not
	cause  string
	asked  int // reloads that were asked for and have not ended
}

func newReloads(program Program, loaded *config.Loaded, service *Supervisor, log Log) *Reloads {
	return &Reloads{
		program: program, service: service, log: log, wanted: make(chan struct{}, 1),
		loaded: loaded, sha256: loaded.SHA256, since: time.Now(),
	}
}

// listen asks for a reload at each signal, until ctx ends.
func (r *Reloads) listen(ctx context.Context, signals <-chan os.Signal) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-signals:
			r.want()
		}
	}
}

// want asks for a reload. One that has not begun yet serves all who have asked.
func (r *Reloads) want() {
	r.mu.Lock()
	defer r.mu.Unlock()
	select {
	case r.wanted <- struct{}{}:
		r.asked++
	default:
	}
}

// ended takes note that a reload has ended, in one way or another.
func (r *Reloads) ended() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked--
}

// serve makes the reloads that are asked for, until ctx ends. apply makes the program run
// with a configuration; after an error the program runs with the one before.
func (r *Reloads) serve(ctx context.Context, apply func(context.Context, *config.Loaded) error) {
	if r == nil {
		return
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.wanted:
		}
		r.service.reloading()
		r.reload(ctx, apply)
		r.ended()
		if ctx.Err() == nil {
			r.service.ready()
		}
	}
}

// refused is the message of each way in which a reload fails.
const refused = "configuration is not reloaded, going on with the old one"

func (r *Reloads) reload(ctx context.Context, apply func(context.Context, *config.Loaded) error) {
	log := r.log.Logger
	log.Info("reading the configuration again")
	next, err := r.loaded.Again()
	if err != nil {
		var problems config.Problems
		if !errors.As(err, &problems) {
			problems = config.Problems{{Reason: err.Error()}}
		}
		for _, p := range problems {
			log.Error("the configuration is refused", "problem", p)
		}
		log.Error(refused, "problems", len(problems))
		// More people may read the status than the configuration.
		cause := "the configuration has an error: "
		if n := len(problems); n > 1 {
			cause = fmt.Sprintf("the configuration has %d errors; the first is ", n)
		}
		r.failure(cause + problems[0].Public())
		return
	}
	if next.Notice != "" {
		log.Info(next.Notice)
	}
	for _, w := range next.Warnings {
		log.Warn("the configuration may not mean what it says", "problem", w)
	}
	if next.SHA256 == r.loaded.SHA256 {
		r.done(r.loaded, r.sha256)
		log.Info("configuration reloaded, and nothing in it has changed")
		return
	}
	hash := next.SHA256
	for _, o := range lasting(r.program.Name, &r.loaded.Config, &next.Config) {
		log.Warn("option takes effect after a restart only", "option", o.name, "value", o.next, "still", o.now,
			"hint", "Run systemctl restart "+string(r.program.Name))
		hash = status.Partly + next.SHA256
	}
	start := time.Now()
	if err := apply(ctx, next); err != nil {
		if ctx.Err() != nil {
			return // the program ends
		}
		r.failure(err.Error())
		log.Error(refused, "error", err)
		return
	}
	r.log.set(r.program.Log(&next.Config))
	r.done(next, hash)
	log.Info("configuration reloaded", "duration", time.Since(start))
}

func (r *Reloads) done(loaded *config.Loaded, sha256 string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.loaded, r.sha256, r.since = loaded, sha256, time.Now()
	r.failed, r.cause = time.Time{}, ""
}

func (r *Reloads) failure(cause string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failed, r.cause = time.Now(), cause
}

// fill sets what the status document says of the configuration.
func (r *Reloads) fill(d *status.Document) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	d.ConfigSHA256, d.ConfigLoaded = r.sha256, status.At(r.since)
	d.ReloadFailed, d.ReloadCause = status.At(r.failed), r.cause
	d.ReloadPending = r.asked > 0
}

// state returns when the configuration was loaded, and whether the last reload has failed.
func (r *Reloads) state() (loaded time.Time, failed bool) {
	if r == nil {
		return time.Time{}, false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.since, !r.failed.IsZero()
}

// lastingOption is an option that a reload does not change.
type lastingOption struct {
	name      string
	now, next any
}

// lasting returns the options that have changed and need a restart: directories that a
// program has locked, and the status socket. It gives them their old values in next.
func lasting(program config.Program, now, next *config.Config) (changed []lastingOption) {
	keep := func(section, option string, now, next any) {
		to := reflect.ValueOf(next).Elem()
		from := reflect.ValueOf(now).Elem()
		if reflect.DeepEqual(to.Interface(), from.Interface()) {
			return
		}
		changed = append(changed, lastingOption{"[" + section + "] " + option, from.Interface(), to.Interface()})
		to.Set(from)
	}
	switch program {
	case config.ForPull:
		keep("pull", "dst-dir", &now.Pull.DstDir, &next.Pull.DstDir)
		keep("pull", "tmp-dst-dir", &now.Pull.TmpDstDir, &next.Pull.TmpDstDir)
		keep("pull", "state-dir", &now.Pull.StateDir, &next.Pull.StateDir)
		keep("pull", "status-socket", &now.Pull.StatusSocket, &next.Pull.StatusSocket)
		keep("DEFAULT", "hostname", &now.Default.Hostname, &next.Default.Hostname)
	case config.ForProcess:
		keep("paths", "base-dir", &now.Paths.BaseDir, &next.Paths.BaseDir)
		keep("process", "src-dir", &now.Process.SrcDir, &next.Process.SrcDir)
		keep("process", "status-socket", &now.Process.StatusSocket, &next.Process.StatusSocket)
	case config.ForCentral:
		keep("central", "work-dir", &now.Central.WorkDir, &next.Central.WorkDir)
		keep("central", "status-socket", &now.Central.StatusSocket, &next.Central.StatusSocket)
	}
	return changed
}
