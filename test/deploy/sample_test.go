package deploy

import (
	"bufio"
	"strconv"
	"strings"

	"haproxystats/internal/config"
)

// sample is a value of an option, as Puppet and Ansible are given it, and the
// text that the programs must then print for it.
type sample struct {
	given any
	want  string
}

// samples has values of every kind of option, other than the defaults. Together
// they are a valid configuration.
var samples = map[string]sample{
	"DEFAULT loglevel":   {"warning", "warning"},
	"DEFAULT log-format": {"json", "json"},
	"DEFAULT retries":    {-1, "-1"},
	"DEFAULT timeout":    {1.5, "1.5"},
	"DEFAULT interval":   {3, "3"},
	"DEFAULT hostname":   {"lb1.example.com", "lb1.example.com"},

	"paths base-dir": {"/srv/stats", "/srv/stats"},

	"pull loglevel":      {"debug", "debug"},
	"pull log-format":    {"text", "text"},
	"pull socket-dir":    {"/run/haproxy", "/run/haproxy"},
	"pull servers":       {[]string{"unix:///run/b.sock", "tcp://192.0.2.1:5555"}, "unix:///run/b.sock, tcp://192.0.2.1:5555"},
	"pull retries":       {0, "0"},
	"pull timeout":       {0.25, "0.25"},
	"pull interval":      {0, "0"},
	"pull pull-timeout":  {0, "0"},
	"pull pull-interval": {20, "20"},
	"pull buffer-limit":  {1048576, "1048576"},
	"pull dst-dir":       {"${paths:base-dir}/in", "/srv/stats/in"},
	"pull tmp-dst-dir":   {"/srv/stats/in.tmp", "/srv/stats/in.tmp"},
	"pull workers":       {3, "3"},
	"pull queue-size":    {99, "99"},
	"pull on-partial":    {"keep", "keep"},
	"pull master-socket": {"/run/haproxy-master.sock", "/run/haproxy-master.sock"},
	"pull server-rows":   {false, "false"},
	"pull state-dir":     {"", ""},
	"pull status-socket": {"", ""},

	"process loglevel":                {"error", "error"},
	"process log-format":              {"text", "text"},
	"process src-dir":                 {"${paths:base-dir}/in", "/srv/stats/in"},
	"process workers":                 {1, "1"},
	"process metric-set":              {"classic", "classic"},
	"process frontend-metrics":        {[]string{"hrsp_*", "-hrsp_other"}, "hrsp_* -hrsp_other"},
	"process backend-metrics":         {[]string{"rtime"}, "rtime"},
	"process server-metrics":          {[]string{"lbtot", "scur", "stot"}, "lbtot scur stot"},
	"process max-metrics":             {500000, "500000"},
	"process aggr-server-metrics":     {true, "true"},
	"process include-frontends":       {[]string{"/./"}, "/etc/haproxystats.include-frontends"},
	"process include-backends":        {[]string{"/^[a-z ]/", "b1"}, "/etc/haproxystats.include-backends"},
	"process include-servers":         {[]string{"shop/web1", "/./"}, "/etc/haproxystats.include-servers"},
	"process exclude-servers":         {[]string{"/^(spare|old)/"}, "/etc/haproxystats.exclude-servers"},
	"process exclude-frontends":       {[]string{"internal", "stats.local"}, "/etc/haproxystats.exclude-frontends"},
	"process exclude-backends":        {[]string{"internal"}, "/etc/haproxystats.exclude-backends"},
	"process per-process-metrics":     {true, "true"},
	"process calculate-percentages":   {true, "true"},
	"process liveness-check-interval": {2.5, "2.5"},
	"process status-socket":           {"/run/haproxystats-process.status", "/run/haproxystats-process.status"},

	"graphite server":                        {[]string{"a.example.com", "[2001:db8::1]:2004"}, "a.example.com, [2001:db8::1]:2004"},
	"graphite port":                          {2003, "2003"},
	"graphite confirm":                       {"drain", "drain"},
	"graphite tls":                           {true, "true"},
	"graphite ca-file":                       {"/etc/haproxystats/ca.pem", "/etc/haproxystats/ca.pem"},
	"graphite cert-file":                     {"/etc/haproxystats/client.pem", "/etc/haproxystats/client.pem"},
	"graphite key-file":                      {"/etc/haproxystats/client.key", "/etc/haproxystats/client.key"},
	"graphite server-name":                   {"relay.example.com", "relay.example.com"},
	"graphite retries":                       {1, "1"},
	"graphite interval":                      {0.5, "0.5"},
	"graphite timeout":                       {7, "7"},
	"graphite connect-timeout":               {4, "4"},
	"graphite write-timeout":                 {5.5, "5.5"},
	"graphite delay":                         {0, "0"},
	"graphite backoff":                       {1.25, "1.25"},
	"graphite namespace":                     {"lb.ams", "lb.ams"},
	"graphite prefix-hostname":               {false, "false"},
	"graphite fqdn":                          {false, "false"},
	"graphite queue-size":                    {5000, "5000"},
	"graphite queue-dir":                     {"/srv/queue/graphite", "/srv/queue/graphite"},
	"graphite queue-max-bytes":               {1 << 40, "1099511627776"},
	"graphite verify-url":                    {"https://graphite.example.com/render", "https://graphite.example.com/render"},
	"graphite group-namespace":               {"site", "site"},
	"graphite group-namespace-double-writes": {false, "false"},

	"local-store dir": {"${paths:base-dir}/files", "/srv/stats/files"},

	"kafka brokers":         {[]string{"kafka1:9093", "kafka2"}, "kafka1:9093, kafka2"},
	"kafka client-id":       {"lb 1", "lb 1"},
	"kafka topic":           {"haproxystats.{scope}", "haproxystats.{scope}"},
	"kafka format":          {"json", "json"},
	"kafka max-batch-bytes": {2_000_000, "2000000"},
	"kafka queue-dir":       {"${paths:base-dir}/kafka", "/srv/stats/kafka"},

	"forward mode":    {"tables", "tables"},
	"forward cluster": {"web-groups", "web-groups"},
	"forward topic":   {"eu.tables", "eu.tables"},
	"forward scopes":  {[]string{"daemon", "frontend"}, "daemon, frontend"},
	"forward shards":  {2, "2"},

	"events kinds":        {[]string{"*_state", "reload*"}, "*_state, reload*"},
	"events file":         {"${paths:base-dir}/events.json", "/srv/stats/events.json"},
	"events file-max-age": {86400, "86400"},
	"events file-sync":    {"never", "never"},
	"events webhook":      {"https://hooks.example.com/haproxy?a=b", "https://hooks.example.com/haproxy?a=b"},
	"events tags":         {[]string{"{kind}", "{node}"}, "{kind}, {node}"},

	"prometheus listen":         {[]string{"127.0.0.1:9101", "[::1]:9101"}, "127.0.0.1:9101, [::1]:9101"},
	"prometheus path":           {"/haproxy/metrics", "/haproxy/metrics"},
	"prometheus max-age":        {90.5, "90.5"},
	"prometheus scopes":         {[]string{"global", "backend"}, "global, backend"},
	"prometheus extra-counters": {true, "true"},
	"prometheus check-states":   {"current", "current"},
	"prometheus empty-values":   {"nan", "nan"},
	"prometheus labels":         {[]string{"env=prod", "site=ams"}, "env=prod, site=ams"},
	"prometheus max-series":     {500_000, "500000"},
	"prometheus max-scrapes":    {2, "2"},
	"prometheus timeout":        {20, "20"},
	"prometheus cert-file":      {"/etc/haproxystats/client.pem", "/etc/haproxystats/client.pem"},
	"prometheus key-file":       {"/etc/haproxystats/client.key", "/etc/haproxystats/client.key"},
	"prometheus client-ca-file": {"/etc/haproxystats/ca.pem", "/etc/haproxystats/ca.pem"},
	"prometheus users-file":     {"/etc/haproxystats/users", "/etc/haproxystats/users"},
	"prometheus own-metrics":    {false, "false"},

	"influx url":              {"https://influx.example.com:8086", "https://influx.example.com:8086"},
	"influx version":          {3, "3"},
	"influx database":         {"haproxy", "haproxy"},
	"influx measurement":      {"haproxy.all", "haproxy.all"},
	"influx server-tag":       {"lb 1", "lb 1"},
	"influx tags":             {[]string{"env=prod", "site=ams"}, "env=prod, site=ams"},
	"influx fqdn":             {false, "false"},
	"influx keep-field-names": {true, "true"},
	"influx text-fields":      {[]string{"status", "check_status"}, "status, check_status"},
	"influx compression":      {"none", "none"},
	"influx max-lines":        {1000, "1000"},
	"influx parallel":         {2, "2"},
	"influx user":             {"haproxystats", "haproxystats"},
	"influx password-file":    {"/etc/haproxystats/influx-password", "/etc/haproxystats/influx-password"},
	"influx headers":          {[]string{"X-Scope-OrgID: ops", "X-Trace: a b"}, "X-Scope-OrgID: ops, X-Trace: a b"},
	"influx ca-file":          {"/etc/haproxystats/ca.pem", "/etc/haproxystats/ca.pem"},
	"influx server-name":      {"influx.internal", "influx.internal"},
	"influx timeout":          {10, "10"},
	"influx delay":            {20.5, "20.5"},
	"influx max-age":          {3600, "3600"},
	"influx queue-dir":        {"${paths:base-dir}/influx", "/srv/stats/influx"},

	"remote-write url":            {"https://prometheus.example.com/api/v1/write", "https://prometheus.example.com/api/v1/write"},
	"remote-write protocol":       {"2.0", "2.0"},
	"remote-write labels":         {[]string{"job=lb", "instance={host}"}, "job=lb, instance={host}"},
	"remote-write max-samples":    {500, "500"},
	"remote-write parallel":       {4, "4"},
	"remote-write scopes":         {[]string{"backend", "server"}, "backend, server"},
	"remote-write extra-counters": {true, "true"},
	"remote-write check-states":   {"current", "current"},
	"remote-write max-series":     {200000, "200000"},
	"remote-write drop":           {[]string{"haproxy_server_weight", "haproxystats_.*"}, "haproxy_server_weight, haproxystats_.*"},
	"remote-write stale-markers":  {false, "false"},
	"remote-write metadata":       {false, "false"},
	"remote-write user":           {"haproxystats", "haproxystats"},
	"remote-write password-file":  {"/etc/haproxystats/influx-password", "/etc/haproxystats/influx-password"},
	"remote-write headers":        {[]string{"X-Scope-OrgID: ops"}, "X-Scope-OrgID: ops"},
	"remote-write timeout":        {10, "10"},
	"remote-write interval":       {0.5, "0.5"},

	"otlp endpoint":            {"https://collector.example.com:4318", "https://collector.example.com:4318"},
	"otlp resource-attributes": {[]string{"team=a", "service.namespace=b"}, "team=a, service.namespace=b"},
	"otlp fqdn":                {false, "false"},
	"otlp scopes":              {[]string{"global", "backend"}, "global, backend"},
	"otlp extra-counters":      {true, "true"},
	"otlp check-states":        {"current", "current"},
	"otlp max-series":          {500_000, "500000"},
	"otlp compression":         {"zstd", "zstd"},
	"otlp max-bytes":           {1 << 20, "1048576"},
	"otlp parallel":            {2, "2"},
	"otlp timeout":             {10, "10"},
	"otlp backoff":             {1.25, "1.25"},
	"otlp queue-dir":           {"${paths:base-dir}/otlp", "/srv/stats/otlp"},

	"central kafka":           {true, "true"},
	"central snapshots-topic": {"", ""},
	"central tables-topic":    {"eu.tables", "eu.tables"},
	"central group":           {"eu", "eu"},
	"central instance":        {"central-1", "central-1"},

	"central loglevel":          {"error", "error"},
	"central work-dir":          {"${paths:base-dir}/clusters", "/srv/stats/clusters"},
	"central journal-max-bytes": {1 << 20, "1048576"},
	"central status-socket":     {"", ""},
}

