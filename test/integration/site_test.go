package integration

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"haproxystats/test/real"
)

// The programs.
const (
	pullProgram    = "haproxystats-pull"
	processProgram = "haproxystats-process"
)

// endLimit is how long a program may take to end after a signal.
const endLimit = 5 * time.Second

// site is a place where the programs are installed.
type site struct {
	t    *testing.T
	ctx  context.Context // ends when the test must, or a program has ended by itself
	fail context.CancelCauseFunc
	dir  string // short, as HAProxy wants it for its sockets
}

func newSite(t *testing.T) *site {
	t.Helper()
	dir, err := os.MkdirTemp("", "hs-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	timed, stop := context.WithTimeout(t.Context(), deadline)
	t.Cleanup(stop)
	ctx, fail := context.WithCancelCause(timed)
	t.Cleanup(func() { fail(nil) })
	return &site{t: t, ctx: ctx, fail: fail, dir: dir}
}

func (s *site) path(elem ...string) string {
	return filepath.Join(append([]string{s.dir}, elem...)...)
}

// mkdir makes a directory of the site.
func (s *site) mkdir(elem ...string) string {
	s.t.Helper()
	dir := s.path(elem...)
	if err := os.MkdirAll(dir, 0o750); err != nil {
		s.t.Fatal(err)
	}
	return dir
}

// configure writes NAME.conf for programs whose directories are below NAME.
func (s *site) configure(name, sections string) (conf string) {
	s.t.Helper()
	conf = s.path(name + ".conf")
	text := fmt.Sprintf("[DEFAULT]\nloglevel = info\n[paths]\nbase-dir = %s\n%s", s.mkdir(name), sections)
	if err := os.WriteFile(conf, []byte(text), 0o640); err != nil {
		s.t.Fatal(err)
	}
	return conf
}

// pullSection is the configuration for the sockets of a fleet. A second is the
// shortest interval; an hour is for one round. Without accounts, as metrics are compared
// with what the members say themselves: recordings stand still, so that their workers
// seem to be born anew. Totals have their tests in test/reloads.
func pullSection(f *fleet, interval time.Duration) string {
	text := fmt.Sprintf("[pull]\nsocket-dir = %s\npull-interval = %g\npull-timeout = 10\ntimeout = 5\nstate-dir =\n",
		f.socketDir, interval.Seconds())
	if len(f.servers) > 0 {
		text += "servers = " + strings.Join(f.servers, ", ") + "\n"
	}
	return text
}

// graphiteSection is the configuration of a Graphite that is tried often.
func graphiteSection(port int) string {
	return fmt.Sprintf("[graphite]\nport = %d\nnamespace = it\nprefix-hostname = false\n"+
		"retries = 1\ninterval = 0.1\ndelay = 0.2\nconnect-timeout = 5\nwrite-timeout = 5\nconfirm-hold = 0.2\n", port)
}

// root begins every path.
const root = "it.haproxy."

// program is one of ours at work.
type program struct {
	*real.Process
	s      *site
	name   string
	ending chan struct{} // closed when the test ends it
}

// start runs a program, which must not end by itself before the test does.
func (s *site) start(name, conf string) *program {
	s.t.Helper()
	dir, err := built()
	if err != nil {
		s.t.Fatal(err)
	}
	r, err := real.StartProcess(real.Command{
		Name: name, Path: filepath.Join(dir, name), Args: []string{"-f", conf}, Dir: s.dir,
		// The race detector would make each program end a second late.
		Env: append(os.Environ(), "GORACE=atexit_sleep_ms=0"),
	})
	if err != nil {
		s.t.Fatal(err)
	}
	p := &program{Process: r, s: s, name: name, ending: make(chan struct{})}
	watching := make(chan struct{})
	go func() {
		defer close(watching)
		<-p.Done()
		select {
		case <-p.ending:
		default:
			s.fail(fmt.Errorf("%s has ended by itself: %v", name, p.Err()))
		}
	}()
	s.t.Cleanup(func() {
		p.expectEnd()
		p.Kill()
		<-watching
		if s.t.Failed() {
			s.t.Logf("%s said:\n%s", name, p.Output())
		}
	})
	return p
}

func (p *program) expectEnd() {
	select {
	case <-p.ending:
	default:
		close(p.ending)
	}
}

// end sends the signal and wants the program to end with status 0 in time.
func (p *program) end(signal syscall.Signal) {
	p.s.t.Helper()
	endAll(signal, p)
}

// endAll ends programs at the same time.
func endAll(signal syscall.Signal, programs ...*program) {
	for _, p := range programs {
		p.s.t.Helper()
		p.expectEnd()
		if err := p.Signal(signal); err != nil {
			p.s.t.Errorf("%v: %v: %s", err, p.Err(), p.Output())
		}
	}
	timer := time.NewTimer(real.Loaded(endLimit))
	defer timer.Stop()
	for _, p := range programs {
		select {
		case <-p.Done():
			if err := p.Err(); err != nil {
				p.s.t.Errorf("%s: %v after %v, want status 0", p.name, err, signal)
			}
		case <-timer.C:
			p.s.t.Fatalf("%s has not ended %v after %v", p.name, endLimit, signal)
		}
	}
}

// kill ends the program as a crash does.
func (p *program) kill() {
	p.expectEnd()
	p.Kill()
}

// says fails the test unless the program, which has ended, logged a line with
// all the parts.
func (p *program) says(parts ...string) {
	p.s.t.Helper()
	_ = p.Err() // all output has been read then
lines:
	for line := range strings.Lines(p.Output()) {
		for _, part := range parts {
			if !strings.Contains(line, part) {
				continue lines
			}
		}
		return
	}
	p.s.t.Errorf("%s said nothing of %q", p.name, parts)
}

// cause says why the site's context has ended.
func (s *site) cause() error { return context.Cause(s.ctx) }

// must ends the test if there is an error.
func (s *site) must(errs ...error) {
	s.t.Helper()
	if err := errors.Join(errs...); err != nil {
		s.t.Fatal(err)
	}
}
