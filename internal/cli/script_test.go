package cli_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/rogpeppe/go-internal/txtar"
	"go.uber.org/goleak"

	"haproxystats/internal/app/brokers"
	"haproxystats/internal/app/endpoint"
	"haproxystats/internal/cli"
	"haproxystats/internal/config"
	"haproxystats/internal/config/ini"
	"haproxystats/internal/doctor/asked"
	"haproxystats/internal/httpget"
	"haproxystats/internal/httpsend"
	"haproxystats/internal/top/screen"
)

// TestMain makes the programs of the test binary, for the scripts to run.
func TestMain(m *testing.M) {
	// Scripts wait most of the time, so there may be more than processors.
	if err := flag.Set("test.parallel", "12"); err != nil {
		panic(err)
	}
	testscript.Main(leakTested{m}, map[string]func(){
		"haproxystats":      func() { os.Exit(cli.Tool(os.Args[1:], os.Stdout, os.Stderr, asked.New("haproxystats"), screen.Show)) },
		"haproxystats-pull": func() { os.Exit(cli.Pull(os.Args[1:], os.Stdout, os.Stderr)) },
		"haproxystats-process": func() {
			os.Exit(cli.Process(os.Args[1:], os.Stdout, os.Stderr, httpget.New(), httpsend.New, brokers.New(config.ForProcess), endpoint.Open))
		},
		"haproxystats-central": func() {
			os.Exit(cli.Central(os.Args[1:], os.Stdout, os.Stderr, httpsend.New, brokers.New(config.ForCentral), endpoint.Open))
		},
		"check_haproxystats":                            checkPlugin,
		"check_haproxystats_process.sh":                 checkPlugin,
		"check_haproxystats_process_number_of_procs.sh": checkPlugin,
		"check_haproxystats_pull.sh":                    checkPlugin,
		"check_haproxystats_queue_size.py":              checkPlugin,
	})
}

// checkPlugin goes by several names.
func checkPlugin() { os.Exit(cli.Check(os.Args, os.Stdout)) }

// leakTested looks for goroutines that the tests have left behind.
type leakTested struct{ m *testing.M }

func (l leakTested) Run() int {
	status := l.m.Run()
	if status != 0 {
		return status
	}
	if err := goleak.Find(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// TestScripts runs the scripts in testdata/script. Each runs the programs as an operator
// does, and compares their output. With UPDATE_SCRIPTS set, the expected output is
// rewritten.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 scripts,
		Setup:               setUp,
		Cmds:                commands,
		Condition:           condition,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		UpdateScripts:       os.Getenv("UPDATE_SCRIPTS") != "",
		Deadline:            time.Now().Add(9 * time.Minute),
		WorkdirRoot:         t.TempDir(), // which goes, also when -run picks a few scripts
	})
}

const scripts = "testdata/script"

// archives returns the scripts by their files.
func archives(t *testing.T) map[string]*txtar.Archive {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(scripts, "*.txtar"))
	if err != nil || len(files) == 0 {
		t.Fatal("no scripts", err)
	}
	all := make(map[string]*txtar.Archive)
	for _, file := range files {
		if all[file], err = txtar.ParseFile(file); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// TestScriptsMeetNowhere finds scripts that start a program with the default base-dir. They
// would share it with other scripts and with an installation.
func TestScriptsMeetNowhere(t *testing.T) {
	starts := regexp.MustCompile(`(?m)^start \S+ haproxystats-`)
	own := regexp.MustCompile(`(?m)^(base-dir|status-socket) *=`)
	started := 0
	for file, a := range archives(t) {
		if !starts.Match(a.Comment) {
			continue
		}
		started++
		if !slices.ContainsFunc(a.Files, func(f txtar.File) bool { return own.Match(f.Data) }) {
			t.Errorf("%s starts a program and sets no base-dir", file)
		}
	}
	if started == 0 {
		t.Error("no script starts a program")
	}
}

// TestEveryOptionHasAScript finds options that no script sets.
func TestEveryOptionHasAScript(t *testing.T) {
	set := make(map[string]bool) // "section" and "section option"
	for _, archive := range archives(t) {
		for _, f := range archive.Files {
			if !strings.HasSuffix(f.Name, ".conf") {
				continue
			}
			var doc ini.Document
			doc.Parse(f.Name, f.Data)
			for _, s := range append(doc.Sections(), doc.Defaults()) {
				kind := s.Name
				if known, ok := config.SectionOf(s.Name); ok {
					kind = known.Name
				}
				set[kind] = true
				for _, o := range s.Options {
					set[kind+" "+o.Name] = true
				}
			}
		}
	}
	for _, s := range config.Sections() {
		if !set[s.Name] {
			t.Errorf("no script has a section [%s]", s.Name)
		}
	}
	for _, o := range config.Options() {
		if !set[o.Section+" "+o.Name] {
			t.Errorf("no script sets %s in [%s]", o.Name, o.Section)
		}
	}
}
