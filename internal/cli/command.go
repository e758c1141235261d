// Package cli is the command line of all programs: flags, verbs, printing, exit
// status.
package cli

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"haproxystats/internal/app"
	"haproxystats/internal/config"
	"haproxystats/internal/httpcall"
	"haproxystats/internal/verify"
)

// Exit statuses.
const (
	exitOK     = 0
	exitFailed = 1
	exitWarned = 2 // of a test of the configuration, which has warnings and no errors

	exitNeedsRestart = 2 // of a reload that leaves some options to a restart
)

// errWarned ends a test of a configuration that has warnings only.
var errWarned = fmt.Errorf("the configuration has warnings: %w", app.ErrLogged)

// program is a program that runs until a signal ends it, with its help text.
type program struct {
	app.Program
	short string
}

// Pull runs haproxystats-pull and returns its exit status.
func Pull(args []string, stdout, stderr io.Writer) int {
	return execute(pullProgram(), args, stdout, stderr)
}

// Process runs haproxystats-process and returns its exit status. It gets the function
// that asks verify-url, a client and a server of HTTP and what speaks to Kafka, because other
// programs must not link them.
func Process(args []string, stdout, stderr io.Writer, get verify.Get, client httpcall.New, b app.Brokers, endpoint app.OpenEndpoint) int {
	return execute(processProgram(get, client, b, endpoint), args, stdout, stderr)
}

// Central runs haproxystats-central and returns its exit status.
func Central(args []string, stdout, stderr io.Writer, client httpcall.New, b app.Brokers, endpoint app.OpenEndpoint) int {
	return execute(centralProgram(client, b, endpoint), args, stdout, stderr)
}

func centralProgram(client httpcall.New, b app.Brokers, endpoint app.OpenEndpoint) program {
	return program{app.Central(versionLine(), client, b, endpoint), "Combines statistics of several HAProxy nodes to those of clusters"}
}

func pullProgram() program {
	return program{app.Pull(versionLine()), "Pulls statistics from HAProxy over UNIX and TCP sockets"}
}

func processProgram(get verify.Get, client httpcall.New, b app.Brokers, endpoint app.OpenEndpoint) program {
	return program{app.Process(versionLine(), get, client, b, endpoint), "Processes statistics from HAProxy and sends them to Graphite, Kafka and Prometheus"}
}

// flags are the options of the command line.
type flags struct {
	file, dir                         string
	printDefaults, printConfiguration bool
	test                              bool
}

// execute runs a program with the arguments behind its name and returns its
// exit status.
func execute(p program, args []string, stdout, stderr io.Writer) int {
	cmd := newCommand(p, stdout, stderr)
	cmd.SetArgs(args)
	cmd.SetOut(stdout)
	cmd.SetErr(stderr)
	if err := cmd.Execute(); err != nil {
		if !errors.Is(err, app.ErrLogged) {
			fmt.Fprintf(stderr, "%s: %v\n", p.Name, err)
		}
		if errors.Is(err, errWarned) {
			return exitWarned
		}
		return exitFailed
	}
	return exitOK
}

func newCommand(p program, stdout, stderr io.Writer) *cobra.Command {
	var f flags
	return newProgramFlags(p.Name, p.short, &f, stdout, func(cmd *cobra.Command, _ []string) error {
		return start(p, f, cmd.Flags().Changed("file"), stdout, stderr)
	})
}

// newProgramFlags returns the command line of a program, whose options go to f. It runs
// nothing but run.
func newProgramFlags(name config.Program, short string, f *flags, stdout io.Writer, run func(*cobra.Command, []string) error) *cobra.Command {
	cmd := &cobra.Command{
		Use:               string(name),
		Short:             short,
		Long:              short + ".",
		Args:              noArguments,
		ValidArgsFunction: cobra.NoFileCompletions,
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
		RunE:              run,
	}
	cmd.SetFlagErrorFunc(flagError)
	fl := cmd.Flags()
	fl.SortFlags = false
	fl.StringVarP(&f.file, "file", "f", config.DefaultFile, "configuration `file` with settings")
	fl.StringVarP(&f.dir, "dir", "d", "", "`directory` with additional configuration files, *.conf")
	fl.BoolVarP(&f.printDefaults, "print", "p", false, "show default settings")
	fl.BoolVarP(&f.printConfiguration, "print-conf", "P", false, "show configuration")
	fl.BoolVarP(&f.test, "test", "t", false, "test configuration: status 0 if it is fine, 1 for errors, 2 for warnings only")
	fl.BoolP("help", "h", false, "show this screen")
	addVersion(cmd, string(name), "v", stdout)
	cmd.MarkFlagsMutuallyExclusive("print", "print-conf", "test")
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

// start runs the program, or prints what the flags ask for.
func start(p program, f flags, fileNamed bool, stdout, stderr io.Writer) error {
	if f.printDefaults {
		return config.PrintDefaults(stdout, p.Name)
	}
	checks := []config.Check{p.Check}
	if p.Startable != nil && !f.printConfiguration {
		checks = append(checks, p.Startable)
	}
	loaded, err := config.Load(p.Name, config.Files{File: f.file, Required: fileNamed, Dir: f.dir}, checks...)
	if f.printConfiguration {
		warn(stderr, string(p.Name), loaded.Warnings)
		return errors.Join(loaded.Print(stdout), err)
	}
	if f.test {
		return test(p.Name, loaded, err, stdout, stderr)
	}
	if err != nil {
		warn(stderr, string(p.Name), loaded.Warnings)
		return fmt.Errorf("the configuration is refused:\n%w", err)
	}
	return p.Run(loaded, versionLine(), stderr)
}

// test prints what is wrong with a configuration.
func test(name config.Program, loaded *config.Loaded, refused error, stdout, stderr io.Writer) error {
	if loaded.Notice != "" {
		fmt.Fprintf(stderr, "%s: %s\n", name, loaded.Notice)
	}
	// The program may be started in another directory than this.
	warnings := slices.Concat(loaded.Warnings, loaded.Relative)
	warn(stderr, string(name), warnings)
	switch {
	case refused != nil:
		var problems config.Problems
		if !errors.As(refused, &problems) {
			return refused
		}
		for _, p := range problems {
			fmt.Fprintf(stderr, "%s: error: %v\n", name, p)
		}
		return fmt.Errorf("the configuration is refused: %w", app.ErrLogged)
	case len(warnings) > 0:
		return errWarned
	}
	_, err := fmt.Fprintf(stdout, "%s: the configuration is fine\n", name)
	return err
}
