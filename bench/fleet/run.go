package fleet

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"haproxystats/bench/workload"
)

// Plan says what to simulate.
type Plan struct {
	// Program is the path of a program that calls [Command] with its arguments.
	Program string
	// Dir is a directory for the logs.
	Dir string
	// Size is that of each node.
	Size  workload.Size
	Nodes int
	// Shards is the number of shards, each of which has a log.
	Shards int
	// Windows is the number of rounds of each node.
	Windows int
	// Crashes is how often the reader is killed.
	Crashes int
	Seed    uint64
	// Progress gets a line for every step.
	Progress io.Writer
}

// Result is what a simulation has shown.
type Result struct {
	// Windows is the number of windows. Wrong are those whose last values are not those
	// of one aggregation, and Missing those that have none.
	Windows, Wrong, Missing int
	// Crashes is how often a reader was killed.
	Crashes int
	// Emissions is how often windows were emitted, all shards together.
	Emissions int
	// Records and Bytes are those of the nodes' tables.
	Records, Bytes int64
	// CPU is the time of the readers together, and Wall how long they took.
	CPU, Wall time.Duration
	// Peak is the largest memory of the last reader, in bytes.
	Peak int64
}

// CommandName is the first argument of a program that is to call [Command].
const CommandName = "central"

// Command is what a program does with its arguments after [CommandName].
func Command(args []string, stdout io.Writer) error {
	const usage = "want DIR PARTITIONS RECORDS"
	if len(args) != 3 {
		return errors.New(usage)
	}
	partitions, err1 := strconv.Atoi(args[1])
	kill, err2 := strconv.Atoi(args[2])
	if err := errors.Join(err1, err2); err != nil {
		return fmt.Errorf("%s: %w", usage, err)
	}
	return Central(args[0], partitions, kill, stdout)
}

// Run simulates a fleet.
func Run(ctx context.Context, plan Plan) (Result, error) {
	n, err := newNodes(plan)
	if err != nil {
		return Result{}, err
	}
	r, err := n.write()
	if err != nil {
		return Result{}, err
	}
	if err := r.read(ctx, plan); err != nil {
		return Result{}, err
	}
	return r, r.compare(plan, n.want)
}

// write writes the logs of all partitions.
func (n *nodes) write() (r Result, err error) {
	logs := make([]*writer, n.plan.Shards)
	defer func() {
		for _, w := range logs {
			if w != nil {
				err = errors.Join(err, w.close())
				r.Records += w.frames
				r.Bytes += w.bytes
			}
		}
	}()
	for p := range logs {
		dir := partition(n.plan.Dir, p)
		if logs[p], err = create(dir); err != nil {
			return r, err
		}
		if err := commit(dir, committed{Mark: time.Unix(workload.Epoch(-1), 0)}); err != nil {
			return r, err
		}
	}
	emit := func(a arrival) error { return logs[a.partition].write(a.record) }
	for round := range n.plan.Windows {
		fmt.Fprintf(n.plan.Progress, "round %d of %d of %d nodes of size %s\n", round+1, n.plan.Windows, n.plan.Nodes, n.plan.Size.Name)
		if err := n.round(round, emit); err != nil {
			return r, err
		}
	}
	return r, n.end(emit)
}

// read starts readers one after another, until one comes to the end.
func (r *Result) read(ctx context.Context, plan Plan) error {
	random := rand.New(rand.NewPCG(plan.Seed, 1))
	begin := time.Now()
	for left := plan.Crashes; ; left-- {
		kill := 0
		if left > 0 {
			kill = 1 + random.IntN(int(r.Records))
		}
		fmt.Fprintf(plan.Progress, "reader, killed after %d records (0: never)\n", kill)
		done, err := r.reader(ctx, plan, kill)
		if done || err != nil {
			r.Wall = time.Since(begin)
			return err
		}
		r.Crashes++
	}
}

// reader runs one reader, and reports whether it came to the end.
func (r *Result) reader(ctx context.Context, plan Plan, kill int) (bool, error) {
	cmd := exec.CommandContext(ctx, plan.Program, CommandName, plan.Dir, strconv.Itoa(plan.Shards), strconv.Itoa(kill))
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if cmd.ProcessState != nil {
		r.CPU += cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) && kill > 0 && ctx.Err() == nil {
		if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signal() == syscall.SIGKILL {
			return false, nil
		}
	}
	if err != nil {
		return false, fmt.Errorf("%s: %w\n%s", plan.Program, err, stderr.Bytes())
	}
	var usage Usage
	if err := json.Unmarshal(stdout.Bytes(), &usage); err != nil {
		return false, fmt.Errorf("%s: %w", plan.Program, err)
	}
	r.Peak = usage.Peak
	return true, nil
}

// compare compares the last values of each window with those that it must have.
func (r *Result) compare(plan Plan, want map[int64]uint64) error {
	got := make(map[int64]uint64)
	shards := make(map[int64]int)
	for p := range plan.Shards {
		last, err := r.last(partition(plan.Dir, p))
		if err != nil {
			return err
		}
		for epoch, sum := range last {
			got[epoch] += sum
			shards[epoch]++
		}
	}
	for epoch := range got {
		if _, there := want[epoch]; !there {
			return fmt.Errorf("window %d was emitted, and no node has one", epoch)
		}
	}
	r.Windows = len(want)
	for epoch, sum := range want {
		switch {
		case shards[epoch] < plan.Shards:
			r.Missing++
		case got[epoch] != sum:
			r.Wrong++
		}
	}
	return nil
}

// last returns the digest that each window of a partition had last.
func (r *Result) last(dir string) (map[int64]uint64, error) {
	f, err := os.Open(filepath.Join(dir, resultsFile))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	last := make(map[int64]uint64)
	for lines := bufio.NewScanner(f); ; {
		if !lines.Scan() {
			return last, lines.Err()
		}
		var epoch int64
		var sum uint64
		if _, err := fmt.Sscan(lines.Text(), &epoch, &sum); err != nil {
			return nil, fmt.Errorf("%s: %q: %w", f.Name(), lines.Text(), err)
		}
		last[epoch] = sum
		r.Emissions++
	}
}
