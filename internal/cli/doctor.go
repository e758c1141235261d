package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"haproxystats/internal/config"
	"haproxystats/internal/doctor"
)

type doctorOptions struct {
	files         config.Files
	user          string
	offline, json bool
}

// errUnwell ends a doctor whose findings have said why.
var errUnwell = fmt.Errorf("errors were found: %w", errTold)

// examine prints what is found out about an installation.
func examine(o doctorOptions, stdout io.Writer) error {
	u, err := patient(o.user)
	if err != nil {
		return err
	}
	r := examination{files: o.files, offline: o.offline, user: u, root: os.DirFS("/")}.run(context.Background())
	if o.json {
		err = r.WriteJSON(stdout)
	} else {
		err = r.WriteText(stdout)
	}
	if err == nil && r.Verdict() == doctor.Error {
		return errUnwell
	}
	return err
}

// patient returns the user that the programs run as: the one who is named, or
// else who runs this, unless that is root.
func patient(name string) (doctor.User, error) {
	if name != "" {
		u, err := doctor.LookupUser(name)
		if err != nil {
			return u, fmt.Errorf("--user %s: %w", name, err)
		}
		return u, nil
	}
	if os.Geteuid() == 0 {
		if u, err := doctor.LookupUser("haproxystats"); err == nil {
			return u, nil
		}
	}
	return doctor.CurrentUser()
}

// examination is one run of the doctor.
type examination struct {
	files   config.Files
	offline bool
	user    doctor.User
	root    fs.FS // the host's files
	host    doctor.Host
}

// local bounds what only looks at files, or asks a program on this host.
const local = 5 * time.Second

// run looks at everything. What a configuration that is refused says is left
// out.
func (e examination) run(ctx context.Context) doctor.Report {
	pulling, pullErr := config.Load(config.ForPull, e.files, pullProgram().check)
	processing, processErr := config.Load(config.ForProcess, e.files, processProgram().check)
	r := judgeConfiguration(e.files.File, pullErr, processErr, append(pulling.Warnings, processing.Warnings...))

	var checks []doctor.Check
	add := func(name string, limit time.Duration, run func(context.Context) []doctor.Finding) {
		checks = append(checks, doctor.Check{Name: name, Limit: limit, Run: run})
	}
	p, s := &pulling.Config, &processing.Config
	reading := newReading()
	if pullErr == nil {
		add("sockets", socketsLimit, func(ctx context.Context) []doctor.Finding { return e.sockets(ctx, p, reading) })
	}
	if pullErr == nil && processErr == nil {
		add("volume", socketsLimit, func(ctx context.Context) []doctor.Finding { return e.volume(ctx, p, s, reading) })
	}
	if pullErr == nil {
		add(string(config.ForPull), local, func(ctx context.Context) []doctor.Finding { return e.collector(ctx, p) })
	}
	if processErr == nil {
		add(string(config.ForProcess), local, func(ctx context.Context) []doctor.Finding { return e.sender(ctx, s) })
	}
	if pullErr == nil && processErr == nil {
		add("spool", socketsLimit, func(ctx context.Context) []doctor.Finding { return e.spool(ctx, p, s, reading) })
	}
	add("host", local, func(context.Context) []doctor.Finding {
		return []doctor.Finding{doctor.KernelClock(e.host), doctor.SELinux(e.root, time.Now())}
	})
	if processErr == nil {
		add("graphite", graphiteLimit(s), func(ctx context.Context) []doctor.Finding { return e.graphite(ctx, s) })
	}
	return append(r, doctor.Run(ctx, checks)...)
}

// judgeConfiguration tells what is wrong with the files, once for both programs.
func judgeConfiguration(file string, pullErr, processErr error, warnings []config.Problem) (r doctor.Report) {
	told := make(map[config.Problem]bool)
	type place struct{ file, section, option string }
	refused := make(map[place]bool)
	for _, err := range []error{pullErr, processErr} {
		var problems config.Problems
		errors.As(err, &problems)
		for _, p := range problems {
			if !told[p] {
				r = append(r, doctor.Finding{Check: "configuration", Verdict: doctor.Error, Text: p.Error()})
			}
			told[p] = true
			refused[place{p.Pos.String(), p.Section, p.Option}] = true
		}
	}
	for _, w := range warnings {
		// What stops one program is a warning of the other.
		if !told[w] && !refused[place{w.Pos.String(), w.Section, w.Option}] {
			r = append(r, doctor.Finding{Check: "configuration", Verdict: doctor.Warning, Text: w.Error()})
		}
		told[w] = true
	}
	if len(r) > 0 {
		return r
	}
	text := "both programs take " + file
	if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
		text = file + " does not exist: defaults apply"
	}
	return doctor.Report{{Check: "configuration", Verdict: doctor.OK, Text: text}}
}
