// Command dev is a workshop: real haproxy instances on loopback with traffic, a
// small Graphite receiver, and haproxystats-pull and haproxystats-process between
// them, built from the tree that it is run in. When a Go file changes it builds
// again and restarts what became another program; when the configuration changes
// it restarts both.
//
// What they log, and those received lines that DEV_SHOW matches, are printed
// behind their origin. It ends by Ctrl-C and leaves nothing behind.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"syscall"
)

func main() { os.Exit(run(os.Stdout, os.Stderr)) }

func run(stdout, stderr io.Writer) int {
	show, err := pattern(os.Getenv("DEV_SHOW"))
	if err != nil {
		fmt.Fprintln(stderr, "dev:", err)
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if err := work(ctx, stdout, show); err != nil {
		fmt.Fprintln(stderr, "dev:", err)
		return 1
	}
	return 0
}

// pattern reads DEV_SHOW; nil matches nothing.
func pattern(text string) (*regexp.Regexp, error) {
	if text == "" {
		return nil, nil
	}
	show, err := regexp.Compile(text)
	if err != nil {
		return nil, fmt.Errorf("DEV_SHOW=%s: %w", text, err)
	}
	return show, nil
}

// work opens the workshop and keeps the programs up to date until ctx ends.
func work(ctx context.Context, stdout io.Writer, show *regexp.Regexp) (err error) {
	log := newLog(stdout)
	p := &environment{}
	defer func() {
		if e := p.close(); err == nil {
			err = e
		}
	}()
	if err := p.open(ctx, log, show); err != nil {
		return end(ctx, err)
	}
	programs := &programs{dir: p.dir, config: p.config, log: log, build: goBuild}
	defer func() { programs.stop() }()
	return end(ctx, programs.run(ctx, p.changes))
}

// end makes no error of what the end of ctx has interrupted.
func end(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}
