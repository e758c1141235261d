package harness

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"haproxystats/test/programs"
	"haproxystats/test/real"
)

// The programs.
const (
	Pull    = "haproxystats-pull"
	Process = "haproxystats-process"
	Central = "haproxystats-central"
)

// EndLimit is how long a program may take to end after a signal.
const EndLimit = 5 * time.Second

// built is where [Main] has the programs built at the first call.
var built func() (dir string, err error)

// build compiles the programs without the race detector, whose memory and time
// would not be the programs' own.
func build(dir string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	return programs.Build(ctx, dir)
}

// Binary returns the path of a program, built from this checkout.
func (s *Site) Binary(name string) string {
	s.T.Helper()
	dir, err := built()
	s.Must(err)
	return filepath.Join(dir, name)
}

// Program is one of the real programs at work.
type Program struct {
	*real.Process
	Name string

	site   *Site
	ending sync.Once
	wanted chan struct{} // closed when its end is expected
}

// Launch says how to start a program.
type Launch struct {
	Name   string   // Pull, Process or Central
	Conf   string   // as Site.Configure returns it
	Prefix []string // a command that starts it, such as strace with its options
	Env    []string // in addition to this process's
}

// Start starts a program with a configuration. It must not end by itself:
// should it, the site's context ends with the reason.
func (s *Site) Start(name, conf string) *Program {
	s.T.Helper()
	return s.Launch(Launch{Name: name, Conf: conf})
}

// Launch starts a program. Of one behind a prefix, Pid and Signal are the
// prefix's.
func (s *Site) Launch(l Launch) *Program {
	s.T.Helper()
	args := slices.Concat(l.Prefix, []string{s.Binary(l.Name), "-f", l.Conf})
	path, err := exec.LookPath(args[0])
	s.Must(err)
	c := real.Command{Name: l.Name, Path: path, Args: args[1:], Dir: s.Dir}
	if l.Env != nil {
		c.Env = append(os.Environ(), l.Env...)
	}
	r, err := real.StartProcess(c)
	s.Must(err)
	p := &Program{Process: r, Name: l.Name, site: s, wanted: make(chan struct{})}
	watching := make(chan struct{})
	go func() {
		defer close(watching)
		<-p.Done()
		select {
		case <-p.wanted:
		default:
			s.fail(fmt.Errorf("%s has ended by itself: %v: %s", p.Name, p.Err(), last(p.Output(), 5)))
		}
	}()
	s.T.Cleanup(func() {
		p.ExpectEnd()
		p.Process.Kill()
		<-watching
		if s.T.Failed() {
			s.T.Logf("%s said:\n%s", p.Name, last(p.Output(), 60))
		}
	})
	return p
}

// Refused starts a program that must end by itself with a status above 0, and
// returns what it said.
func (s *Site) Refused(l Launch) (output string) {
	s.T.Helper()
	ctx, cancel := context.WithTimeout(s.Ctx, real.Loaded(EndLimit))
	defer cancel()
	args := slices.Concat(l.Prefix, []string{s.Binary(l.Name), "-f", l.Conf})
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Env = append(os.Environ(), l.Env...)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() <= 0 {
		s.T.Errorf("%s: %v, want a status above 0: %s", l.Name, err, out)
	}
	return string(out)
}

