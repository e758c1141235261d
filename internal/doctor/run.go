package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"haproxystats/internal/aggregate"
	"haproxystats/internal/config"
	"haproxystats/internal/sink/graphite"
)

// Options are the options of a run of doctor.
type Options struct {
	// Files names the configuration files.
	Files config.Files
	// User is the user that the programs run as; empty for the user of this
	// process or, if that is root, for haproxystats.
	User string
	// Offline leaves out the checks that use the network.
	Offline bool
	// System is the operating system of this host, as Go names it; empty means the one that
	// doctor was built for.
	System string
	Wiring Wiring
}

// Wiring returns how the programs use their configuration.
type Wiring struct {
	// CheckPull, CheckProcess and CheckCentral make the checks that package config can't.
	CheckPull, CheckProcess, CheckCentral config.Check
	// Graphite returns the options of the sink of a section of Graphite.
	Graphite func(config.Instance[config.Graphite]) graphite.Options
	// Aggregate returns the options of aggregation.
	Aggregate func(*config.Config) (aggregate.Options, error)
	// Kafka asks the brokers that a program uses, and asks nobody offline.
	Kafka func(ctx context.Context, c *config.Config, p config.Program, offline bool) []Kafka
}

// Run examines an installation and returns its findings.
func Run(ctx context.Context, o Options) (Report, error) {
	system := cmp.Or(o.System, runtime.GOOS)
	if system != linux && o.User != "" {
		return nil, fmt.Errorf("--user %s: the programs, whose user that is, run on Linux only: leave it out", o.User)
	}
	u, err := programUser(o.User)
	if err != nil {
		return nil, err
	}
	r := &run{files: o.Files, offline: o.Offline, wiring: o.Wiring, user: u, root: os.DirFS("/"), system: system}
	if !r.isLinux() {
		r.user = unjudged
	}
	r.unit = func(ctx context.Context, program string) Unit { return askUnit(ctx, r.root, program) }
	return r.all(ctx), nil
}

// programUser returns the named user, else the user of this process, or haproxystats
// if that is root.
func programUser(name string) (User, error) {
	if name != "" {
		u, err := LookupUser(name)
		if err != nil {
			return u, fmt.Errorf("--user %s: %w", name, err)
		}
		return u, nil
	}
	if os.Geteuid() == 0 {
		if u, err := LookupUser("haproxystats"); err == nil {
			return u, nil
		}
	}
	return CurrentUser()
}

// linux is the system that the programs run on.
const linux = "linux"

// unjudged is a user whom no mode keeps out. On other systems than Linux the user of doctor
// is that of the commands: what is closed to it is met when doctor opens it.
var unjudged = User{}

// run is one run of doctor.
type run struct {
	system  string // the operating system, as Go names it
	files   config.Files
	offline bool
	wiring  Wiring
	user    User
	root    fs.FS           // the host's files
	masters map[string]bool // the sockets of HAProxy's master processes
	// asksMasters reports whether haproxystats-pull uses those in socket-dir.
	asksMasters bool
	// unit asks systemd for the unit of a program.
	unit func(ctx context.Context, program string) Unit
	// The hashes that each program would have if it started now.
	pullSHA256, processSHA256, centralSHA256 string
	host                                     Host
}

// isLinux reports whether the programs can run on this host. Elsewhere doctor examines
// what the commands of haproxystats use: the configuration, the sockets, and what receives
// metrics.
func (r *run) isLinux() bool { return r.system == "" || r.system == linux }

// elsewhere tells what doctor leaves out.
func (r *run) elsewhere() Finding {
	f := about{check: "programs"}.skipped("haproxystats-pull, haproxystats-process and haproxystats-central run on Linux only, so their directories, permissions and states are not examined on %s", r.system)
	f.Remedy = "Run doctor on the host of the programs"
	return f
}

// localLimit bounds the checks of files, and the requests to programs on this host.
const localLimit = 5 * time.Second

