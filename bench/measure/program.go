package measure

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// Program is an implementation of haproxystats.
type Program struct {
	Name    string // for tables
	Process string // path of haproxystats-process
	Pull    string // path of haproxystats-pull
}

// grace is how long a program may take to end after SIGTERM.
const grace = 15 * time.Second

// child is a running program under test.
type child struct {
	cmd    *exec.Cmd
	log    string
	exited chan struct{} // closed when the program has ended
}

// start runs the program at path with a configuration. What it logs goes to a
// file in dir, as it would go to a journal.
func start(path, config, dir string) (*child, error) {
	conf := filepath.Join(dir, "haproxystats.conf")
	if err := os.WriteFile(conf, []byte(config), 0o640); err != nil {
		return nil, err
	}
	logPath := filepath.Join(dir, "log")
	log, err := os.OpenFile(logPath, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o640)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	c := &child{cmd: exec.Command(path, "-f", conf), log: logPath, exited: make(chan struct{})}
	c.cmd.Stdout, c.cmd.Stderr = log, log
	// A group of its own, so that its children can be ended with it.
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		defer close(c.exited)
		// How it ended does not matter; that it ended too early does.
		_ = c.cmd.Wait()
	}()
	return c, nil
}

// stop ends the program and its children and waits for it.
func (c *child) stop() {
	// A program that is already gone needs no signal.
	_ = c.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-c.exited:
	case <-time.After(grace):
	}
	_ = syscall.Kill(-c.cmd.Process.Pid, syscall.SIGKILL)
	<-c.exited
}

// until polls done until it reports true. It gives up when the program ends,
// when the context does, or after limit.
func (c *child) until(ctx context.Context, limit time.Duration, done func() (bool, error)) error {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	timeout := time.NewTimer(limit)
	defer timeout.Stop()
	for {
		if ok, err := done(); ok || err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-c.exited:
			return c.explain(errors.New("ended too early"))
		case <-timeout.C:
			return c.explain(fmt.Errorf("not done after %v", limit))
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// explain adds what the program logged last.
func (c *child) explain(err error) error {
	log, readErr := os.ReadFile(c.log)
	if readErr != nil {
		return fmt.Errorf("%s: %w", c.cmd.Path, errors.Join(err, readErr))
	}
	if len(log) > 2000 {
		log = log[len(log)-2000:]
	}
	return fmt.Errorf("%s: %w; the end of its log:\n%s", c.cmd.Path, err, bytes.TrimSpace(log))
}
