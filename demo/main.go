// Command demo shows both programs at work: three real haproxy instances on loopback
// with traffic, haproxystats-pull and haproxystats-process every two seconds,
// a small Graphite receiver, and what arrives there as a live table.
//
// With the argument cluster it shows haproxystats-central instead: two nodes of two
// instances each, whose metrics it combines, and carbon-cache as Graphite. Snapshots travel
// through Apache Kafka where it is there, or through a directory and a TCP socket;
// DEMO_TRANSPORT (kafka or directories) chooses one.
//
// It ends on Ctrl-C or after DEMO_SECONDS, and removes everything that it has made. The
// exit status is 0 if every metric that the instances themselves report has arrived, and
// for a cluster if the sums of every complete window are those of its nodes.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/term"
)

// plainTime is the time for which the demo runs if its output is not a terminal.
const plainTime = 12 * time.Second

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout *os.File, stderr io.Writer) int {
	show := watch
	switch {
	case len(args) == 1 && args[0] == "cluster":
		show = watchCluster
	case len(args) > 0:
		fmt.Fprintf(stderr, "demo: %q: expected nothing or cluster\n", args)
		return 2
	}
	live := term.IsTerminal(int(stdout.Fd()))
	length, err := length(os.Getenv("DEMO_SECONDS"), live)
	if err != nil {
		fmt.Fprintln(stderr, "demo:", err)
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	result, err := show(ctx, stdout, stderr, length, live)
	if err != nil {
		fmt.Fprintln(stderr, "demo:", err)
		return 1
	}
	fmt.Fprint(stdout, result.text())
	if !result.ok() {
		return 1
	}
	return 0
}

// result is what a demo has found out.
type result interface {
	ok() bool
	text() string
}

// length returns the time of DEMO_SECONDS; 0 means no end.
func length(seconds string, live bool) (time.Duration, error) {
	if seconds == "" {
		if live {
			return 0, nil
		}
		return plainTime, nil
	}
	n, err := strconv.ParseUint(seconds, 10, 20)
	if err != nil || n == 0 {
		return 0, fmt.Errorf("DEMO_SECONDS=%s: expected a whole number of seconds from 1 on", seconds)
	}
	return time.Duration(n) * time.Second, nil
}

// watch starts everything, runs until the length is over or ctx ends, and stops
// everything. It returns an error if there is no verdict.
func watch(ctx context.Context, stdout *os.File, stderr io.Writer, length time.Duration, live bool) (r result, err error) {
	var store store
	env, err := openEnvironment(ctx, stderr, func(e *environment) error { return e.openNode(ctx, &store) },
		"haproxystats-pull", "haproxystats-process")
	if err != nil {
		return nil, err
	}
	defer func() {
		if e := env.close(); err == nil {
			err = e
		}
	}()
	loop := &loop{env: env, store: &store, board: board{root: root}, start: time.Now(), length: length}
	if live {
		screen := openScreen(stdout)
		defer screen.close()
		loop.screen = screen
	}
	return loop.run(ctx)
}
