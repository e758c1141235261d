// Package app wires and runs the programs: it opens what the configuration asks for,
// connects the parts, and manages the life of each program from start to end.
package app

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"haproxystats/internal/config"
)

// ErrLogged ends a program after it has logged the reason.
var ErrLogged = errors.New("see the log")

// Program is a program that runs until a signal ends it.
type Program struct {
	Name config.Program
	// Check makes the checks of the configuration that package config can't.
	Check config.Check
	// Startable makes the checks without which the configuration is good, but gives this
	// program nothing to do; nil for none.
	Startable config.Check
	// Work runs until ctx ends, and follows reloads.
	Work func(ctx context.Context, l *config.Loaded, service *Supervisor, reloads *Reloads, log Log) error
	// Log returns the level and the format of the program's section.
	Log func(c *config.Config) (slog.Level, config.LogFormat)
}

// Run runs the program until it is done or a signal ends it. The version appears in
// the log, which goes to stderr.
func (p Program) Run(loaded *config.Loaded, version string, stderr io.Writer) error {
	level, format := p.Log(&loaded.Config)
	// Without this, the program would end when the reader of its log dies.
	signal.Ignore(syscall.SIGPIPE)
	defer signal.Reset(syscall.SIGPIPE)
	log, closeLog := openLog(stderr, format, level, isJournal(stderr, os.Getenv("JOURNAL_STREAM")))
	defer closeLog()
	// From the message "started" on, a signal ends the program cleanly.
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGHUP, syscall.SIGTERM, syscall.SIGINT)
	defer signal.Stop(signals)
	// A signal for a reload never takes the place of one that ends the program.
	again := make(chan os.Signal, 1)
	signal.Notify(again, syscall.SIGUSR1)
	defer signal.Stop(again)
	log.Info("started", "program", p.Name, "version", version, "pid", os.Getpid())
	if loaded.Notice != "" {
		log.Info(loaded.Notice)
	}
	for _, w := range loaded.Warnings {
		log.Warn("the configuration may not mean what it says", "problem", w)
	}
	service := newSupervisor(log.Logger)
	reloads := newReloads(p, loaded, service, log)
	return untilSignal(signals, service, log.Logger, func(ctx context.Context) error {
		go reloads.listen(ctx, again)
		return p.Work(ctx, loaded, service, reloads, log)
	})
}

const (
	// oneWish is the time after the first signal in which further signals count as the
	// same one: a supervisor may signal the program and its process group.
	oneWish = 500 * time.Millisecond
	// stopLimit bounds the shutdown, besides flushLimit. Unfinished work stays on disk
	// for the next start, as after a crash.
	stopLimit = 4400 * time.Millisecond
)

// untilSignal runs until a signal asks for the end, and for at most stopLimit after
// it. A later signal ends the wait. All of these ends are clean.
func untilSignal(signals <-chan os.Signal, service *Supervisor, log *slog.Logger, run func(context.Context) error) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- run(ctx) }()
	var asked time.Time
	var late <-chan time.Time
	for {
		select {
		case err := <-done:
			if err != nil {
				log.Log(ctx, config.LevelCritical, "ended by an error", "error", err)
				return ErrLogged
			}
			log.Info("ended")
			return nil
		case s := <-signals:
			switch {
			case asked.IsZero():
				asked = time.Now()
				late = time.After(stopLimit)
				cancel()
				log.Info("ending", "signal", s)
				service.stopping()
			case time.Since(asked) >= oneWish:
				log.Warn("ending at once", "signal", s)
				return nil
			}
		case <-late:
			log.Warn("ending with work unfinished, which is done after the next start", "after", stopLimit)
			return nil
		}
	}
}
