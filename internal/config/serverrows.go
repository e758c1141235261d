package config

import "slices"

// checkServerRows warns of options about servers, if HAProxy is not asked for these. The
// file of haproxystats-process may be another one, of which nothing is known here.
func (l *loader) checkServerRows() {
	if l.config.Pull.ServerRows {
		return
	}
	p := l.config.Process
	for _, o := range []struct {
		option string
		idle   bool
	}{
		{"server-metrics", len(p.ServerMetrics) > 0},
		{"aggr-server-metrics", p.AggrServerMetrics},
		{"include-servers", p.IncludeServers.IsSet()},
		{"exclude-servers", p.ExcludeServers.IsSet()},
	} {
		if o.idle {
			l.warnServers("process", o.option)
		}
	}
	if s, ok := l.doc.Section("server-groups"); ok {
		l.warn(Problem{Pos: s.Pos, Section: s.Name, Reason: "no effect: " + noServers, Hint: serverRowsHint("this section")})
	}
	if l.config.Pull.ServerStateInterval > 0 {
		l.warnServers("pull", "server-state-interval")
	}
	for _, kind := range []string{"forward", "prometheus", "otlp", "remote-write"} {
		for _, s := range l.kinds[kind] {
			scopes := l.scopesOf(kind, s.instance)
			if !slices.Contains(scopes, "server") || !l.sets(s.name, "scopes") || l.isDefault(s.name, kind, "scopes") {
				continue
			}
			l.warn(l.problem(s.name, "scopes", "there are no metrics of servers: "+noServers, serverRowsHint("server")))
		}
	}
}

const noServers = "haproxystats-pull does not ask HAProxy for servers (server-rows = false in [pull])"

func serverRowsHint(what string) string {
	return "Remove " + what + ", or set server-rows = true in [pull]"
}

// warnServers warns of an option about servers, if a file sets it to another value than the
// default.
func (l *loader) warnServers(section, option string) {
	if l.isOwn(section, option) && !l.isDefault(section, section, option) {
		l.warn(l.problem(section, option, "no effect: "+noServers, serverRowsHint("this option")))
	}
}

// isDefault reports whether an option of a section is written as its default.
func (l *loader) isDefault(section, kind, name string) bool {
	option, _ := lookupOption(kind, name)
	o, ok := l.doc.Lookup(section, name)
	return ok && option.HasDefault && o.Raw == option.Default
}

// scopesOf returns the scopes of a destination.
func (l *loader) scopesOf(kind, instance string) []string {
	switch kind {
	case "forward":
		return l.config.Forward.Scopes
	case "prometheus":
		return l.config.Prometheus.Scopes
	case "otlp":
		return l.config.OTLPs.of(instance).Scopes
	default:
		return l.config.RemoteWrites.of(instance).Scopes
	}
}
