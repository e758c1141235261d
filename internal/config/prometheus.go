package config

import (
	"errors"
	"fmt"
	"math"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// EmptyValues is what is shown where HAProxy shows an empty value.
type EmptyValues string

// The values of EmptyValues.
const (
	EmptyOmit EmptyValues = "omit"
	EmptyNaN  EmptyValues = "nan"
)

// CheckStates are the series that results of health checks have.
type CheckStates string

// The values of CheckStates.
const (
	CheckStatesAll     CheckStates = "all"
	CheckStatesCurrent CheckStates = "current"
	CheckStatesNone    CheckStates = "none"
)

var checkStates = oneOf(map[string]CheckStates{"all": CheckStatesAll, "current": CheckStatesCurrent, "none": CheckStatesNone}, "all", "current", "none")

// Label is a label of a series, a tag, or an attribute of a resource.
type Label struct{ Name, Value string }

var emptyValues = oneOf(map[string]EmptyValues{"omit": EmptyOmit, "nan": EmptyNaN}, "omit", "nan")

// prometheusOptions are the options of [prometheus].
func prometheusOptions() []Option {
	options := []Option{
		option("prometheus", "listen", "127.0.0.1:9101", listenList, func(c *Config) *[]string { return &c.Prometheus.Listen }),
		option("prometheus", "path", "/metrics", webPath, func(c *Config) *string { return &c.Prometheus.Path }),
		option("prometheus", "max-age", "60", anySeconds, func(c *Config) *time.Duration { return &c.Prometheus.MaxAge }),
		option("prometheus", "scopes", allSeriesScopes, seriesScopes, func(c *Config) *[]string { return &c.Prometheus.Scopes }),
		option("prometheus", "extra-counters", "false", boolean, func(c *Config) *bool { return &c.Prometheus.ExtraCounters }),
		option("prometheus", "check-states", "all", checkStates, func(c *Config) *CheckStates { return &c.Prometheus.CheckStates }),
		option("prometheus", "empty-values", "omit", emptyValues, func(c *Config) *EmptyValues { return &c.Prometheus.EmptyValues }),
		optional("prometheus", "labels", labelList, func(c *Config) *[]Label { return &c.Prometheus.Labels }),
		option("prometheus", "max-series", "0", wholeBetween(0, math.MaxInt32), func(c *Config) *int { return &c.Prometheus.MaxSeries }),
		option("prometheus", "max-scrapes", "4", wholeBetween(1, 100), func(c *Config) *int { return &c.Prometheus.MaxScrapes }),
		option("prometheus", "timeout", "30", requestSeconds, func(c *Config) *time.Duration { return &c.Prometheus.Timeout }),
		optional("prometheus", "cert-file", pemFile, func(c *Config) *string { return &c.Prometheus.CertFile }),
		optional("prometheus", "key-file", pemFile, func(c *Config) *string { return &c.Prometheus.KeyFile }),
		optional("prometheus", "client-ca-file", pemFile, func(c *Config) *string { return &c.Prometheus.ClientCAFile }),
		optional("prometheus", "users-file", usersFile, func(c *Config) *string { return &c.Prometheus.UsersFile }),
		option("prometheus", "own-metrics", "true", boolean, func(c *Config) *bool { return &c.Prometheus.OwnMetrics }),
	}
	for i := range options {
		options[i].New = true
	}
	return options
}

// checkPrometheus refuses one half of a key pair and options that need one, and warns of
// passwords that are sent unencrypted.
func (l *loader) checkPrometheus() {
	set := func(name string) bool { _, ok := l.doc.Lookup("prometheus", name); return ok }
	for name, other := range map[string]string{"cert-file": "key-file", "key-file": "cert-file", "client-ca-file": "cert-file"} {
		if set(name) && !set(other) {
			l.refuse("prometheus", name, "needs "+other, "Set both, or remove both")
		}
	}
	p := l.config.Prometheus
	// One late round must not make the series of HAProxy end.
	if least := 3 * l.config.Pull.PullInterval; l.program == ForProcess && p.MaxAge > 0 && p.MaxAge < least {
		l.warnOwn("prometheus", "max-age", fmt.Sprintf("shorter than three times pull-interval (%v): a round that is late makes all series end", l.config.Pull.PullInterval),
			fmt.Sprintf("Set it to %v or more", least.Seconds()))
	}
	if p.UsersFile != "" && p.CertFile == "" && !p.IsLocal() {
		l.warn(l.problem("prometheus", "users-file", "passwords are sent unencrypted", "Set cert-file and key-file in [prometheus]"))
	}
}

// IsLocal reports whether only programs on this host can ask.
func (p Prometheus) IsLocal() bool {
	return !slices.ContainsFunc(p.Listen, func(address string) bool {
		host, _, _ := net.SplitHostPort(address)
		ip, err := netip.ParseAddr(host)
		return host != "localhost" && (err != nil || !ip.IsLoopback())
	})
}

// maxListen bounds the addresses on which a program listens.
const maxListen = 16

// listenList is a list of addresses to listen on.
var listenList = kind[[]string]{"list of hosts", "host:port, [v6]:port, or :port for all addresses of this host, separated by commas", func(text string) ([]string, error) {
	var all []string
	for part := range strings.SplitSeq(strings.TrimSuffix(strings.TrimSpace(text), ","), ",") {
		address, err := parseListen(strings.TrimSpace(part))
		if err != nil {
			return nil, err
		}
		if !slices.Contains(all, address) {
			all = append(all, address)
		}
	}
	if len(all) > maxListen {
		return nil, fmt.Errorf("more than %d addresses", maxListen)
	}
	return all, nil
}}

func parseListen(text string) (string, error) {
	host, portText, err := net.SplitHostPort(text)
	if err != nil {
		return "", &hinted{fmt.Sprintf("%q is not an address with a port", text), "Write it as 127.0.0.1:9101 or [::1]:9101"}
	}
	if host != "" {
		if host, err = parseHost(host); err != nil {
			return "", err
		}
	}
	if port, err := strconv.ParseUint(portText, 10, 16); err != nil || port == 0 {
		return "", fmt.Errorf("the port %q is not a number from 1 to 65535", portText)
	}
	return net.JoinHostPort(host, portText), nil
}

// webPaths are those that have another meaning.
var webPaths = []string{"/", "/-/healthy", "/-/ready", "/-/status"}

// webPath is the path of a URL.
var webPath = kind[string]{"path of a URL", "a path that begins with /, of letters, digits and - . _ ~ /", func(text string) (string, error) {
	switch {
	case !regexp.MustCompile(`^/[A-Za-z0-9._~/-]*$`).MatchString(text):
		return "", errors.New("not a path of a URL")
	case slices.Contains(webPaths, text):
		return "", errors.New("the path has another meaning")
	case len(text) > maxAddress:
		return "", fmt.Errorf("longer than %d bytes", maxAddress)
	}
	return text, nil
}}

// usersFile holds users and the hashes of their passwords.
var usersFile = kind[string]{"file", "a file with one user per line, as htpasswd -B writes it", parsePath}

// allSeriesScopes are all of them.
const allSeriesScopes = "global frontend listener backend server sticktable resolver"

// Words of the option collect in [pull].
const (
	CollectStickTables  = "stick-tables"
	CollectResolvers    = "resolvers"
	CollectCertificates = "certificates"
)

var collectNames = []string{CollectStickTables, CollectResolvers, CollectCertificates}

// collectList is a list of what is collected.
var collectList = wordsOf(collectNames, "is not something to collect")

// seriesScopeNames are the words of HAProxy's exporter.
var seriesScopeNames = []string{"global", "frontend", "listener", "backend", "server", "sticktable", "resolver"}

// seriesScopes is a list of scopes of HAProxy's exporter.
var seriesScopes = wordsOf(seriesScopeNames, "is not a scope")

// wordsOf is a list of some of the words, in their order.
func wordsOf(all []string, fault string) kind[[]string] {
	return kind[[]string]{"list of words", strings.Join(all, ", "), func(text string) ([]string, error) {
		list, err := words.parse(strings.ToLower(text))
		if err != nil {
			return nil, err
		}
		for _, word := range list {
			if !slices.Contains(all, word) {
				return nil, fmt.Errorf("%q %s", word, fault)
			}
		}
		slices.SortFunc(list, func(a, b string) int { return slices.Index(all, a) - slices.Index(all, b) })
		return slices.Compact(list), nil
	}}
}

var labelName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

const (
	// maxLabels bounds the labels that the operator adds, and maxLabelValue their values, in
	// bytes.
	maxLabels     = 32
	maxLabelValue = 1024
)

// takenLabels are labels that series have, or get from those who read them.
var takenLabels = []string{
	"proxy", "server", "listener", "state", "code", "mod", "process", "cluster", "node", "sink", "stage", "scope", "reason",
	"version", "goversion", "desc", "name", "type", "resolver", "nameserver", "certificate", "subject", "socket", "field", "rows", "le", "quantile",
}

// labelList is a list of labels with their values.
var labelList = pairs{"label", "name", maxLabels, checkLabel}.list()

// checkLabel refuses labels that Prometheus sets when it scrapes, and others that
// [checkOwnLabel] refuses.
func checkLabel(name, value string) error {
	if name == "job" || name == "instance" {
		return &hinted{fmt.Sprintf("the label %q is set by Prometheus", name), "Set it in the configuration of Prometheus"}
	}
	return checkOwnLabel(name, value)
}

// checkOwnLabel refuses labels that series have, and those that Prometheus would not take.
func checkOwnLabel(name, value string) error {
	switch {
	case !labelName.MatchString(name):
		return fmt.Errorf("%q is not the name of a label: it has letters, digits and _ and begins with no digit", name)
	case strings.HasPrefix(name, "__"), slices.Contains(takenLabels, name):
		return fmt.Errorf("the label %q has another meaning", name)
	}
	return checkValue(name, value)
}
