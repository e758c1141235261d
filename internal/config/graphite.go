package config

import (
	"errors"
	"fmt"
	"math"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// GraphiteSections returns [graphite] and the sections [graphite:NAME] that send metrics.
func (c *Config) GraphiteSections() (all Named[Graphite]) {
	if c.Graphite.Enabled {
		all = append(all, Instance[Graphite]{Options: c.Graphite})
	}
	for _, g := range c.FurtherGraphites {
		if g.Options.Enabled {
			all = append(all, g)
		}
	}
	return all
}

// GraphiteSection returns the section of a destination's name; "" is [graphite].
func GraphiteSection(name string) string { return SectionName("graphite", name) }

// graphite returns the section of that name, which it adds if need be.
func (c *Config) graphite(name string) *Graphite {
	if name == "" {
		return &c.Graphite
	}
	return c.FurtherGraphites.of(name)
}

// graphiteOption describes an option of [graphite] and [graphite:NAME].
func graphiteOption[T any](name string, k kind[T], field func(*Graphite) *T) Option {
	return Option{
		Section: "graphite", Name: name, Kind: k.name, Allowed: k.allowed,
		set: func(c *Config, instance, text string) error {
			v, err := k.parse(text)
			if err != nil {
				return err
			}
			*field(c.graphite(instance)) = v
			return nil
		},
		field: func(c *Config) any { return field(&c.Graphite) },
	}
}

// graphiteDefault describes such an option with a default.
func graphiteDefault[T any](name, text string, k kind[T], field func(*Graphite) *T) Option {
	o := graphiteOption(name, k, field)
	o.Default, o.HasDefault = text, true
	return o
}

// graphiteOptions are the options of [graphite] and [graphite:NAME].
func graphiteOptions() []Option {
	enabled := since1(graphiteDefault("enabled", "true", boolean, func(g *Graphite) *bool { return &g.Enabled }))
	queueDir := since1(graphiteDefault("queue-dir", "${paths:base-dir}/queue/graphite"+instanceMark, directory, func(g *Graphite) *string { return &g.QueueDir }))
	enabled.Apart, queueDir.Apart = true, true
	verify := since1(graphiteOption("verify-url", renderURL, func(g *Graphite) *string { return &g.VerifyURL }))
	verify.Together = []string{"server"} // the render of one server knows nothing of another
	return []Option{
		enabled,
		graphiteDefault("server", "127.0.0.1", relayList, func(g *Graphite) *[]Relay { return &g.Server }),
		graphiteDefault("port", "3002", wholeBetween(1, 65535), func(g *Graphite) *int { return &g.Port }),
		since1(graphiteDefault("confirm", "half-close", confirm, func(g *Graphite) *Confirm { return &g.Confirm })),
		since1(graphiteDefault("confirm-hold", "6", holdSeconds, func(g *Graphite) *time.Duration { return &g.ConfirmHold })),
		verify,
		since1(graphiteDefault("tls", "false", boolean, func(g *Graphite) *bool { return &g.TLS })),
		since1(graphiteOption("ca-file", pemFile, func(g *Graphite) *string { return &g.CAFile })),
		since1(graphiteOption("cert-file", pemFile, func(g *Graphite) *string { return &g.CertFile })),
		since1(graphiteOption("key-file", pemFile, func(g *Graphite) *string { return &g.KeyFile })),
		since1(graphiteOption("server-name", host, func(g *Graphite) *string { return &g.ServerName })),
		graphiteDefault("retries", "3", retries, func(g *Graphite) *int { return &g.Retries }),
		graphiteDefault("interval", "1.8", anySeconds, func(g *Graphite) *time.Duration { return &g.Interval }),
		graphiteOption("timeout", positiveSeconds, func(g *Graphite) *time.Duration { return &g.Timeout }),
		graphiteDefault("connect-timeout", "1.0", positiveSeconds, func(g *Graphite) *time.Duration { return &g.ConnectTimeout }),
		graphiteDefault("write-timeout", "1.0", positiveSeconds, func(g *Graphite) *time.Duration { return &g.WriteTimeout }),
		graphiteDefault("delay", "10", anySeconds, func(g *Graphite) *time.Duration { return &g.Delay }),
		graphiteDefault("backoff", "2", factor, func(g *Graphite) *float64 { return &g.Backoff }),
		graphiteDefault("namespace", "loadbalancers", pathPrefix, func(g *Graphite) *string { return &g.Namespace }),
		since1(graphiteDefault("cluster-namespace", "${namespace}.clusters", pathPrefix, func(g *Graphite) *string { return &g.ClusterNamespace })),
		graphiteDefault("prefix-hostname", "true", boolean, func(g *Graphite) *bool { return &g.PrefixHostname }),
		graphiteDefault("fqdn", "true", boolean, func(g *Graphite) *bool { return &g.FQDN }),
		graphiteDefault("queue-size", "1000000", whole(1), func(g *Graphite) *int { return &g.QueueSize }),
		queueDir,
		since1(graphiteDefault("queue-max-bytes", "1073741824", wholeBetween[int64](1, math.MaxInt64), func(g *Graphite) *int64 { return &g.QueueMaxBytes })),
		graphiteOption("group-namespace", pathPrefix, func(g *Graphite) *string { return &g.GroupNamespace }),
		graphiteOption("group-namespace-double-writes", boolean, func(g *Graphite) *bool { return &g.GroupNamespaceDoubleWrites }),
		since1(graphiteDefault("path-style", "dotted", pathStyle, func(g *Graphite) *PathStyle { return &g.PathStyle })),
		since1(graphiteOption("tags", graphiteTags, func(g *Graphite) *[]Label { return &g.Tags })),
	}
}

var pathStyle = oneOf(map[string]PathStyle{"dotted": PathDotted, "tagged": PathTagged}, "dotted", "tagged")

const (
	// maxGraphiteTag bounds names and values of tags, in bytes: the database of Graphite-web
	// takes no longer ones.
	maxGraphiteTag = 191
	// maxGraphiteTags bounds the constant tags.
	maxGraphiteTags = 16
)

// takenGraphiteTags are tags that tagged paths have.
var takenGraphiteTags = []string{
	"certificate", "cluster", "field", "group", "host", "listener", "nameserver", "process", "proxy", "resolver", "rows", "server", "socket", "table", "type",
}

var graphiteTagName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]*$`)

// graphiteTags is a list of tags of Graphite's with their values.
var graphiteTags = pairs{"tag", "name", maxGraphiteTags, checkGraphiteTag}.list()

// checkGraphiteTag refuses a tag that carbon or Graphite-web would not take, or would read
// as something else.
func checkGraphiteTag(name, value string) error {
	switch {
	case !graphiteTagName.MatchString(name):
		return fmt.Errorf("%q is not the name of a tag: it has letters, digits and _ . - and begins with a letter or _", name)
	case name == "name":
		return errors.New("the tag \"name\" is the path itself in Graphite")
	case value == "":
		return fmt.Errorf("the value of %q is empty", name)
	case len(name) > maxGraphiteTag || len(value) > maxGraphiteTag:
		return fmt.Errorf("the tag %.40q or its value is longer than %d bytes", name, maxGraphiteTag)
	case value[0] == '~':
		return fmt.Errorf("the value of %q begins with ~, which Graphite does not take", name)
	case !utf8.ValidString(value) || strings.ContainsFunc(value, func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r) || strings.ContainsRune(`;"'\`, r)
	}):
		return fmt.Errorf("the value of %q contains white space, a control character, a quote, a backslash or ;", name)
	}
	return nil
}

