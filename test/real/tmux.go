package real

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// TmuxConfig says what runs in a terminal.
type TmuxConfig struct {
	Binary        string // as Find and Need return it
	Width, Height int
	// Env are variables besides those of this process.
	Env []string
	// Command is a line for the shell.
	Command string
}

// Tmux is a terminal that programs can read: a window of a tmux server of its own. It does
// not outlive this process.
type Tmux struct {
	dir, binary, socket string
	env                 []string

	// guard ends the server, which leaves every process group, when its own standard input
	// ends, as it does with this process.
	guard *exec.Cmd
	hold  io.Closer
}

// tmuxSettings keep the window when its program ends, and take nothing from a user's own
// file.
const tmuxSettings = `set -g remain-on-exit on
set -g status off
set -g escape-time 0
set -g default-terminal tmux-256color
`

// StartTmux starts a command in a new terminal. Close ends it.
func StartTmux(ctx context.Context, c TmuxConfig) (*Tmux, error) {
	dir, err := os.MkdirTemp("", "tm-") // the path of a socket is short
	if err != nil {
		return nil, err
	}
	t := &Tmux{
		dir: dir, binary: c.Binary, socket: filepath.Join(dir, "socket"),
		env: append(append(os.Environ(), "LC_ALL=C.UTF-8", "TMUX=", "TERM=xterm-256color", "SHELL=/bin/sh"), c.Env...),
	}
	if err := t.start(ctx, c); err != nil {
		return nil, errors.Join(err, t.Close())
	}
	return t, nil
}

func (t *Tmux) start(ctx context.Context, c TmuxConfig) error {
	settings := filepath.Join(t.dir, "tmux.conf")
	if err := os.WriteFile(settings, []byte(tmuxSettings), 0o600); err != nil {
		return err
	}
	guard := exec.Command("/bin/sh", "-c", `cat >/dev/null; "$0" -S "$1" kill-server 2>/dev/null`, t.binary, t.socket)
	guard.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // an interrupt is for this process
	hold, err := guard.StdinPipe()
	if err != nil {
		return err
	}
	if err := guard.Start(); err != nil {
		return err
	}
	t.guard, t.hold = guard, hold
	_, err = t.tmux(ctx, "-f", settings, "new-session", "-d", "-x", strconv.Itoa(c.Width), "-y", strconv.Itoa(c.Height), c.Command)
	return err
}

// tmux runs a command of tmux and returns its output.
func (t *Tmux) tmux(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, t.binary, append([]string{"-u", "-S", t.socket}, args...)...)
	cmd.Env = t.env
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("tmux %q: %w: %s", args, err, bytes.TrimSpace(errs.Bytes()))
	}
	return out.String(), nil
}

// Keys presses keys, by tmux's names such as Enter, C-c and Down.
func (t *Tmux) Keys(ctx context.Context, keys ...string) error {
	_, err := t.tmux(ctx, append([]string{"send-keys"}, keys...)...)
	return err
}

// Resize makes the terminal another size.
func (t *Tmux) Resize(ctx context.Context, width, height int) error {
	_, err := t.tmux(ctx, "resize-window", "-x", strconv.Itoa(width), "-y", strconv.Itoa(height))
	return err
}

// Screen returns the text on the screen.
func (t *Tmux) Screen(ctx context.Context) (string, error) { return t.tmux(ctx, "capture-pane", "-p") }

// Coloured returns the text on the screen with the sequences that colour it.
func (t *Tmux) Coloured(ctx context.Context) (string, error) {
	return t.tmux(ctx, "capture-pane", "-p", "-e", "-N")
}

// Shell returns the process identifier of the command.
func (t *Tmux) Shell(ctx context.Context) (int, error) {
	out, err := t.tmux(ctx, "display-message", "-p", "#{pane_pid}")
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(out))
}

// Await waits until the screen is as wanted, and returns it.
func (t *Tmux) Await(ctx context.Context, is func(screen string) bool) (string, error) {
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	last := ""
	for {
		screen, err := t.Screen(ctx)
		if err == nil {
			if is(screen) {
				return screen, nil
			}
			last = screen
		}
		select {
		case <-ctx.Done():
			return last, fmt.Errorf("%w: the screen shows\n%s", context.Cause(ctx), last)
		case <-ticker.C:
		}
	}
}

// Close ends the terminal and what runs in it.
func (t *Tmux) Close() error {
	var err error
	if t.guard != nil {
		err = t.hold.Close()
		_ = t.guard.Wait() // the server may have ended by itself
	}
	return errors.Join(err, os.RemoveAll(t.dir))
}