// instances are samples for the sections that the operator names, by kind and name. The
// name of a cluster looks like a section of groups.
var instances = map[string]map[string]map[string]sample{
	"node": {
		"lb1": {
			"cluster": {"web-groups", "web-groups"},
			"servers": {[]string{"tcp://192.0.2.1:5555", "tcp://192.0.2.2:5555"}, "tcp://192.0.2.1:5555, tcp://192.0.2.2:5555"},
		},
		"lb2.example.com": {
			"cluster": {"web-groups", "web-groups"},
			"src-dir": {"${paths:base-dir}/lb2", "/srv/stats/lb2"},
		},
	},
	"graphite": {
		"archive": {
			"server":     {[]string{"graphite.example.com:2003"}, "graphite.example.com:2003"},
			"namespace":  {"lb", "lb"},
			"path-style": {"tagged", "tagged"},
		},
	},
	"kafka": {
		"archive": {
			"topic": {"", ""},
			"tls":   {true, "true"},
		},
	},
	"remote-write": {
		"archive": {
			"url":      {"http://127.0.0.1:8428/api/v1/write", "http://127.0.0.1:8428/api/v1/write"},
			"parallel": {2, "2"},
		},
	},
	"influx": {
		"archive": {
			"version": {2, "2"},
			"org":     {"ops", "ops"},
			"bucket":  {"haproxy", "haproxy"},
		},
	},
	"otlp": {
		"archive": {
			"names":     {"receiver", "receiver"},
			"max-bytes": {1 << 21, "2097152"},
		},
	},
	"cluster": {
		"web-groups": {
			"interval":      {20, "20"},
			"grace":         {1.5, "1.5"},
			"on-incomplete": {"skip", "skip"},
			"scopes":        {[]string{"frontend", "backend"}, "frontend, backend"},
		},
	},
}