// checkTags refuses constant tags that tagged paths have with another meaning.
func (l *loader) checkTags(section string, style PathStyle, tags []Label) {
	if style != PathTagged || !l.isOwn(section, "tags") && !l.isOwn(section, "path-style") {
		return
	}
	for _, t := range tags {
		if slices.Contains(takenGraphiteTags, t.Name) {
			l.refuseIn(section, "tags", fmt.Sprintf("the tag %q has another meaning with path-style = tagged", t.Name), "Give it another name")
		}
	}
}

// inheritTimeouts sets the time limits that no file sets to the section's timeout.
func (l *loader) inheritTimeouts() {
	for _, s := range l.kinds["graphite"] {
		l.inheritTimeout(s, l.config.graphite(s.instance))
	}
}

func (l *loader) inheritTimeout(s inFile, g *Graphite) {
	from := s.name
	if s.instance != "" && !l.sets(from, "timeout") {
		from = "graphite"
	}
	if !l.sets(from, "timeout") || g.Timeout == 0 {
		return
	}
	var inheriting []string
	for _, limit := range []struct {
		name string
		to   *time.Duration
	}{
		{"connect-timeout", &g.ConnectTimeout},
		{"write-timeout", &g.WriteTimeout},
	} {
		if !l.isOwn(s.name, limit.name) && !l.isOwn("graphite", limit.name) {
			*limit.to = g.Timeout
			inheriting = append(inheriting, limit.name)
		}
	}
	if len(inheriting) > 0 && from == s.name {
		names := strings.Join(inheriting, " and ")
		l.warn(l.problem(s.name, "timeout", "used for "+names+", because no file sets that", "Set "+names+" instead"))
	}
}

