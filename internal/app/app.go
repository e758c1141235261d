// Package app wires and runs the programs: it opens what the configuration asks
// for, ties it together, and leads each program from its start to its end.
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

// ErrLogged ends a program whose log has the reason.
var ErrLogged = errors.New("see the log")

// Program is a program that runs until a signal ends it.
type Program struct {
	Name config.Program
	// Check refuses what the configuration alone can't know to be wrong.
	Check config.Check
	// Work does the work until ctx ends.
	Work func(ctx context.Context, l *config.Loaded, service *Supervisor, log *slog.Logger) error
	// Log returns the level and the format of the program's section.
	Log func(c *config.Config) (slog.Level, config.LogFormat)
}

// Run runs the program until it is done or a signal ends it. The version is
// for the log, which goes to stderr.
func (p Program) Run(loaded *config.Loaded, version string, stderr io.Writer) error {
	level, format := p.Log(&loaded.Config)
	// Without this, a log whose reader dies would end the program.
	signal.Ignore(syscall.SIGPIPE)
	defer signal.Reset(syscall.SIGPIPE)
	log, closeLog := openLog(stderr, format, level, isJournal(stderr, os.Getenv("JOURNAL_STREAM")))
	defer closeLog()
	// Once it says that it has started, a signal ends it cleanly.
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGHUP, syscall.SIGTERM, syscall.SIGINT)
	defer signal.Stop(signals)
	log.Info("started", "program", p.Name, "version", version, "pid", os.Getpid())
	if loaded.Notice != "" {
		log.Info(loaded.Notice)
	}
	for _, w := range loaded.Warnings {
		log.Warn("the configuration may not mean what it says", "problem", w)
	}
	service := newSupervisor(log)
	return untilSignal(signals, service, log, func(ctx context.Context) error {
		return p.Work(ctx, loaded, service, log)
	})
}

const (
	// oneWish is how long after the first signal others mean the same: a program
	// and its group may get one each.
	oneWish = 500 * time.Millisecond
	// stopLimit is how long the end may take, besides flushLimit. Work that is not
	// finished by then waits on disk for the next start, as after a crash.
	stopLimit = 4400 * time.Millisecond
)

// untilSignal runs until a signal asks for the end, and no longer than stopLimit
// after it; a later signal does not wait for that. All of these are clean ends.
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
