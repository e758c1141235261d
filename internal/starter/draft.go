package starter

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"haproxystats/internal/config"
	"haproxystats/internal/haproxy"
	"haproxystats/internal/printable"
)

// defaultSocketDir is the directory of the stats sockets if none is found.
const defaultSocketDir = "/run/haproxy"

// Draft is what a configuration is made of.
type Draft struct {
	Sockets []Socket
	// Others is that of [Found].
	Others map[string]bool
	// Masters are the paths of the sockets of HAProxy's master processes.
	Masters []string
	// SocketDir is the directory that the operator has named, or empty.
	SocketDir string
	// Listed is true if the operator has listed sockets: then each one that is not in
	// SocketDir is named.
	Listed bool
	// Graphite is the server of Graphite in the form of the option, or empty. It is set with
	// [Draft.SetGraphite].
	Graphite string
	// ports is true if Graphite names each port.
	ports bool
	// Prometheus is true if Prometheus scrapes the metrics.
	Prometheus bool
}

// SetGraphite sets the server of Graphite, or several ones, separated by commas. An empty
// text means none.
func (d *Draft) SetGraphite(text string) error {
	d.Graphite = ""
	if text == "" {
		return nil
	}
	relays, err := config.ParseRelays(text)
	if err != nil {
		return err
	}
	if why := unfit(strings.TrimSpace(text)); why != "" {
		return fmt.Errorf("it %s", why)
	}
	d.Graphite = strings.TrimSpace(text)
	d.ports = !slices.ContainsFunc(relays, func(r config.Relay) bool { return r.Port == 0 })
	return nil
}

// CheckDir reports why a path can't be the value of socket-dir.
func CheckDir(dir string) error {
	if why := unfit(dir); why != "" {
		return fmt.Errorf("the path %s: name the directory by another path", why)
	}
	return nil
}

// writer writes a configuration.
type writer struct {
	text strings.Builder
	// warnings are sentences for the operator.
	warnings []string
}

// comment writes a comment, wrapped.
func (w *writer) comment(format string, args ...any) {
	line := "#"
	for _, word := range strings.Fields(printable.Replace(fmt.Sprintf(format, args...), '?')) {
		if len(line) > 1 && len(line)+1+len(word) > 90 {
			w.text.WriteString(line + "\n")
			line = "#"
		}
		line += " " + word
	}
	w.text.WriteString(line + "\n")
}

func (w *writer) option(name, text string) { fmt.Fprintf(&w.text, "%s = %s\n", name, value(text)) }

func (w *writer) section(name string) { fmt.Fprintf(&w.text, "\n[%s]\n", name) }

func (w *writer) warn(format string, args ...any) {
	w.warnings = append(w.warnings, printable.Replace(fmt.Sprintf(format, args...), '?'))
}

// Write returns the text of a configuration, and what the operator should know.
func (d *Draft) Write() (text string, warnings []string) {
	w := new(writer)
	w.comment("A first configuration of haproxystats, written by `haproxystats config`. Options that are not here have their defaults: see haproxystats.conf(5).")
	w.section("pull")
	d.pull(w)
	d.destinations(w)
	return w.text.String(), w.warnings
}

func (d *Draft) pull(w *writer) {
	var usable []Socket
	for _, s := range d.Sockets {
		if s.usable() {
			usable = append(usable, s)
		} else if !s.Master {
			w.warn("%s is left out: %s", s.Server.Address, s.cause())
		}
	}
	if len(usable) == 0 {
		w.warn("no stats socket was found. Add this line to the section global of haproxy.cfg, reload HAProxy, and run the command again: "+
			"stats socket %s/admin.sock mode 660 level user", d.dir(defaultSocketDir))
	}
	for _, s := range usable {
		w.comment("%s, found %s: %s.", s.Server, s.From, s.facts())
		if s.Err != nil {
			w.warn("%s is taken, but it did not answer: %s", s.Server.Address, s.cause())
		}
	}
	d.addresses(w, usable)
	d.partial(w, len(usable))
	d.master(w, d.socketDir(usable))
	d.collect(w, usable)
	processes(w, usable)
}

