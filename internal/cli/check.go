package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"haproxystats/internal/app"
	"haproxystats/internal/check"
	"haproxystats/internal/config"
	"haproxystats/internal/nagios"
)

const checkName = "check_haproxystats"

// checkOptions are the options of the plugin's command line.
type checkOptions struct {
	files      config.Files
	mode       string
	warn, crit string
	sink       string
	cluster    string
	timeout    float64
	details    int
	json       bool
	// absentOK makes the check OK if there is no configuration.
	absentOK bool
	request  check.Request
	// outcome is the result of the check.
	outcome nagios.Result
}

// maxTimeout exceeds any useful time-out of a check.
const maxTimeout = 3600

// Check runs check_haproxystats, a monitoring plugin, and returns its exit status.
// The first of args is the name that it was called by, which may name the check.
func Check(args []string, stdout io.Writer) int {
	cmd, o := newCheck(filepath.Base(args[0]), stdout)
	cmd.SetArgs(args[1:])
	cmd.SetOut(stdout)
	cmd.SetErr(io.Discard) // completion writes its only messages here
	if err := cmd.Execute(); err != nil {
		// An error of the command line may come before the flag was read.
		o.json = o.json || slices.Contains(args, "--json")
		o.outcome = nagios.Result{Name: "HAPROXYSTATS", Status: nagios.Unknown, Text: err.Error()}
		_ = o.print(stdout)
	}
	return int(o.outcome.Status)
}

// print prints the result in the form that the command line asks for.
func (o *checkOptions) print(stdout io.Writer) error {
	if o.json {
		return o.outcome.WriteJSON(stdout)
	}
	return o.outcome.Write(stdout, o.details > 0)
}

// newCheck returns the command, and its options and result.
func newCheck(name string, stdout io.Writer) (*cobra.Command, *checkOptions) {
	// A call for help or version has no result, and must not pass for a check.
	o := &checkOptions{outcome: nagios.Result{Status: nagios.Unknown}}
	called, byName := oldName(name)
	cmd := &cobra.Command{
		Use:               checkName + " [flags] MODE",
		Short:             "Checks haproxystats for Nagios, Icinga and others",
		Long:              checkHelp(),
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
		ValidArgs:         modeNames(),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.files.Required = cmd.Flags().Changed("file")
			// The programs may have variables in their environment that the agent has not.
			o.files.Elsewhere = true
			if err := o.prepare(called, args); err != nil {
				return err
			}
			o.outcome = o.run()
			return o.print(stdout)
		},
	}
	if byName {
		cmd.Use = name + " [flags]"
	}
	cmd.SetFlagErrorFunc(flagError)
	addFiles(cmd, &o.files)
	fl := cmd.Flags()
	if byName {
		o.mode = called.mode
		called.addFlags(fl, o)
	} else {
		fl.StringVarP(&o.mode, "mode", "m", "", "`check` to make, instead of the argument")
	}
	if !called.ownLimits {
		fl.StringVarP(&o.warn, "warning", "w", "", "`range` of values without a warning")
		fl.StringVarP(&o.crit, "critical", "c", "", "`range` of values that are not critical")
	}
	fl.StringVar(&o.sink, "sink", "", "check only this `sink` (default all)")
	fl.StringVar(&o.cluster, "cluster", "", "check only this `cluster` (default all)")
	fl.BoolVar(&o.request.Records, "records", false, "lag: -w and -c are numbers of records")
	fl.Float64VarP(&o.timeout, "timeout", "t", 10, "time limit in `seconds` for a result")
	fl.CountVarP(&o.details, "verbose", "v", "show more lines, such as failed sockets and their errors")
	fl.BoolVar(&o.json, "json", false, "print the result with all values and details as JSON")
	fl.BoolP("help", "h", false, "show this screen")
	addVersion(cmd, checkName, "V", stdout)
	return cmd, o
}

