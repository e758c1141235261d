package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"haproxystats/test/real"
)

// names are the programs, in the order in which they start. Pull is stopped
// first.
var names = [...]string{"haproxystats-process", "haproxystats-pull"}

// programs are both programs at work.
type programs struct {
	dir    string // gets their binaries
	config string
	log    *log
	// build puts the binaries into a directory.
	build func(ctx context.Context, dir string) error

	running  [len(names)]*real.Process // nil where one is not
	settings []byte                    // the configuration that they read
}

// run keeps the programs up to date with every change until ctx ends.
func (p *programs) run(ctx context.Context, changes <-chan struct{}) error {
	if err := p.update(ctx); err != nil {
		return err
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-changes:
			if err := p.update(ctx); err != nil {
				return err
			}
		case <-p.done(0):
			p.ended(0)
		case <-p.done(1):
			p.ended(1)
		}
	}
}

// done is closed when a program has ended; nil where it has been told.
func (p *programs) done(i int) <-chan struct{} {
	if p.running[i] == nil {
		return nil
	}
	return p.running[i].Done()
}

// ended tells that a program has ended by itself.
func (p *programs) ended(i int) {
	how := "status 0"
	if err := p.running[i].Err(); err != nil {
		how = err.Error()
	}
	p.running[i] = nil
	p.log.line("dev", "%s has ended: %s; it starts again with the next change", names[i], how)
}

// update builds the programs and restarts what changes. If they can't be built,
// the old ones go on.
func (p *programs) update(ctx context.Context) error {
	next := filepath.Join(p.dir, "next")
	if err := os.MkdirAll(next, 0o750); err != nil {
		return err
	}
	start := time.Now()
	if err := p.build(ctx, next); err != nil {
		if ctx.Err() == nil {
			p.log.text("dev", "not built: "+err.Error())
		}
		return nil
	}
	settings, err := os.ReadFile(p.config)
	if err != nil {
		p.log.line("dev", "%v", err)
		return nil
	}
	all := !bytes.Equal(settings, p.settings)
	p.settings = settings
	var restart []int
	for i, name := range names {
		changed, err := replace(filepath.Join(p.dir, name), filepath.Join(next, name))
		if err != nil {
			return err
		}
		if changed || all || p.running[i] == nil {
			restart = append(restart, i)
		}
	}
	p.log.line("dev", "built in %.1f s, %d of %d programs to start", time.Since(start).Seconds(), len(restart), len(names))
	for i := len(restart) - 1; i >= 0; i-- {
		p.stopOne(restart[i])
	}
	for _, i := range restart {
		if err := p.start(i); err != nil {
			return err
		}
	}
	return nil
}

// replace puts the new file into the place of the old one if they differ.
func replace(old, new string) (changed bool, err error) {
	was, err := os.ReadFile(old)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	is, err := os.ReadFile(new)
	if err != nil || bytes.Equal(was, is) {
		return false, err
	}
	return true, os.Rename(new, old)
}

func (p *programs) start(i int) (err error) {
	short := strings.TrimPrefix(names[i], "haproxystats-")
	p.running[i], err = real.StartProcess(real.Command{
		Name: names[i], Path: filepath.Join(p.dir, names[i]), Args: []string{"-f", p.config}, Dir: p.dir, Output: p.log.writer(short),
	})
	return err
}

// stop stops both programs.
func (p *programs) stop() {
	for i := len(names) - 1; i >= 0; i-- {
		p.stopOne(i)
	}
}

// stopOne stops a program, if it runs, and tells how if not well.
func (p *programs) stopOne(i int) {
	process := p.running[i]
	if process == nil {
		return
	}
	p.running[i] = nil
	err := process.Stop()
	if err == nil {
		err = process.Err()
	}
	if err != nil {
		p.log.line("dev", "%s: %v", names[i], err)
	}
}

// goBuild compiles both programs of the module in the working directory. Without
// paths and revision in them, they differ only if they do something else.
func goBuild(ctx context.Context, dir string) error {
	args := []string{"build", "-trimpath", "-buildvcs=false", "-o", dir + "/"}
	for _, name := range names {
		args = append(args, "./cmd/"+name)
	}
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 5 * time.Second
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return nil
}
