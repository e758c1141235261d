// Package cli is the command line of both programs: flags, printing, logging,
// signals, exit status. It alone wires the other packages together.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"haproxystats/internal/config"
)

// Exit statuses.
const (
	exitOK     = 0
	exitFailed = 1
)

// program is what tells the two programs apart.
type program struct {
	name  config.Program
	short string
	check config.Check
	// run does the work until ctx ends.
	run func(ctx context.Context, c *config.Config, service *supervisor, log *slog.Logger) error
	// log returns the level and the format of the program's section.
	log func(c *config.Config) (slog.Level, config.LogFormat)
}

// flags are the options of the command line.
type flags struct {
	file, dir                         string
	printDefaults, printConfiguration bool
}

// execute runs a program with the arguments behind its name and returns its
// exit status.
func execute(p program, args []string, stdout, stderr io.Writer) int {
	cmd := newCommand(p, stdout, stderr)
	cmd.SetArgs(args)
	cmd.SetOut(stdout)
	cmd.SetErr(stderr)
	if err := cmd.Execute(); err != nil {
		if !errors.Is(err, errTold) {
			fmt.Fprintf(stderr, "%s: %v\n", p.name, err)
		}
		return exitFailed
	}
	return exitOK
}

// errTold ends a program whose log has said why.
var errTold = errors.New("see the log")

func newCommand(p program, stdout, stderr io.Writer) *cobra.Command {
	var f flags
	cmd := &cobra.Command{
		Use:               string(p.name),
		Short:             p.short,
		Long:              p.short + ".",
		Args:              noArguments,
		ValidArgsFunction: cobra.NoFileCompletions,
		Version:           versionLine(),
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
		RunE: func(cmd *cobra.Command, _ []string) error {
			return start(p, f, cmd.Flags().Changed("file"), stdout, stderr)
		},
	}
	cmd.SetVersionTemplate("{{.Name}} {{.Version}}\n")
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error {
		return fmt.Errorf("%w: see -h", err)
	})
	fl := cmd.Flags()
	fl.SortFlags = false
	fl.StringVarP(&f.file, "file", "f", config.DefaultFile, "configuration `file` with settings")
	fl.StringVarP(&f.dir, "dir", "d", "", "`directory` with additional configuration files, *.conf")
	fl.BoolVarP(&f.printDefaults, "print", "p", false, "show default settings")
	fl.BoolVarP(&f.printConfiguration, "print-conf", "P", false, "show configuration")
	fl.BoolP("help", "h", false, "show this screen")
	fl.BoolP("version", "v", false, "show version")
	cmd.MarkFlagsMutuallyExclusive("print", "print-conf")
	if err := errors.Join(cmd.MarkFlagFilename("file", "conf"), cmd.MarkFlagDirname("dir")); err != nil {
		panic(err) // the flags are those above
	}
	return cmd
}

func noArguments(_ *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return fmt.Errorf("unexpected argument %q: see -h", args[0])
}

// start does what the flags say.
func start(p program, f flags, fileNamed bool, stdout, stderr io.Writer) error {
	if f.printDefaults {
		return config.PrintDefaults(stdout, p.name)
	}
	loaded, err := config.Load(p.name, config.Files{File: f.file, Required: fileNamed, Dir: f.dir}, p.check)
	if f.printConfiguration {
		return errors.Join(loaded.Print(stdout), err)
	}
	if err != nil {
		for _, w := range loaded.Warnings {
			fmt.Fprintf(stderr, "%s: warning: %v\n", p.name, w)
		}
		return fmt.Errorf("the configuration is refused:\n%w", err)
	}
	level, format := p.log(&loaded.Config)
	log := newLogger(stderr, format, level, isJournal(stderr, os.Getenv("JOURNAL_STREAM")))
	// Once it says that it has started, a signal ends it cleanly.
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGHUP, syscall.SIGTERM, syscall.SIGINT)
	defer signal.Stop(signals)
	log.Info("started", "program", p.name, "version", versionLine(), "pid", os.Getpid())
	if loaded.Notice != "" {
		log.Info(loaded.Notice)
	}
	for _, w := range loaded.Warnings {
		log.Warn("the configuration may not mean what it says", "problem", w)
	}
	service := newSupervisor(log)
	return untilSignal(signals, service, log, func(ctx context.Context) error {
		return p.run(ctx, &loaded.Config, service, log)
	})
}

const (
	// oneWish is how long after the first signal others mean the same: a program
	// and its group may get one each.
	oneWish = 500 * time.Millisecond
	// stopLimit is how long the end may take. Work that is not finished by then
	// waits on disk for the next start, as after a crash.
	stopLimit = 4750 * time.Millisecond
)

// untilSignal runs until a signal asks for the end, and no longer than stopLimit
// after it; a later signal does not wait for that. All of these are clean ends.
func untilSignal(signals <-chan os.Signal, service *supervisor, log *slog.Logger, run func(context.Context) error) error {
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
				return errTold
			}
			log.Info("ended")
			return nil
		case s := <-signals:
			switch {
			case asked.IsZero():
				log.Info("ending", "signal", s)
				asked = time.Now()
				late = time.After(stopLimit)
				cancel()
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