// checkHelp describes the checks.
func checkHelp() string {
	var text strings.Builder
	text.WriteString(`Checks haproxystats-pull, haproxystats-process and haproxystats-central, and prints
the result for Nagios, Icinga and compatible systems. The exit status is 0 for OK, 1 for WARNING,
2 for CRITICAL and 3 for UNKNOWN, also after -h, -V and wrong arguments. It asks
the programs at their status sockets. If a program does not answer, it reads the
program's directories and locks, and the output says so.

A range is 10 (alert below 0 and above 10), 10: (below 10), ~:10 (above 10),
10:20 (below 10 and above 20) or @10:20 (from 10 to 20). If you give -w or -c, it
replaces both thresholds of the check.

Checks:
`)
	for _, m := range check.Modes() {
		fmt.Fprintf(&text, "  %-9s %s\n", m.Name, m.Short)
		fmt.Fprintf(&text, "            value: %s\n", m.Value)
		fmt.Fprintf(&text, "            -w, -c: %s\n", m.Thresholds)
	}
	return strings.TrimRight(text.String(), "\n")
}

func modeNames() []string {
	var names []string
	for _, m := range check.Modes() {
		names = append(names, m.Name)
	}
	return names
}

// prepare validates the command line and parses its ranges.
func (o *checkOptions) prepare(called *calledName, args []string) (err error) {
	if o.mode == "" && len(args) > 0 {
		o.mode, args = args[0], args[1:]
	}
	if err := noArguments(nil, args); err != nil {
		return err
	}
	if math.IsNaN(o.timeout) || o.timeout <= 0 || o.timeout > maxTimeout {
		return fmt.Errorf("time-out of %v seconds: expected more than 0 and at most %d", o.timeout, maxTimeout)
	}
	if called.ownLimits {
		return called.limits(o)
	}
	for _, limit := range []struct {
		text string
		to   **nagios.Range
	}{{o.warn, &o.request.Warn}, {o.crit, &o.request.Crit}} {
		if limit.text == "" {
			continue
		}
		r, err := nagios.ParseRange(limit.text)
		if err != nil {
			return err
		}
		*limit.to = &r
	}
	if o.mode == check.All && (o.warn != "" || o.crit != "" || o.request.Records) {
		return errors.New("-w, -c and --records do not apply to all: name one check")
	}
	o.request.Sink, o.request.Cluster = o.sink, o.cluster
	return nil
}

// run makes the check within its time-out. It abandons a check that hangs, as on a
// dead disk.
func (o *checkOptions) run() nagios.Result {
	modes := check.Modes()
	for _, m := range modes {
		if m.Name != o.mode {
			continue
		}
		limit := time.Duration(o.timeout * float64(time.Second))
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		defer cancel()
		done := make(chan nagios.Result, 1)
		go func() { done <- o.execute(ctx, m, limit) }()
		select {
		case r := <-done:
			return r
		case <-ctx.Done():
			return nagios.Result{
				Name: strings.ToUpper(m.Name), Status: nagios.Unknown,
				Text: fmt.Sprintf("no result within %v: look at the disk and the load of this host, or set a longer -t", limit),
			}
		}
	}
	why := "no check is named"
	if o.mode != "" {
		why = fmt.Sprintf("unknown check %q", o.mode)
	}
	return nagios.Result{
		Name: "HAPROXYSTATS", Status: nagios.Unknown,
		Text: why + ": expected " + strings.Join(modeNames(), ", ") + ": see -h",
	}
}

