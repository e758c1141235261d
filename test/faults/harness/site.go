package harness

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"haproxystats/test/real"
)

// Site is a place where the programs are installed, for one test.
type Site struct {
	T   *testing.T
	Ctx context.Context // ends when the test must, or a program has ended by itself
	Dir string          // short, as sockets want it

	fail context.CancelCauseFunc
}

// NewSite makes a site that is removed when the test ends.
func NewSite(t *testing.T) *Site {
	t.Helper()
	dir, err := os.MkdirTemp("", "ft-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	limit := 10 * time.Minute // only what hangs takes so long
	if Full() {
		limit = 2 * time.Hour
	}
	timed, stop := context.WithTimeout(t.Context(), limit)
	t.Cleanup(stop)
	ctx, fail := context.WithCancelCause(timed)
	t.Cleanup(func() { fail(nil) })
	return &Site{T: t, Ctx: ctx, Dir: dir, fail: fail}
}

// Path returns a path of the site.
func (s *Site) Path(elem ...string) string {
	return filepath.Join(append([]string{s.Dir}, elem...)...)
}

// Mkdir makes a directory of the site.
func (s *Site) Mkdir(elem ...string) string {
	s.T.Helper()
	dir := s.Path(elem...)
	s.Must(os.MkdirAll(dir, 0o750))
	return dir
}

// Must ends the test if there is an error.
func (s *Site) Must(errs ...error) {
	s.T.Helper()
	if err := errors.Join(errs...); err != nil {
		s.T.Fatal(err)
	}
}

// Cause says why the site's context has ended.
func (s *Site) Cause() error { return context.Cause(s.Ctx) }

// Until asks every 5 ms until ok says true, and ends the test when the limit is
// over, which is longer on a busy machine: for what makes no event here, such as the
// end of a program's own file.
func (s *Site) Until(what string, limit time.Duration, ok func() bool) {
	s.T.Helper()
	if !s.Within(limit, ok) {
		if err := s.Ctx.Err(); err != nil {
			s.T.Fatalf("wait for %s: %v", what, s.Cause())
		}
		s.T.Fatalf("wait for %s: not within %v", what, limit)
	}
}

// Within is like Until and reports whether ok said true in time.
func (s *Site) Within(limit time.Duration, ok func() bool) bool {
	start := time.Now()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
			if took := time.Since(start); took > limit && took > real.Loaded(limit) {
				return ok()
			}
		case <-s.Ctx.Done():
			return false
		}
	}
	return true
}

// Pause waits, for faults that take their time.
func (s *Site) Pause(d time.Duration) {
	s.T.Helper()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.Ctx.Done():
		s.T.Fatal(s.Cause())
	}
}

// Options are options by section and name.
type Options map[string]map[string]string

// Config says what the programs of a site work with.
type Config struct {
	Base       string  // base-dir; empty: base below the site
	Source     *Source // nil: no socket-dir
	Port       int     // of Graphite
	LocalStore bool
	// Set overrides options, or adds some.
	Set Options
}

// Base returns the base directory of a configuration that names none.
func (s *Site) Base() string { return s.Path("base") }

// Incoming returns the queue of a configuration that names no base.
func (s *Site) Incoming() string { return s.Path("base", "incoming") }

// Configure writes a configuration and returns its path. Both programs share
// it. A Graphite that is away is tried ten times a second. Connections are held
// for a moment only, except where a test sets another time.
func (s *Site) Configure(c Config) (conf string) {
	s.T.Helper()
	if c.Base == "" {
		c.Base = s.Mkdir("base")
	}
	all := Options{
		"paths": {"base-dir": c.Base},
		"pull":  {"pull-interval": "1", "pull-timeout": "2", "timeout": "1", "retries": "0"},
		"process": {
			"per-process-metrics": "yes", "frontend-metrics": strings.Join(statFields, " "),
			"backend-metrics": strings.Join(statFields, " "), "server-metrics": strings.Join(statFields, " "),
		},
		"graphite": {
			"namespace": "ft", "prefix-hostname": "no", "retries": "1", "interval": "0.1", "backoff": "1", "delay": "0.1",
			"confirm-hold": "0.2",
		},
	}
	if c.Port != 0 {
		all["graphite"]["port"] = fmt.Sprint(c.Port)
	}
	if c.Source != nil {
		all["pull"]["socket-dir"] = c.Source.Dir
	}
	if c.LocalStore {
		all["local-store"] = map[string]string{"dir": filepath.Join(c.Base, "local-store")}
	}
	for section, options := range c.Set {
		if all[section] == nil {
			all[section] = make(map[string]string)
		}
		maps.Copy(all[section], options)
	}
	var b strings.Builder
	for _, section := range slices.Sorted(maps.Keys(all)) {
		fmt.Fprintf(&b, "[%s]\n", section)
		for _, option := range slices.Sorted(maps.Keys(all[section])) {
			fmt.Fprintf(&b, "%s = %s\n", option, all[section][option])
		}
	}
	f, err := os.CreateTemp(s.Dir, "*.conf")
	s.Must(err)
	_, err = f.WriteString(b.String())
	s.Must(err, f.Close())
	return f.Name()
}
