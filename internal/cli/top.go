package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"haproxystats/internal/app"
	"haproxystats/internal/config"
	"haproxystats/internal/haproxy"
	"haproxystats/internal/pull"
	"haproxystats/internal/top"
)

type topOptions struct {
	files       config.Files
	sockets     []string
	follow      bool
	spool       string
	interval    time.Duration
	once, json  bool
	view        string
	sort        string
	reverse     bool
	filter      string
	problems    bool
	configNamed bool
	show        top.Show
}

const (
	topInterval    = 2 * time.Second
	minTopInterval = 100 * time.Millisecond
	maxTopInterval = time.Hour
	// topTimeout is the least time that a round may take: HAProxy with many servers needs a
	// second for its reply.
	topTimeout = 5 * time.Second
	// topConnect bounds an attempt to connect without a configuration.
	topConnect = time.Second
	overview   = "overview"
)

// views are the values of --view, with the kinds of their rows.
func views() []string {
	names := []string{overview}
	for _, k := range top.Kinds() {
		names = append(names, k.Plural())
	}
	return names
}

func newTop(stdout, stderr io.Writer, show top.Show) *cobra.Command {
	o := topOptions{show: show}
	cmd := &cobra.Command{
		Use:   "top [flags]",
		Short: "Show HAProxy's processes, frontends, backends and servers live",
		Long: `Shows what HAProxy does now, in a table that is renewed every two seconds: processes,
frontends, backends and servers with their states, rates, errors and times. Press ?
for the keys.

It asks the stats sockets that the section [pull] of the configuration names, or those
of --socket, with one connection for each in a round, as haproxystats-pull does. The
level user suffices. With --follow, it asks none: it reads the snapshots that
haproxystats-pull puts into its spool, and changes nothing there.

With --once or --json, it prints the table once and ends. Rates need two rounds, so it
asks twice, --interval apart, or takes two snapshots; with --interval 0 it takes one
round or snapshot and has no rates.`,
		Args:              noArguments,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.configNamed = cmd.Flags().Changed("file") || cmd.Flags().Changed("dir")
			o.files.Required = cmd.Flags().Changed("file")
			if cmd.Flags().Changed("spool") && o.spool == "" {
				return errors.New("--spool is empty: name a directory, or use --follow for that of the configuration")
			}
			if (o.follow || o.spool != "") && cmd.Flags().Changed("interval") && o.interval != 0 {
				return errors.New("--interval has no effect with --follow and --spool, except 0: snapshots come when haproxystats-pull stores them. Leave it out")
			}
			return runTop(o, stdout, stderr)
		},
	}
	addFiles(cmd, &o.files)
	fl := cmd.Flags()
	fl.StringArrayVarP(&o.sockets, "socket", "s", nil, "stats `socket` to ask instead of those of the configuration: a path, a directory of sockets, or tcp://host:port; may be given several times")
	fl.BoolVar(&o.follow, "follow", false, "follow the snapshots in the spool of haproxystats-pull instead of asking")
	fl.StringVar(&o.spool, "spool", "", "`directory` of the spool to follow, instead of dst-dir in [pull]")
	fl.DurationVarP(&o.interval, "interval", "i", topInterval, "`time` from one round to the next, as in 500ms or 5s")
	fl.BoolVar(&o.once, "once", false, "print the table once and end")
	fl.BoolVar(&o.json, "json", false, "print the rows once as JSON and end")
	fl.StringVar(&o.view, "view", overview, "`rows` to begin with: "+strings.Join(views(), ", "))
	fl.StringVar(&o.sort, "sort", "requests", "`key` to sort by: "+strings.Join(top.KeyNames(), ", "))
	fl.BoolVar(&o.reverse, "reverse", false, "sort the other way round")
	fl.StringVar(&o.filter, "filter", "", "show rows whose name has these `words`, or whose state is such a word")
	fl.BoolVar(&o.problems, "problems", false, "show only rows that need attention")
	addHelp(cmd)
	err := errors.Join(
		cmd.RegisterFlagCompletionFunc("view", cobra.FixedCompletions(views(), cobra.ShellCompDirectiveNoFileComp)),
		cmd.RegisterFlagCompletionFunc("sort", cobra.FixedCompletions(top.KeyNames(), cobra.ShellCompDirectiveNoFileComp)),
		cmd.MarkFlagDirname("spool"),
	)
	if err != nil {
		panic(err) // the flags are those above
	}
	cmd.MarkFlagsMutuallyExclusive("socket", "follow")
	cmd.MarkFlagsMutuallyExclusive("socket", "spool")
	return cmd
}

