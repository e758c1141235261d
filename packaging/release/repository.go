package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// repository is a git repository's working tree.
type repository string

// endGrace is how long a command may take to end when it is told to.
const endGrace = 10 * time.Second

// git runs git and returns what it prints.
func (r repository) git(ctx context.Context, args ...string) (string, error) {
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir, cmd.Env = string(r), environment()
	cmd.Stdin = os.Stdin // of who has to unlock the key of a signed tag
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("git %s: %w: %s", strings.Join(args, " "), err, bytes.TrimSpace(stderr.Bytes()))
	}
	return strings.TrimRight(stdout.String(), "\n"), nil
}

// gits runs git several times, until an error.
func (r repository) gits(ctx context.Context, all ...[]string) error {
	for _, args := range all {
		if _, err := r.git(ctx, args...); err != nil {
			return err
		}
	}
	return nil
}

// run runs a command in the tree and passes on what it prints. It and all that
// it starts end with ctx.
func (r repository) run(ctx context.Context, out io.Writer, args ...string) error {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Dir, cmd.Env = string(r), environment()
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = endGrace
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w", strings.Join(args, " "), err)
	}
	return nil
}

// environment is ours, but for what would lead git to another repository or
// give our own make's variables to another make.
func environment() []string {
	var env []string
	for _, v := range os.Environ() {
		switch name, _, _ := strings.Cut(v, "="); name {
		case "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX",
			"MAKEFLAGS", "MFLAGS", "MAKEOVERRIDES", "MAKELEVEL", "VERSION", "DRY_RUN", "SKIP_TESTS":
		default:
			env = append(env, v)
		}
	}
	return env
}
