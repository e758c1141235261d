package cli

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"haproxystats/internal/aggregate"
	"haproxystats/internal/app"
	"haproxystats/internal/config"
	"haproxystats/internal/encode/plaintext"
	"haproxystats/internal/printable"
	"haproxystats/internal/top"
)

const toolName = "haproxystats"

// Tool runs haproxystats, the program for people, and returns its exit status. It gets what
// speaks to Kafka and what shows rows in a terminal, because other programs must not link them.
func Tool(args []string, stdout, stderr io.Writer, b ToolBrokers, show top.Show) int {
	cmd := newTool(stdout, stderr, b, show)
	cmd.SetArgs(args)
	cmd.SetOut(stdout)
	cmd.SetErr(stderr)
	if err := cmd.Execute(); err != nil {
		if !errors.Is(err, app.ErrLogged) {
			fmt.Fprintf(stderr, "%s: %s\n", toolName, shown(err))
		}
		if errors.Is(err, app.ErrNeedsRestart) {
			return exitNeedsRestart
		}
		return exitFailed
	}
	return exitOK
}

// shown returns the text of an error, in lines. It may quote what a socket has answered, or
// names that others have chosen, which the terminal must not obey.
func shown(err error) string {
	lines := strings.Split(err.Error(), "\n")
	for i := range lines {
		lines[i] = printable.Replace(lines[i], '?')
	}
	return strings.Join(lines, "\n")
}

func newTool(stdout, stderr io.Writer, b ToolBrokers, show top.Show) *cobra.Command {
	cmd := &cobra.Command{
		Use:               toolName,
		Short:             "Shows HAProxy live, finds faults, shows metrics and sends recorded snapshots again",
		Long:              "Shows HAProxy live, finds faults, shows metrics and sends recorded snapshots again.",
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
	}
	cmd.SetFlagErrorFunc(flagError)
	cmd.Flags().SortFlags = false
	cmd.Flags().BoolP("help", "h", false, "show this screen")
	addVersion(cmd, toolName, "v", stdout)
	cmd.AddCommand(
		newConfig(stdout, stderr),
		newDoctor(stdout, b),
		newPaths(stdout, stderr),
		newReload(stderr, b),
		newReplay(stderr, b),
		newTop(stdout, stderr, show),
		newCompletion(stdout),
	)
	return cmd
}

// addFiles adds the flags that name the configuration to a sub-command.
func addFiles(cmd *cobra.Command, f *config.Files) {
	fl := cmd.Flags()
	fl.SortFlags = false
	fl.StringVarP(&f.File, "file", "f", config.DefaultFile, "configuration `file` with settings")
	fl.StringVarP(&f.Dir, "dir", "d", "", "`directory` with additional configuration files, *.conf")
	if err := errors.Join(cmd.MarkFlagFilename("file", "conf"), cmd.MarkFlagDirname("dir")); err != nil {
		panic(err) // the flags are those above
	}
}

// addHelp adds the flag for help to a sub-command.
func addHelp(cmd *cobra.Command) { cmd.Flags().BoolP("help", "h", false, "show this screen") }

// oneArgument accepts exactly one argument, which errors call what.
func oneArgument(what string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		switch len(args) {
		case 0:
			return fmt.Errorf("%s is missing: see -h", what)
		case 1:
			return nil
		}
		return fmt.Errorf("unexpected argument %q: see -h", args[1])
	}
}

// directories completes an argument with names of directories.
func directories(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return nil, cobra.ShellCompDirectiveFilterDirs
}

// replayConfig has what is needed to turn recorded snapshots into metrics.
type replayConfig struct {
	config   *config.Config
	hostname string
	options  aggregate.Options
}

// newReplayConfig reads the configuration as haproxystats-process does, and prints
// its warnings. An empty hostname means this host's.
func newReplayConfig(files config.Files, check config.Check, hostname string, stderr io.Writer) (r replayConfig, err error) {
	loaded, err := loadForTool(config.ForProcess, files, check, stderr)
	if err != nil {
		return r, err
	}
	r.config, r.hostname = &loaded.Config, hostname
	if hostname == "" {
		if r.hostname, err = app.Hostname(r.config); err != nil {
			return r, err
		}
	}
	r.options, err = app.AggregateOptions(r.config, newToolLogger(stderr), nil)
	return r, err
}

// loadForTool reads the configuration as a program does, and prints its warnings.
func loadForTool(program config.Program, files config.Files, check config.Check, stderr io.Writer) (*config.Loaded, error) {
	loaded, err := config.Load(program, files, check)
	if loaded.Notice != "" {
		fmt.Fprintf(stderr, "%s: %s\n", toolName, loaded.Notice)
	}
	warn(stderr, toolName, loaded.Warnings)
	if err != nil {
		return nil, fmt.Errorf("the configuration is refused:\n%w", err)
	}
	return loaded, nil
}

// newToolLogger returns a logger for a person at a terminal.
func newToolLogger(w io.Writer) *slog.Logger {
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{
		ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
			if len(groups) == 0 && a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		},
	}))
}

// warnSkipped logs how many metrics were left out.
func warnSkipped(log *slog.Logger, metrics int64) {
	if metrics > 0 {
		log.Warn("metrics with a path too long for Graphite are left out", "max_path_bytes", plaintext.MaxPath, "metrics", metrics)
	}
}