// sets reports whether a section of a file sets an option itself, and not [DEFAULT].
func (l *loader) sets(section, name string) bool {
	return l.isOwn(section, name) && definingSection(l.doc, section, name) == section
}

// otherPorts are carbon's ports for other protocols than plaintext, as in its example
// configuration. Carbon closes a plaintext connection there without an answer.
var otherPorts = map[int]string{
	2004: "carbon-cache's port for pickles",
	2014: "carbon-relay's port for pickles",
	2024: "carbon-aggregator's port for pickles",
	7002: "carbon-cache's port for queries",
}

// setPorts sets the port of servers without one to the section's port, and removes
// repeated servers.
func (l *loader) setPorts() {
	for _, s := range l.kinds["graphite"] {
		g := l.config.graphite(s.instance)
		var relays []Relay
		for _, r := range g.Server {
			option := "server"
			if r.Port == 0 {
				r.Port, option = g.Port, "port"
			}
			use, ok := otherPorts[r.Port]
			told := s.instance != "" && !l.isOwn(s.name, option)
			if ok && !told && !slices.Contains(relays, r) {
				l.warn(l.problem(s.name, option, fmt.Sprintf("port %d is %s by default", r.Port, use),
					"Use the port for the plaintext protocol: 2003 of carbon-cache, 2013 of carbon-relay, 2023 of carbon-aggregator"))
			}
			if !slices.Contains(relays, r) {
				relays = append(relays, r)
			}
		}
		g.Server = relays
	}
}

// checkGraphite refuses what can't work in [graphite] and [graphite:NAME], and warns of
// options without effect and of destinations that get the same metrics.
func (l *loader) checkGraphite() {
	for _, s := range l.kinds["graphite"] {
		g := l.config.graphite(s.instance)
		l.checkTLS(s.name, *g)
		l.checkTags(s.name, g.PathStyle, g.Tags)
	}
	if len(l.problems) == 0 {
		l.checkSameGraphite()
	}
}

// checkTLS refuses one half of a key pair, and warns of options that have no effect
// without TLS, or in a section that sends nothing.
func (l *loader) checkTLS(section string, g Graphite) {
	if !g.Enabled && l.isOwn(section, "enabled") {
		for _, other := range l.config.GraphiteSections() {
			if other.Options.VerifyURL == g.VerifyURL {
				return // it has inherited it
			}
		}
		l.warnOwn(section, "verify-url", "no effect with enabled = false", "Remove it, or set enabled = true")
		return
	}
	if !g.TLS {
		for _, name := range []string{"ca-file", "cert-file", "key-file", "server-name"} {
			if name == "ca-file" && strings.HasPrefix(strings.ToLower(g.VerifyURL), "https:") {
				continue // verify-url uses it, too
			}
			l.warnOwn(section, name, "no effect without tls = true: metrics are not encrypted", "Set tls = true in ["+section+"], or remove this option")
		}
		return
	}
	for name, other := range map[string]string{"cert-file": "key-file", "key-file": "cert-file"} {
		_, ok := l.doc.Lookup(section, name)
		if _, both := l.doc.Lookup(section, other); ok && !both {
			l.refuseIn(section, name, "needs "+other, "Set both, or remove both")
		}
	}
}

// checkSameGraphite warns of a server that gets each value from two sections under one
// path.
func (l *loader) checkSameGraphite() {
	all := l.config.GraphiteSections()
	for i, a := range all {
		for _, b := range all[i+1:] {
			at := slices.IndexFunc(b.Options.Server, func(r Relay) bool { return slices.Contains(a.Options.Server, r) })
			if at < 0 || !samePaths(a.Options, b.Options) {
				continue
			}
			section := GraphiteSection(b.Name)
			l.warn(l.problemIn(section, "server",
				fmt.Sprintf("[%s] sends the same paths to %s: it gets each value twice", GraphiteSection(a.Name), b.Options.Server[at].address()),
				"Set another server or another namespace in ["+section+"], or remove the section"))
		}
	}
}

// samePaths reports whether two sections give metrics the same paths.
func samePaths(a, b Graphite) bool {
	return a.Namespace == b.Namespace && a.ClusterNamespace == b.ClusterNamespace && a.PrefixHostname == b.PrefixHostname && a.FQDN == b.FQDN &&
		a.GroupNamespace == b.GroupNamespace && a.PathStyle == b.PathStyle && slices.Equal(a.Tags, b.Tags)
}

// address returns the host and the port of a server.
func (r Relay) address() string { return net.JoinHostPort(r.Host, strconv.Itoa(r.Port)) }