// facts describes what a socket has answered.
func (s *Socket) facts() string {
	if s.Err != nil {
		return "it did not answer, so nothing is known of it"
	}
	facts := []string{"HAProxy " + s.Version}
	if s.Pid != "" {
		facts = append(facts, "pid "+s.Pid)
	}
	if n, err := strconv.Atoi(s.Nbproc); err == nil && n > 1 {
		facts = append(facts, "process "+s.Process+" of "+s.Nbproc)
	}
	if s.Level != "" {
		facts = append(facts, "level "+string(s.Level))
	}
	return strings.Join(facts, ", ")
}

// dir returns the directory that the operator has named, or another one.
func (d *Draft) dir(other string) string {
	if d.SocketDir != "" {
		return d.SocketDir
	}
	return other
}

// socketDir returns the value of socket-dir, or nothing if the sockets are listed: they
// are in several directories, or beside those of other programs.
func (d *Draft) socketDir(usable []Socket) string {
	if d.SocketDir != "" || d.Listed {
		return d.SocketDir
	}
	if len(usable) == 0 {
		return defaultSocketDir
	}
	dir := path.Dir(usable[0].Server.Address)
	for _, s := range usable {
		if s.Server.Network != "unix" || path.Dir(s.Server.Address) != dir {
			return ""
		}
	}
	beside := slices.ContainsFunc(d.Sockets, func(s Socket) bool {
		return !s.usable() && !s.Master && path.Dir(s.Server.Address) == dir
	})
	if d.Others[dir] || beside || unfit(dir) != "" {
		return ""
	}
	return dir
}

// addresses writes socket-dir and servers.
func (d *Draft) addresses(w *writer, usable []Socket) {
	dir := d.socketDir(usable)
	switch {
	case len(usable) == 0 && dir == "": // what is missing is said below
	case len(usable) == 0 && d.SocketDir == "":
		w.comment("No stats socket was found. This is the directory that packages of HAProxy have for them.")
	case len(usable) == 0:
		w.comment("No stats socket was found in this directory.")
	case dir != "":
		w.comment("All sockets of this directory are asked. A socket that is added needs no change here.")
	}
	if dir != "" {
		w.option("socket-dir", dir)
	}
	var servers []string
	remote := false
	for _, s := range usable {
		if s.Server.Network == "unix" && path.Dir(s.Server.Address) == dir {
			continue
		}
		if s.Server.Network == "unix" {
			if why := unlisted(s.Server.Address); why != "" {
				w.warn("the socket %q is left out, because its name %s. Give it another name, or a directory without other sockets", s.Server.Address, why)
				w.comment("Left out is %q: its name %s.", s.Server.Address, why)
				continue
			}
		}
		remote = remote || s.Server.Network == "tcp"
		servers = append(servers, s.Server.String())
	}
	if len(servers) == 0 {
		if dir == "" {
			w.comment("No socket is left to ask: add servers or socket-dir.")
		}
		return
	}
	if dir == "" {
		w.comment("Each socket is named, because the sockets are not in one directory of their own. Add new ones here.")
	}
	if remote {
		w.comment("The packaged unit opens no network: tcp:// needs its drop-in tcp.conf, see contrib/systemd.")
	}
	w.option("servers", strings.Join(servers, ", "))
}

func (d *Draft) partial(w *writer, sockets int) {
	text := "the sockets"
	if sockets > 1 {
		text = fmt.Sprintf("%d sockets", sockets)
	}
	w.comment("If one of %s fails, the replies of the others are kept. The default drops the round.", text)
	w.option("on-partial", string(config.PartialKeep))
}

// master writes master-socket.
func (d *Draft) master(w *writer, dir string) {
	masters := slices.Clone(d.Masters)
	for _, s := range d.Sockets {
		if s.Master {
			masters = append(masters, s.Server.Address)
		}
	}
	masters = slices.DeleteFunc(masters, func(p string) bool { return !path.IsAbs(p) || unfit(p) != "" })
	slices.Sort(masters)
	masters = slices.Compact(masters)
	inDir := slices.ContainsFunc(masters, func(p string) bool { return dir != "" && path.Dir(p) == path.Clean(dir) })
	switch {
	case len(masters) == 0:
		w.comment("No socket of a master process of HAProxy (its option -S) was found. A socket that appears in socket-dir is used.")
		w.option("master-socket", config.MasterAuto)
	case inDir:
		w.comment("%s belongs to HAProxy's master process. It tells of failed reloads, if the user of haproxystats-pull may connect. Leave its permissions as they are: its users control HAProxy.", strings.Join(masters, ", "))
		w.option("master-socket", config.MasterAuto)
	default:
		w.comment("This socket belongs to HAProxy's master process. It tells of failed reloads, if the user of haproxystats-pull may connect. Leave its permissions as they are: its users control HAProxy.")
		if len(masters) > 1 {
			w.comment("One can be named. Others are: %s.", strings.Join(masters[1:], ", "))
		}
		w.option("master-socket", masters[0])
	}
}

