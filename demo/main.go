// Command demo shows both programs at work: three real haproxy instances on loopback
// with traffic, haproxystats-pull and haproxystats-process every two seconds,
// a small Graphite receiver, and what arrives there as a live table.
//
// It ends on Ctrl-C or after DEMO_SECONDS, and removes everything that it has made. The
// exit status is 0 if every metric that the instances themselves report has arrived.
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

func main() { os.Exit(run(os.Stdout, os.Stderr)) }

func run(stdout *os.File, stderr io.Writer) int {
	live := term.IsTerminal(int(stdout.Fd()))
	length, err := length(os.Getenv("DEMO_SECONDS"), live)
	if err != nil {
		fmt.Fprintln(stderr, "demo:", err)
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	verdict, err := watch(ctx, stdout, stderr, length, live)
	if err != nil {
		fmt.Fprintln(stderr, "demo:", err)
		return 1
	}
	fmt.Fprint(stdout, verdict.text())
	if !verdict.ok() {
		return 1
	}
	return 0
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
func watch(ctx context.Context, stdout *os.File, stderr io.Writer, length time.Duration, live bool) (v verdict, err error) {
	var store store
	env, err := openEnvironment(ctx, stderr, &store)
	if err != nil {
		return verdict{}, err
	}
	defer func() {
		if e := env.close(); err == nil {
			err = e
		}
	}()
	loop := &loop{env: env, store: &store, start: time.Now(), length: length}
	if live {
		screen := openScreen(stdout)
		defer screen.close()
		loop.screen = screen
	}
	return loop.run(ctx)
}