// all runs all checks of the programs that the configuration is for. If one of them
// refuses it, all leaves out the checks that need it.
func (r *run) all(ctx context.Context) Report {
	pulling, pullErr := config.Load(config.ForPull, r.files, r.wiring.CheckPull)
	processing, processErr := config.Load(config.ForProcess, r.files, r.wiring.CheckProcess)
	centre, centreErr := config.Load(config.ForCentral, r.files, r.wiring.CheckCentral)
	r.pullSHA256, r.processSHA256, r.centralSHA256 = pulling.SHA256, processing.SHA256, centre.SHA256
	programs := pulling.Programs()
	var accepted []acceptance
	for _, a := range []acceptance{{config.ForPull, pulling, pullErr}, {config.ForProcess, processing, processErr}, {config.ForCentral, centre, centreErr}} {
		if slices.Contains(programs, a.program) {
			accepted = append(accepted, a)
		}
	}
	report := judgeConfiguration(r.files.File, accepted)

	var checks []Check
	add := func(name string, limit time.Duration, run func(context.Context) []Finding) {
		checks = append(checks, Check{Name: name, Limit: limit, Run: run})
	}
	if !r.isLinux() {
		report = append(report, r.elsewhere())
	}
	if r.isLinux() && slices.ContainsFunc(accepted, func(a acceptance) bool { return a.err == nil }) {
		add("files", localLimit, func(context.Context) []Finding { return r.configurationFiles() })
	}
	if slices.Contains(programs, config.ForPull) {
		r.ofNode(add, &pulling.Config, pullErr, &processing.Config, processErr)
	}
	central := slices.Contains(programs, config.ForCentral) && centreErr == nil
	if central {
		r.ofCentral(add, &centre.Config)
		if r.isLinux() && slices.Contains(programs, config.ForProcess) {
			add("shared", localLimit, func(context.Context) []Finding { return shared(&centre.Config) })
		}
	}
	if r.isLinux() {
		add("host", localLimit, func(context.Context) []Finding {
			return []Finding{KernelClock(r.host), SELinux(r.root, time.Now())}
		})
	}
	sending, program := &centre.Config, config.ForCentral
	if slices.Contains(programs, config.ForProcess) && processErr == nil {
		sending, program = &processing.Config, config.ForProcess
	} else if !central {
		sending = nil
	}
	if sending != nil {
		for _, g := range sending.GraphiteSections() {
			add(config.GraphiteSection(g.Name), graphiteLimit(g.Options), func(ctx context.Context) []Finding { return r.graphite(ctx, g) })
		}
	}
	if c := sending; c != nil && c.Events.Sends() {
		add("events", eventsLimit(c), func(ctx context.Context) []Finding { return r.events(ctx, c) })
	}
	if c := sending; c != nil && len(c.Pushed()) > 0 {
		add("push", pushesLimit(c), func(ctx context.Context) []Finding { return r.push(ctx, c) })
	}
	if c := sending; c != nil && c.Prometheus.Enabled && r.isLinux() {
		of := program
		add("prometheus", localLimit, func(ctx context.Context) []Finding { return r.prometheus(ctx, c, of) })
	}
	if central { // it uses the topics of metrics, too
		sending, program = &centre.Config, config.ForCentral
	}
	if sending != nil {
		add("kafka", kafkaLimit, func(ctx context.Context) []Finding { return r.kafka(ctx, sending, program) })
	}
	return append(report, runChecks(ctx, checks)...)
}

// ofNode adds the checks of the programs of a node.
func (r *run) ofNode(add func(string, time.Duration, func(context.Context) []Finding), p *config.Config, pullErr error, s *config.Config, processErr error) {
	from := newReplies()
	if pullErr == nil {
		add("sockets", socketsLimit, func(ctx context.Context) []Finding { return r.sockets(ctx, p, from) })
	}
	if pullErr == nil && processErr == nil {
		add("volume", socketsLimit, func(ctx context.Context) []Finding { return r.volume(ctx, p, s, from) })
	}
	if !r.isLinux() {
		return
	}
	if pullErr == nil {
		add(string(config.ForPull), localLimit, func(ctx context.Context) []Finding { return r.pull(ctx, p) })
		sending := s
		if processErr != nil {
			sending = nil
		}
		add("totals", localLimit, func(ctx context.Context) []Finding { return r.totals(ctx, p, sending) })
	}
	if processErr == nil {
		add(string(config.ForProcess), localLimit, func(ctx context.Context) []Finding { return r.process(ctx, s) })
	}
	if pullErr == nil && processErr == nil {
		add("spool", socketsLimit, func(ctx context.Context) []Finding { return r.spool(ctx, p, s, from) })
	}
}

// acceptance is what a program says to the configuration.
type acceptance struct {
	program config.Program
	loaded  *config.Loaded
	err     error
}

// judgeConfiguration returns the problems of the files, each once for all programs.
func judgeConfiguration(file string, programs []acceptance) (r Report) {
	var warnings []config.Problem
	var names []string
	for _, a := range programs {
		warnings = slices.Concat(warnings, a.loaded.Warnings, a.loaded.Relative)
		names = append(names, string(a.program))
	}
	told := make(map[config.Problem]bool)
	type optionRef struct{ file, section, option string }
	refused := make(map[optionRef]bool)
	for _, a := range programs {
		var problems config.Problems
		errors.As(a.err, &problems)
		for _, p := range problems {
			if !told[p] {
				r = append(r, Finding{Check: "configuration", Verdict: Error, Text: p.Description(), Remedy: p.Hint})
			}
			told[p] = true
			refused[optionRef{p.Pos.String(), p.Section, p.Option}] = true
		}
	}
	for _, w := range warnings {
		// A problem that stops one program is a warning for the other: tell it once.
		if !told[w] && !refused[optionRef{w.Pos.String(), w.Section, w.Option}] {
			r = append(r, Finding{Check: "configuration", Verdict: Warning, Text: w.Description(), Remedy: w.Hint})
		}
		told[w] = true
	}
	if len(r) > 0 {
		return r
	}
	last := len(names) - 1
	text := names[last] + " accepts " + file
	if last > 0 {
		text = strings.Join(names[:last], ", ") + " and " + names[last] + " accept " + file
	}
	if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
		text = file + " does not exist: defaults apply"
	}
	return Report{{Check: "configuration", Verdict: OK, Text: text}}
}