// collect writes what the levels of the sockets allow.
func (d *Draft) collect(w *writer, usable []Socket) {
	levels := make(map[haproxy.Level]bool)
	for _, s := range usable {
		levels[s.Level] = true
	}
	switch {
	case levels[haproxy.LevelUser]:
		w.comment("The level user suffices for all statistics. To collect certificates, too, a socket needs the level operator.")
		w.text.WriteString("#collect = stick-tables resolvers\n")
	case levels[haproxy.LevelOperator] || levels[haproxy.LevelAdmin]:
		level := haproxy.LevelAdmin
		if levels[haproxy.LevelOperator] {
			level = haproxy.LevelOperator
		}
		w.comment("The level is %s: collect = certificates is possible. Without it the level user suffices.", level)
		w.text.WriteString("#collect = stick-tables resolvers certificates\n")
	}
}

// instance is one HAProxy, which may have several processes.
type instance struct{ node, version, nbproc string }

// processes warns if a process is asked twice or is not asked.
func processes(w *writer, usable []Socket) {
	first := make(map[[4]string]string)
	answered := make(map[instance]map[string]bool)
	for _, s := range usable {
		if s.Pid == "" {
			continue
		}
		key := [4]string{s.Node, s.Pid, s.Process, s.Started}
		if other, ok := first[key]; ok {
			w.comment("%s and %s may be sockets of one process of HAProxy (pid %s), which is counted once.", other, s.Server, s.Pid)
			w.warn("%s and %s may be sockets of one process of HAProxy (pid %s). Leave one of them out", other, s.Server, s.Pid)
			continue
		}
		first[key] = s.Server.String()
		if n, err := strconv.Atoi(s.Nbproc); err == nil && n > 1 {
			i := instance{s.Node, s.Version, s.Nbproc}
			if answered[i] == nil {
				answered[i] = make(map[string]bool)
			}
			answered[i][s.Process] = true
		}
	}
	var texts []string
	for i, numbers := range answered {
		if n, _ := strconv.Atoi(i.nbproc); len(numbers) < n {
			texts = append(texts, fmt.Sprintf("sockets of %d of %d processes of HAProxy %s (nbproc = %d) were found. Write one `stats socket` line with `process N` for each process", len(numbers), n, i.version, n))
		}
	}
	slices.Sort(texts)
	for _, text := range texts {
		w.comment("Only %s.", text)
		w.warn("only %s", text)
	}
}

// destinations writes [graphite] and [prometheus].
func (d *Draft) destinations(w *writer) {
	w.section("graphite")
	switch {
	case d.Graphite != "":
		w.comment("The server that you have named.")
		w.option("server", d.Graphite)
		if !d.ports {
			w.comment("The port on which carbon listens by default. The default of this option is another one, 3002.")
			w.option("port", "2003")
		}
	case d.Prometheus:
		w.comment("Metrics go to Prometheus only.")
		w.option("enabled", "false")
	default:
		w.comment("No destination was named. Set server to that of your Graphite, or enabled = false and add a section such as [prometheus].")
		w.option("server", "127.0.0.1")
		w.comment("The port on which carbon listens by default. The default of this option is another one, 3002.")
		w.option("port", "2003")
		w.warn("no destination was named, so metrics go to a Graphite on this host. Set server in [graphite], or run the command with --graphite HOST or --prometheus")
	}
	if d.Prometheus {
		w.section("prometheus")
		w.comment("Prometheus scrapes this address. Only this host can reach it: set it to :9101 if Prometheus runs elsewhere, and read docs/outputs.md on who may read the metrics.")
		w.option("listen", "127.0.0.1:9101")
	}
}