func newPaths(stdout, stderr io.Writer) *cobra.Command {
	var o pathsOptions
	cmd := &cobra.Command{
		Use:   "paths [flags] SNAPSHOT...",
		Short: "Print the metrics of a snapshot",
		Long: `Prints every path, value and time that haproxystats-process would send for a
snapshot, which is a directory in the spool. If SNAPSHOT is a spool, it takes the
oldest snapshot. It sends nothing and changes nothing. It leaves out the metrics
of haproxystats itself, because they describe the moment, not the snapshot.

With --format, it prints what [prometheus] shows, the lines that [influx] sends, or
the requests of [otlp] as JSON. Without such a section, its defaults count. Of
several sections [graphite:NAME], [influx:NAME] or [otlp:NAME] it takes the first one;
--format influx:NAME takes the one of that name.

With --cluster, it prints what haproxystats-central would send for a cluster
whose nodes have these snapshots, one of each node.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if cmd.Flags().Changed("cluster") && len(args) > 1 {
				return nil
			}
			return oneArgument("the snapshot's directory")(cmd, args)
		},
		ValidArgsFunction: func(cmd *cobra.Command, args []string, toComplete string) ([]string, cobra.ShellCompDirective) {
			if cmd.Flags().Changed("cluster") {
				args = nil
			}
			return directories(cmd, args, toComplete)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			o.files.Required = cmd.Flags().Changed("file")
			if cmd.Flags().Changed("cluster") {
				return printClusterPaths(o, args, stdout, stderr)
			}
			return printPaths(o, args[0], stdout, stderr)
		},
	}
	addFiles(cmd, &o.files)
	cmd.Flags().StringVar(&o.hostname, "hostname", "", "`name` of the host to print for, instead of this host")
	cmd.Flags().StringVar(&o.cluster, "cluster", "", "`name` of the cluster to print for")
	cmd.Flags().StringVar(&o.format, "format", app.PathsFormats[0], "`format` to print in: "+strings.Join(app.PathsFormats, ", "))
	_ = cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(app.PathsFormats, cobra.ShellCompDirectiveNoFileComp))
	addHelp(cmd)
	return cmd
}

func newReplay(stderr io.Writer, b app.Brokers) *cobra.Command {
	o := replayOptions{brokers: b}
	cmd := &cobra.Command{
		Use:   "replay [flags] DIR",
		Short: "Send recorded snapshots to Graphite again",
		Long: `Sends the snapshots in a directory, or one snapshot, to Graphite, the oldest
first. Graphite confirms each snapshot before the next one is sent. The command
does not change the directory, disturb a running haproxystats-process, write
[local-store], or send the metrics of haproxystats itself.`,
		Args:              oneArgument("the directory with snapshots"),
		ValidArgsFunction: directories,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.files.Required = cmd.Flags().Changed("file")
			return replay(o, args[0], stderr)
		},
	}
	addFiles(cmd, &o.files)
	fl := cmd.Flags()
	fl.Int64Var(&o.from, "from", 0, "first snapshot to send, an `epoch`")
	fl.Int64Var(&o.to, "to", 0, "last snapshot to send, an `epoch` (default the newest)")
	fl.IntVar(&o.rate, "rate", 0, "`metrics` a second that are sent at most (default no limit)")
	fl.DurationVar(&o.patience, "patience", 5*time.Minute, "`time` for which Graphite may be down before the replay gives up")
	fl.StringVar(&o.hostname, "hostname", "", "`name` of the host to send for, instead of this host")
	fl.StringVar(&o.sink, "sink", "", "`section` to send to, as graphite:NAME (default [graphite], or the only one that is on)")
	fl.BoolVar(&o.dryRun, "dry-run", false, "count what would be sent, and send nothing")
	addHelp(cmd)
	return cmd
}

func newDoctor(stdout io.Writer, b ToolBrokers) *cobra.Command {
	o := doctorOptions{brokers: b}
	cmd := &cobra.Command{
		Use:   "doctor [flags]",
		Short: "Find what is wrong with this installation",
		Long: `Checks the configuration, the sockets of HAProxy, the directories, Graphite
and Kafka, and prints what is wrong, with the remedy. It sends no metric and
changes nothing. To find out what listens at the port of Graphite, it sends a few bytes
without an end of line, which carbon drops. The exit status is 1 if there is an
error; warnings do not change it.`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.files.Required = cmd.Flags().Changed("file")
			return printFindings(o, stdout)
		},
	}
	addFiles(cmd, &o.files)
	fl := cmd.Flags()
	fl.StringVar(&o.user, "user", "", "`name` of the user that the programs run as\n(default this one; for root haproxystats, if there is such a user)")
	fl.BoolVar(&o.offline, "offline", false, "skip checks that need the network")
	fl.BoolVar(&o.json, "json", false, "print the findings as JSON")
	addHelp(cmd)
	return cmd
}

func newCompletion(stdout io.Writer) *cobra.Command {
	shells := map[string]func(*cobra.Command) error{
		"bash": func(c *cobra.Command) error { return c.GenBashCompletionV2(stdout, true) },
		"fish": func(c *cobra.Command) error { return c.GenFishCompletion(stdout, true) },
		"zsh":  func(c *cobra.Command) error { return c.GenZshCompletion(stdout) },
	}
	names := []string{"bash", "fish", "zsh"}
	cmd := &cobra.Command{
		Use:   "completion SHELL",
		Short: "Print the completion of this program for a shell",
		Long: `Prints a script that makes a shell complete the arguments of this program. SHELL
is bash, fish or zsh.`,
		Args:      oneArgument("the shell"),
		ValidArgs: names,
		RunE: func(cmd *cobra.Command, args []string) error {
			generate, ok := shells[args[0]]
			if !ok {
				return fmt.Errorf("unknown shell %q: expected %s", args[0], strings.Join(names, ", "))
			}
			return generate(cmd.Root())
		},
	}
	addHelp(cmd)
	return cmd
}