// given returns what Puppet and Ansible are given for the sections that the operator
// names.
func given() map[string]map[string]map[string]any {
	kinds := make(map[string]map[string]map[string]any)
	for kind, named := range instances {
		kinds[kind] = make(map[string]map[string]any)
		for name, options := range named {
			kinds[kind][name] = make(map[string]any)
			for option, s := range options {
				kinds[kind][name][option] = s.given
			}
		}
	}
	return kinds
}

// flat returns the sections that the operator names, as the configuration names them.
func flat() map[string]any {
	sections := make(map[string]any)
	for kind, named := range given() {
		for name, options := range named {
			sections[kind+separators()[kind]+name] = options
		}
	}
	return sections
}

// separators returns what stands between the kind and the name of a section.
func separators() map[string]string {
	found := make(map[string]string)
	for _, s := range config.Sections() {
		found[s.Name] = s.Separator
	}
	return found
}

// groups are samples for the sections whose options have no fixed names. Their
// order counts. In the file a dollar sign is doubled; the programs print it
// single.
var groups = map[string]patterns{
	"frontend-groups": {{"ams", `^ams_\w+$`}},
	"backend-groups":  {{"ams", `ams$|^(nl|de)_x{1,3}$`}},
	"server-groups":   {{"web", `^web[0-9]+$`}, {"db", `^db`}, {"any", "."}, {"all", `.*`}},
}