// execute reads the configuration and makes the check.
func (o *checkOptions) execute(ctx context.Context, m check.Mode, limit time.Duration) nagios.Result {
	none := nagios.Result{Name: strings.ToUpper(m.Name), Status: nagios.Unknown}
	user := check.UserName()
	files, first := o.files, ""
	if m.Name == check.Container && runtime.GOOS != "linux" {
		none.Text = "containers of haproxystats run Linux, and so must the plugin in them: name another check"
		return none
	}
	if m.Name == check.Container {
		var err error
		if first, files, err = o.ofProcess1(os.DirFS("/")); err != nil {
			none.Text = err.Error()
			return none
		}
	}
	for _, path := range []string{files.File, files.Dir} {
		err := unix.Faccessat(unix.AT_FDCWD, path, unix.R_OK, unix.AT_EACCESS)
		switch {
		case path == "":
		case errors.Is(err, fs.ErrPermission):
			none.Text = fmt.Sprintf("%s may not read %s: add it to the group haproxystats, and restart the monitoring agent", user, path)
			return none
		case errors.Is(err, fs.ErrNotExist) && o.absentOK && path == files.File && files.Dir == "":
			none.Status, none.Text = nagios.OK, fmt.Sprintf("haproxystats is not configured here: %s does not exist", path)
			return none
		}
	}
	loaded, err := config.Load(config.ForPull, files)
	if err != nil {
		none.Text = "the configuration is refused: " + err.Error()
		return none
	}
	c := &loaded.Config
	for _, w := range loaded.Warnings {
		if w.Refuser != "" && w.Section == "process" && (w.Option == "src-dir" || w.Option == "status-socket") {
			none.Text = w.Error()
			return none
		}
	}
	for _, p := range loaded.Unset {
		if needs(p) {
			none.Text = "the check needs this option: " + p.Error()
			return none
		}
	}
	processSHA256 := ""
	if processing, err := config.Load(config.ForProcess, files, app.SinkCheck(nil)); err == nil {
		processSHA256 = processing.SHA256
	}
	central, err := centralOf(m.Name, first, files)
	central.Configured, central.Kafka = len(c.Nodes) > 0 || c.Central.Kafka, c.Central.Kafka
	if err != nil && m.Name == check.All {
		central.Refused = err.Error()
	} else if err != nil {
		none.Text = "the configuration is refused: " + err.Error()
		return none
	}
	return m.Run(ctx, check.Installation{
		Central:    central,
		PullSHA256: loaded.SHA256, ProcessSHA256: processSHA256,
		PullSocket: c.Pull.StatusSocket, ProcessSocket: c.Process.StatusSocket,
		DstDir: c.Pull.DstDir, SrcDir: c.Process.SrcDir,
		Interval:    c.Pull.PullInterval,
		KeepsTotals: c.Pull.StateDir != "",
		KeepPartial: c.Pull.OnPartial == config.PartialKeep,
		Patience:    limit / 2, // the other half is for the directories
		First:       first,
		User:        user,
		System:      runtime.GOOS,
	}, o.request)
}

// needs reports whether the plugin needs an option whose value is not known here.
func needs(p config.Problem) bool {
	switch p.Section {
	case "paths":
		return true
	case "DEFAULT": // a variable, which any section may use
		return p.Option != "hostname"
	case "pull":
		return slices.Contains([]string{"status-socket", "dst-dir", "pull-interval", "on-partial"}, p.Option)
	case "process":
		return slices.Contains([]string{"status-socket", "src-dir"}, p.Option)
	}
	return false
}

// centralOf returns what the checks of haproxystats-central need of its configuration,
// which other checks do not read. The first process is that of a container.
func centralOf(mode, first string, files config.Files) (check.Central, error) {
	switch {
	case mode == "central", mode == "cluster", mode == "lag", mode == check.All, mode == check.Container && first == string(config.ForCentral):
	case mode == "sink": // it says where the sinks of haproxystats-central are checked
	default:
		return check.Central{}, nil
	}
	loaded, err := config.Load(config.ForCentral, files, app.SinkCheck(nil))
	switch {
	case err != nil && mode == "sink": // a node's configuration need not be one of haproxystats-central
		return check.Central{}, nil
	case err != nil:
		return check.Central{}, err
	}
	c := &loaded.Config
	central := check.Central{
		Socket: c.Central.StatusSocket, SHA256: loaded.SHA256, JournalMaxBytes: c.Central.JournalMaxBytes,
		SessionTimeout: c.Central.SessionTimeout,
		Window: func(name string) (interval, grace time.Duration) {
			of := c.Cluster(name)
			return of.Interval, of.Grace
		},
	}
	for _, n := range c.Nodes {
		central.Clusters = append(central.Clusters, n.Options.Cluster)
	}
	return central, nil
}
