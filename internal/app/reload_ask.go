package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"haproxystats/internal/config"
	"haproxystats/internal/status"
)

// ErrNeedsRestart ends a reload after which the program needs a restart, since some options
// that have changed do not take effect without one.
var ErrNeedsRestart = errors.New("needs a restart")

// askEvery is the pause between two questions for the result of a reload.
const askEvery = 50 * time.Millisecond

// AskReload has the running program read its configuration again, and waits until it has.
// It finds the program at the status socket of the configuration; pid is used if the
// configuration has none, and is 0 if it is not known. The error is [ErrNeedsRestart], or
// says why the program goes on with its old configuration.
func AskReload(ctx context.Context, program config.Program, c *config.Config, pid int) error {
	socket := statusSocketOf(program, c)
	if socket == "" {
		if pid == 0 {
			return fmt.Errorf("%s can't be found, because its status-socket is empty: send it SIGUSR1, and see its log", program)
		}
		return askByPID(program, pid)
	}
	before, err := status.Ask(ctx, socket)
	switch {
	case errors.Is(err, os.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		if pid != 0 { // the options that need no restart count at once
			if err := askByPID(program, pid); err != nil {
				return err
			}
		}
		return fmt.Errorf("%w: nobody answers at %s. If %s runs, its status-socket has changed", ErrNeedsRestart, socket, program)
	case err != nil:
		return err
	case before.Program != string(program):
		return fmt.Errorf("%s belongs to another program, %.40q: set another status-socket", socket, before.Program)
	}
	if err := askByPID(program, before.PID); err != nil {
		return err
	}
	for {
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s has not read its configuration yet, and goes on trying: see its log", program)
		case <-time.After(askEvery):
		}
		now, err := status.Ask(ctx, socket)
		switch {
		case err != nil && ctx.Err() != nil:
			continue
		case err != nil:
			return fmt.Errorf("%s has ended meanwhile: %w", program, err)
		}
		if ended, err := outcome(program, before, now); ended {
			return err
		}
	}
}

// outcome reports whether the reload has ended that was asked for after a program has said
// before, and how. An earlier reload may still have been in progress, and have read another
// file.
func outcome(program config.Program, before, now status.Document) (ended bool, err error) {
	switch {
	case now.PID != before.PID: // it was started again, and has read the file
		return true, nil
	case now.ReloadPending, now.ConfigLoaded == before.ConfigLoaded && now.ReloadFailed == before.ReloadFailed:
		return false, nil
	case now.ReloadFailed != 0:
		return true, fmt.Errorf("%s goes on with its old configuration: %s", program, now.ReloadCause)
	case now.NeedsRestart():
		return true, fmt.Errorf("%w: the log of %s names the options that a reload does not change", ErrNeedsRestart, program)
	}
	return true, nil
}

func statusSocketOf(program config.Program, c *config.Config) string {
	switch program {
	case config.ForPull:
		return c.Pull.StatusSocket
	case config.ForProcess:
		return c.Process.StatusSocket
	}
	return c.Central.StatusSocket
}

// askByPID asks a process for a reload. It refuses a process of another program, which the
// signal might end: whoever may write in the directory of the status socket can name any.
func askByPID(program config.Program, pid int) error {
	p, err := os.FindProcess(pid) // holds on to the process, whoever gets its number later
	if err != nil {
		return fmt.Errorf("%s, pid %d: %w", program, pid, err)
	}
	defer func() { _ = p.Release() }()
	comm, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "comm"))
	if err != nil {
		return fmt.Errorf("%s, pid %d: %w", program, pid, err)
	}
	// The kernel cuts the name to 15 bytes.
	if name := strings.TrimSpace(string(comm)); name == "" || name != string(program)[:min(15, len(program))] {
		return fmt.Errorf("pid %d is not %s, but %q", pid, program, name)
	}
	if err := p.Signal(syscall.SIGUSR1); err != nil {
		return fmt.Errorf("signal %s, pid %d: %w", program, pid, err)
	}
	return nil
}