// runTop shows the table, or prints it.
func runTop(o topOptions, stdout, stderr io.Writer) error {
	query := top.Query{Filter: o.filter, Problems: o.problems, Reverse: o.reverse}
	var ok bool
	if query.Key, ok = top.ParseKey(o.sort); !ok {
		return fmt.Errorf("--sort %q: expected one of %s", o.sort, strings.Join(top.KeyNames(), ", "))
	}
	kinds := top.Kinds()
	if o.view != overview {
		i := slices.Index(views(), o.view)
		if i < 0 {
			return fmt.Errorf("--view %q: expected one of %s", o.view, strings.Join(views(), ", "))
		}
		kinds = kinds[i-1 : i]
	}
	printing := o.once || o.json
	switch {
	case o.interval == 0 && printing:
	case o.interval == 0:
		return errors.New("--interval 0 asks once, for --once and --json only: name a time, as in 2s")
	case o.interval < minTopInterval || o.interval > maxTopInterval:
		return fmt.Errorf("--interval %v: expected a time from %v to %v", o.interval, minTopInterval, maxTopInterval)
	}
	if !printing && (!isTerminal(stdout) || o.show == nil) {
		return errors.New("standard output is not a terminal: add --once for a table, or --json")
	}
	dumb := os.Getenv("TERM") == "dumb"
	if !printing && dumb {
		return errors.New("the terminal can only print lines (TERM is dumb): add --once for a table, or --json")
	}
	source, err := newTopSource(o, stderr)
	if err != nil {
		return err
	}
	if closer, ok := source.(io.Closer); ok {
		defer closer.Close()
	}
	colours := isTerminal(stdout) && os.Getenv("NO_COLOR") == "" && !dumb
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGHUP, syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if !printing {
		return o.show(ctx, top.ShowOptions{Source: source, Kinds: kinds, Query: query, Colours: colours})
	}
	context.AfterFunc(ctx, stop) // a second signal does not wait
	model, err := readOnce(ctx, source, o.interval > 0)
	switch {
	case err != nil && ctx.Err() != nil:
		return errInterrupted
	case err != nil:
		return err
	case o.json:
		return model.WriteJSON(stdout, kinds, query)
	}
	return model.WriteText(stdout, kinds, query, colours)
}

// readOnce returns the model after a round, or after two for rates.
func readOnce(ctx context.Context, source top.Source, rates bool) (*top.Model, error) {
	model, reader := top.NewModel(), top.NewReader()
	rounds := 1
	if rates {
		rounds = 2
	}
	for range rounds {
		round, err := source.Next(ctx)
		if err != nil {
			return nil, err
		}
		reading, err := reader.Read(round)
		if err != nil {
			return nil, err
		}
		model.Take(reading)
	}
	return model, nil
}

// newTopSource returns what the options say to ask or to follow.
func newTopSource(o topOptions, stderr io.Writer) (top.Source, error) {
	asker := &top.Asker{Interval: o.interval, Timeout: max(topTimeout, 2*o.interval)}
	client := &haproxy.Client{Timeout: topConnect}
	var puller pull.Puller
	if len(o.sockets) > 0 && !o.configNamed {
		asker.FindMasters = true
	} else {
		loaded, err := loadForTool(config.ForPull, o.files, func(*config.Config) []config.Problem { return nil }, stderr)
		if err != nil {
			return nil, err
		}
		c := &loaded.Config.Pull
		if o.follow || o.spool != "" {
			return &top.Follower{Dir: cmp.Or(o.spool, c.DstDir), Patience: top.FollowerPatience(c.PullInterval)}, nil
		}
		client.Timeout, client.BufferLimit = c.Timeout, c.BufferLimit
		if c.PullTimeout > 0 {
			asker.Timeout = min(asker.Timeout, c.PullTimeout)
		}
		switch c.MasterSocket {
		case config.MasterAuto:
			asker.FindMasters = true
		case config.MasterNone:
		default:
			asker.Master = c.MasterSocket
		}
		puller.SocketDir, puller.Servers = c.SocketDir, app.Sockets(c.Servers)
	}
	if len(o.sockets) > 0 {
		puller = pull.Puller{}
		if err := addSockets(&puller, o.sockets); err != nil {
			return nil, err
		}
	}
	asker.Client, asker.Targets = client, puller.Targets
	asker.Missing = func() error {
		if len(o.sockets) > 0 {
			return &top.Problem{
				Err:  fmt.Errorf("no socket found: %s holds no socket", puller.SocketDir),
				Hint: "Start HAProxy, with a `stats socket` line for a path in it",
			}
		}
		return &top.Problem{Err: puller.Missing(), Hint: "Or name a stats socket: --socket PATH"}
	}
	asker.Where = whereTop(&puller)
	return asker, nil
}

// addSockets adds the values of --socket.
func addSockets(p *pull.Puller, sockets []string) error {
	for _, s := range sockets {
		switch info, err := os.Stat(s); {
		case strings.Contains(s, "://"):
			servers, err := config.ParseServers(s)
			if err != nil {
				return fmt.Errorf("--socket %w", err)
			}
			p.Servers = append(p.Servers, app.Sockets(servers)...)
		case s == "":
			return errors.New("--socket has no value: name a path, a directory of sockets, or tcp://host:port")
		case err == nil && info.IsDir() && p.SocketDir != "":
			return fmt.Errorf("--socket names two directories, %s and %s: name one of them, and the sockets of the other", p.SocketDir, s)
		case err == nil && info.IsDir():
			p.SocketDir = s
		default:
			path, err := filepath.Abs(s)
			if err != nil {
				return fmt.Errorf("--socket %s: %w", s, err)
			}
			p.Servers = append(p.Servers, pull.Socket{Network: "unix", Address: path})
		}
	}
	return nil
}

// whereTop tells what is asked.
func whereTop(p *pull.Puller) string {
	var all []string
	if p.SocketDir != "" {
		all = append(all, p.SocketDir)
	}
	for _, s := range p.Servers {
		all = append(all, s.Address)
	}
	if len(all) > 2 {
		return fmt.Sprintf("%s and %d more", all[0], len(all)-1)
	}
	return strings.Join(all, " and ")
}
