package real

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

// stopGrace is how long a program may take to end after SIGTERM.
const stopGrace = time.Minute

// Command says what to start.
type Command struct {
	Name  string // for errors
	Path  string
	Args  []string // without the program's name
	Dir   string
	Env   []string   // nil: this process's
	Files []*os.File // inherited as descriptor 3 and on

	Output io.Writer // unless nil, also gets what the program writes
}

// Process is a program that leads a process group of its own. No member of the
// group outlives the leader, and the leader does not outlive this process.
type Process struct {
	name string
	cmd  *exec.Cmd
	out  tail
	done chan struct{}
	err  error // how it ended; to be read after done
}

// StartProcess starts a program; it may not be ready yet.
func StartProcess(c Command) (*Process, error) {
	p := &Process{name: c.Name, cmd: exec.Command(c.Path, c.Args...), done: make(chan struct{})}
	p.cmd.Dir = c.Dir
	p.cmd.Env = c.Env
	p.cmd.ExtraFiles = c.Files
	var out io.Writer = &p.out
	if c.Output != nil {
		out = io.MultiWriter(out, c.Output)
	}
	p.cmd.Stdout, p.cmd.Stderr = out, out // one writer, so that lines keep their order
	p.cmd.WaitDelay = time.Second
	p.cmd.SysProcAttr = groupLeader()
	started := make(chan error)
	go p.run(started)
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", c.Name, err)
	}
	return p, nil
}

// run starts the program and reaps it. The kernel's death signal comes when the
// thread that started the program ends, so the thread is kept until then.
func (p *Process) run(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := p.cmd.Start(); err != nil {
		started <- err
		return
	}
	started <- nil
	pid := p.cmd.Process.Pid
	// While the leader is not reaped, its number is no one else's, and the rest
	// of its group can be killed safely.
	awaitEnd(pid)
	_ = syscall.Kill(-pid, syscall.SIGKILL)
	p.err = p.cmd.Wait()
	close(p.done)
}

// Pid returns the program's process id.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Done is closed when the program has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Err waits for the program's end and tells how it ended: nil is status 0.
func (p *Process) Err() error {
	<-p.done
	return p.err
}

// Output returns the last 64 KiB of what the program wrote.
func (p *Process) Output() string { return p.out.String() }

// Signal sends a signal to the program.
func (p *Process) Signal(s os.Signal) error {
	if err := p.cmd.Process.Signal(s); err != nil {
		return fmt.Errorf("signal %s: %w", p.name, err)
	}
	return nil
}

// Stop ends the program with SIGTERM and waits for it. One that does not heed
// is killed, which is an error, as is one that had ended before; being ended by
// the SIGTERM is not.
func (p *Process) Stop() error { return p.stop(stopGrace) }

func (p *Process) stop(grace time.Duration) error {
	select {
	case <-p.done:
		return p.ended()
	default:
	}
	if err := p.Signal(syscall.SIGTERM); errors.Is(err, os.ErrProcessDone) {
		<-p.done
		return p.ended()
	}
	select {
	case <-p.done:
		return nil
	case <-time.After(grace):
	}
	p.Kill()
	return fmt.Errorf("stop %s: no end %v after SIGTERM, killed", p.name, grace)
}

// Kill ends the program with SIGKILL and waits for it.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill() // fails only when it has ended
	<-p.done
}

// ended is the error for a program that ended by itself.
func (p *Process) ended() error {
	<-p.done
	how := "exit status 0"
	if p.err != nil {
		how = p.err.Error()
	}
	if out := strings.TrimSpace(p.Output()); out != "" {
		return fmt.Errorf("%s ended: %s: %s", p.name, how, out)
	}
	return fmt.Errorf("%s ended: %s", p.name, how)
}

// await asks until probe says nil, the program ends, or ctx does; in the last
// two cases it stops the program.
func (p *Process) await(ctx context.Context, probe func(context.Context) error) error {
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		err := probe(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-p.done:
			return p.ended()
		case <-ctx.Done():
			p.Kill()
			return fmt.Errorf("wait for %s: %w: %w: %s", p.name, context.Cause(ctx), err, p.Output())
		case <-ticker.C:
		}
	}
}

// tail keeps the end of what is written to it.
type tail struct {
	mu  sync.Mutex
	buf []byte
}

const tailSize = 64 << 10

// Write never fails.
func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, b...)
	if over := len(t.buf) - tailSize; over > 0 {
		t.buf = append(t.buf[:0], t.buf[over:]...)
	}
	return len(b), nil
}

// String returns what is kept.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.buf)
}

func lastLine(b []byte) string {
	lines := bytes.Split(bytes.TrimSpace(b), []byte("\n"))
	return string(lines[len(lines)-1])
}