// patterns are the groups of a section.
type patterns []struct{ group, pattern string }

// MarshalJSON writes an object that keeps their order.
func (p patterns) MarshalJSON() ([]byte, error) {
	object := []byte{'{'}
	for i, g := range p {
		if i > 0 {
			object = append(object, ',')
		}
		object = append(append(strconv.AppendQuote(object, g.group), ':'), strconv.Quote(g.pattern)...)
	}
	return append(object, '}'), nil
}

// configuration returns every sample, as a hash of sections and options, and the
// names that are left out, which have parameters of their own under such a
// prefix.
func configuration(prefix string) map[string]any {
	sections := make(map[string]any)
	values := map[string]any{prefix + "configuration": sections}
	for name, s := range samples {
		section, option, _ := strings.Cut(name, " ")
		if strings.HasPrefix(option, "exclude-") || strings.HasPrefix(option, "include-") {
			values[prefix+strings.ReplaceAll(option, "-", "_")] = s.given
			continue
		}
		if sections[section] == nil {
			sections[section] = make(map[string]any)
		}
		sections[section].(map[string]any)[option] = s.given
	}
	for section, patterns := range groups {
		sections[section] = patterns
	}
	return values
}

// only returns a configuration of one option.
func only(section, option string, value any) map[string]any {
	return map[string]any{section: map[string]any{option: value}}
}

// checkArrived asks the programs on the node for the value of each sample.
func checkArrived(n *node) {
	n.t.Helper()
	printed := printed(n)
	for name, s := range samples {
		if got, ok := printed[name]; !ok || got != s.want {
			n.t.Errorf("%s: got %q (%t), want %q", name, got, ok, s.want)
		}
	}
	checkInstances(n, printed)
	file := n.read("/etc/haproxystats.conf")
	for section, patterns := range groups {
		text := "[" + section + "]\n"
		for _, g := range patterns {
			if got := printed[section+" "+g.group]; got != g.pattern {
				n.t.Errorf("[%s] %s is %q, want %q", section, g.group, got, g.pattern)
			}
			text += g.group + " = " + strings.ReplaceAll(g.pattern, "$", "$$") + "\n"
		}
		if !strings.Contains(file, text) {
			n.t.Errorf("the file has not, in this order:\n%s", text)
		}
	}
}

// checkInstances looks for the samples of sections that the operator names.
func checkInstances(n *node, printed map[string]string) {
	n.t.Helper()
	for kind, named := range instances {
		for name, options := range named {
			for option, s := range options {
				id := kind + separators()[kind] + name + " " + option
				if got, ok := printed[id]; !ok || got != s.want {
					n.t.Errorf("%s: got %q (%t), want %q", id, got, ok, s.want)
				}
			}
		}
	}
}

// printed returns what the programs print of the node's configuration, by
// section and option.
func printed(n *node) map[string]string {
	n.t.Helper()
	values := make(map[string]string)
	for _, program := range []string{"haproxystats-pull", "haproxystats-process", "haproxystats-central"} {
		section := ""
		lines := bufio.NewScanner(strings.NewReader(n.ask(program, "-P")))
		for lines.Scan() {
			line := lines.Text()
			if strings.HasPrefix(line, "[") {
				section = strings.Trim(line, "[]")
				continue
			}
			if option, value, ok := strings.Cut(line, " ="); ok {
				values[section+" "+option] = strings.TrimPrefix(value, " ")
			}
		}
	}
	return values
}
