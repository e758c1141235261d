package dashboards

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"haproxystats/test/dashboards/stage"
)

// nagiosService is what Nagios runs, and what is known of it.
type nagiosService struct {
	description string
	args        []string // of the command: target, warning, critical, options
}

var (
	nagiosBlock   = regexp.MustCompile(`(?s)define (\w+) \{\n(.*?)\n\}`)
	nagiosSetting = regexp.MustCompile(`(?m)^  (\w+) +(.*)$`)
	icingaBlock   = regexp.MustCompile(`(?s)apply Service "haproxy-([^"]+)" \{\n(.*?)\n\}`)
	icingaSetting = regexp.MustCompile(`(?m)^  (\S+) = (.*)$`)
)

// readNagios returns the command line and the services.
func readNagios(t *testing.T) (command string, services []nagiosService) {
	t.Helper()
	for _, block := range nagiosBlock.FindAllStringSubmatch(read(t, "nagios.cfg"), -1) {
		settings := make(map[string]string)
		for _, s := range nagiosSetting.FindAllStringSubmatch(block[2], -1) {
			settings[s[1]] = s[2]
		}
		switch {
		case block[1] == "command":
			command = settings["command_line"]
		case block[1] == "service" && settings["register"] != "0":
			parts := strings.Split(settings["check_command"], "!")
			if len(parts) != 5 || parts[0] != "haproxystats_graphite" {
				t.Fatalf("%s: check_command %s", settings["service_description"], parts)
			}
			services = append(services, nagiosService{settings["service_description"], parts[1:]})
		}
	}
	return command, services
}

// readIcinga returns the names of the services, and checks that they are about
// the same as those for Nagios, in the same order.
func readIcinga(t *testing.T, services []nagiosService) (names []string) {
	t.Helper()
	for i, block := range icingaBlock.FindAllStringSubmatch(read(t, "icinga2.conf"), -1) {
		settings := make(map[string]string)
		for _, s := range icingaSetting.FindAllStringSubmatch(block[2], -1) {
			settings[strings.TrimPrefix(s[1], "vars.haproxystats_")] = strings.ReplaceAll(strings.Trim(s[2], `"`), `\"`, `"`)
		}
		if i >= len(services) {
			t.Fatal("Icinga has more services than Nagios")
		}
		options := ""
		if settings["under"] == "true" {
			options += " --under"
		}
		if settings["empty_ok"] != "false" {
			options += " --empty-ok"
		}
		got := []string{
			strings.NewReplacer(
				"$haproxystats$", "$_HOSTHAPROXYSTATS$", "$haproxystats_clusters$", "$_HOSTHAPROXYSTATS_CLUSTERS$", "$haproxystats_central$", "$_HOSTHAPROXYSTATS_CENTRAL$",
			).Replace(settings["target"]), settings["warning"], settings["critical"], strings.TrimSpace(options),
		}
		if s := services[i]; strings.Join(got, "!") != strings.Join(s.args, "!") || settings["display_name"] != s.description {
			t.Errorf("Icinga asks for %q, %q, Nagios for %q, %q", settings["display_name"], got, s.description, s.args)
		}
		names = append(names, block[1])
	}
	if len(names) != len(services) || len(names) == 0 {
		t.Fatalf("%d services for Icinga, %d for Nagios", len(names), len(services))
	}
	return names
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../../contrib/alerts", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// testPlugin has the real plugin look at the made-up hosts, as Nagios runs it.
func testPlugin(ctx context.Context, t *testing.T, g *stage.Graphite, plugin string) {
	command, services := readNagios(t)
	byRule := make(map[string]nagiosService)
	for i, name := range readIcinga(t, services) {
		byRule[name] = services[i]
	}
	if len(byRule) != len(examples) {
		t.Errorf("%d services, %d examples", len(byRule), len(examples))
	}
	const ok, warning, critical = 0, 1, 2
	var wg sync.WaitGroup
	turns := make(chan struct{}, 2)
	for _, e := range examples {
		s, there := byRule[e.rule]
		if !there {
			t.Errorf("no service for rule %s", e.rule)
			continue
		}
		worst := critical
		if e.only == "warning" {
			worst = warning
		}
		want := map[string]int{calm: ok, fires: worst}
		if e.warns != nil {
			want[warns] = warning
		}
		// Of a host that nobody knows only the services about silence speak.
		want["unknown"] = ok
		if e.silent() {
			want["unknown"] = critical
		}
		for kind, status := range want {
			turns <- struct{}{}
			wg.Go(func() {
				defer func() { <-turns }()
				line := s.line(command, filepath.Dir(plugin), g.URL(), e.path(kind))
				got, out := run(ctx, line)
				if got != status {
					t.Errorf("%s for %s: status %d, want %d: %.300s", s.description, e.host(kind), got, status, out)
				}
			})
		}
	}
	wg.Wait()
}

// line is the command line with its macros filled in.
func (s nagiosService) line(command, plugins, graphite, host string) string {
	macros := []string{"$USER1$", plugins, "http://graphite.example.com", graphite}
	for i, arg := range s.args {
		macros = append(macros, []string{"$ARG1$", "$ARG2$", "$ARG3$", "$ARG4$"}[i],
			strings.NewReplacer("$_HOSTHAPROXYSTATS$", host, "$_HOSTHAPROXYSTATS_CLUSTERS$", host, "$_HOSTHAPROXYSTATS_CENTRAL$", host).Replace(arg))
	}
	return strings.NewReplacer(macros...).Replace(command)
}

// run returns the exit status of a command line and what it says.
func run(ctx context.Context, line string) (int, string) {
	out, err := exec.CommandContext(ctx, "/bin/sh", "-c", line).CombinedOutput()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0, string(out)
	case errors.As(err, &exit):
		return exit.ExitCode(), string(out)
	}
	return -1, err.Error()
}