// last returns the last lines of a text.
func last(text string, lines int) string {
	all := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

// ExpectEnd says that the program may end from now on.
func (p *Program) ExpectEnd() { p.ending.Do(func() { close(p.wanted) }) }

// Kill ends the program with SIGKILL, and waits for it.
func (p *Program) Kill() {
	p.ExpectEnd()
	p.Process.Kill()
}

// Freeze stops the program until Thaw. Its threads stop a little later than the
// signal is sent; it waits for the last one.
func (p *Program) Freeze() {
	p.site.T.Helper()
	p.site.Must(p.Signal(syscall.SIGSTOP))
	p.site.Until(p.Name+" to stop", EndLimit, func() bool {
		stopped := true
		p.eachThread("stat", func(text string) {
			// The state comes behind the name, which may hold anything.
			stopped = stopped && strings.HasPrefix(text[strings.LastIndexByte(text, ')')+1:], " T")
		})
		return stopped
	})
}

// Thaw lets the program go on.
func (p *Program) Thaw() { p.site.Must(p.Signal(syscall.SIGCONT)) }

// Ended reports whether the program has ended.
func (p *Program) Ended() bool {
	select {
	case <-p.Done():
		return true
	default:
		return false
	}
}

// End sends a signal, wants the program to end in time with status 0, and
// returns how long it took. It waits for the program's first words: before them
// it does not catch signals yet, and one ends it with another status.
func (p *Program) End(signal syscall.Signal) time.Duration {
	p.site.T.Helper()
	p.site.Within(EndLimit, func() bool { return p.Ended() || p.Output() != "" })
	p.ExpectEnd()
	start := time.Now()
	if err := p.Signal(signal); err != nil {
		p.site.T.Errorf("%v: %v: %s", err, p.Err(), last(p.Output(), 5))
		return 0
	}
	return p.WaitEnd(signal.String(), start)
}

// WaitEnd wants the program to end in time with status 0.
func (p *Program) WaitEnd(why string, since time.Time) time.Duration {
	p.site.T.Helper()
	timer := time.NewTimer(time.Until(since.Add(real.Loaded(EndLimit))))
	defer timer.Stop()
	select {
	case <-p.Done():
	case <-timer.C:
		p.site.T.Errorf("%s has not ended %v after %s", p.Name, EndLimit, why)
		p.Kill()
		return EndLimit
	}
	if err := p.Err(); err != nil {
		p.site.T.Errorf("%s: %v after %s, want status 0: %s", p.Name, err, why, last(p.Output(), 5))
	}
	return time.Since(since)
}

// Says reports whether the program has logged a line with all the parts, within
// its last 64 KiB.
func (p *Program) Says(parts ...string) bool { return len(p.Lines(parts...)) > 0 }

// Lines returns the lines with all the parts that the program has logged, within
// its last 64 KiB.
func (p *Program) Lines(parts ...string) (lines []string) {
	for line := range strings.Lines(p.Output()) {
		if !slices.ContainsFunc(parts, func(part string) bool { return !strings.Contains(line, part) }) {
			lines = append(lines, line)
		}
	}
	return lines
}

// WaitSays waits until it has.
func (p *Program) WaitSays(limit time.Duration, parts ...string) {
	p.site.T.Helper()
	p.site.Until(fmt.Sprintf("%s to say %q", p.Name, parts), limit, func() bool { return p.Says(parts...) })
}

// Memory returns the bytes of memory that the program has now, and the most it
// had.
func (p *Program) Memory() (now, peak int64) {
	p.site.T.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.Pid()))
	p.site.Must(err)
	for line := range bytes.Lines(status) {
		fields := strings.Fields(string(line))
		if len(fields) != 3 || fields[2] != "kB" {
			continue
		}
		n, err := strconv.ParseInt(fields[1], 10, 64)
		p.site.Must(err)
		switch fields[0] {
		case "VmRSS:":
			now = n << 10
		case "VmHWM:":
			peak = n << 10
		}
	}
	return now, peak
}

// ResetPeak resets the peak of Memory.
func (p *Program) ResetPeak() {
	p.site.T.Helper()
	p.site.Must(os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", p.Pid()), []byte("5"), 0))
}

// Files returns how many descriptors the program has open.
func (p *Program) Files() int {
	p.site.T.Helper()
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.Pid()))
	p.site.Must(err)
	return len(entries)
}

// CPU returns the processor time that the program has used.
func (p *Program) CPU() time.Duration {
	p.site.T.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.Pid()))
	p.site.Must(err)
	// The name may hold spaces; the fields that count are behind it.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	const utime, stime, hertz = 11, 12, 100
	user, err := strconv.ParseInt(fields[utime], 10, 64)
	p.site.Must(err)
	system, err := strconv.ParseInt(fields[stime], 10, 64)
	p.site.Must(err)
	return time.Duration(user+system) * time.Second / hertz
}

// Starved returns how long the program's threads have been ready to run and were
// given no processor.
func (p *Program) Starved() time.Duration {
	p.site.T.Helper()
	var starved time.Duration
	p.eachThread("schedstat", func(text string) {
		var ran, waited int64
		_, err := fmt.Sscan(text, &ran, &waited)
		p.site.Must(err)
		starved += time.Duration(waited)
	})
	return starved
}

// eachThread visits what the kernel tells of each thread in a file of that name.
func (p *Program) eachThread(name string, visit func(text string)) {
	p.site.T.Helper()
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/%s", p.Pid(), name))
	p.site.Must(err)
	for _, file := range files {
		if text, err := os.ReadFile(file); err == nil { // else it has just ended
			visit(string(text))
		}
	}
}
