package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// said returns lines of problems with the file's name as "f".
func said(file string, problems []Problem) []string {
	var found []string
	for _, p := range problems {
		found = append(found, strings.ReplaceAll(p.Error(), file, "f"))
	}
	return found
}

func TestProblems(t *testing.T) {
	const (
		whole1    = "; allowed: 1 or more"
		indented  = ". Do not indent the next option: an indented line continues the value above it"
		workersOK = "; allowed: 1 to 1024"
		retriesOK = "; allowed: 0 or more, or -1 for no end"
		yes       = "; allowed: true or false, yes or no, on or off, 1 or 0"
		pathOK    = "; allowed: components separated by dots, without white space, `/` and `;`"
		front     = "; allowed: columns of `show stat` that are numbers and that frontends have, separated by white space, and patterns such as `h2_* -*_max`"
		back      = "; allowed: columns of `show stat` that are numbers and that backends have, separated by white space, and patterns such as `h2_* -*_max`"
		serv      = "; allowed: columns of `show stat` that are numbers and that servers have, separated by white space, and patterns such as `h2_* -*_max`"
	)
	for _, tt := range []struct {
		name    string
		program Program
		text    string
		want    []string
		warn    []string
	}{
		{
			"prometheus", ForProcess, `[prometheus]
listen = 127.0.0.1, :0, a b:1
path = metrics
max-age = -1
scopes = global listeners
check-states = no
empty-values = null
labels = env=prod, proxy=a
max-series = -1
max-scrapes = 0
timeout = 0
client-ca-file = ca
`,
			[]string{
				`f:2: [prometheus] listen = "127.0.0.1, :0, a b:1": "127.0.0.1" is not an address with a port; allowed: host:port, [v6]:port, or :port for all addresses of this host, separated by commas. Write it as 127.0.0.1:9101 or [::1]:9101`,
				`f:3: [prometheus] path = "metrics": not a path of a URL; allowed: a path that begins with /, of letters, digits and - . _ ~ /`,
				`f:4: [prometheus] max-age = "-1": out of range; allowed: 0 or more`,
				`f:5: [prometheus] scopes = "global listeners": "listeners" is not a scope; allowed: global, frontend, listener, backend, server, sticktable, resolver`,
				`f:6: [prometheus] check-states = "no": not one of the words; allowed: all, current, none`,
				`f:7: [prometheus] empty-values = "null": not one of the words; allowed: omit, nan`,
				`f:8: [prometheus] labels = "env=prod, proxy=a": the label "proxy" has another meaning; allowed: name=value, separated by commas`,
				`f:9: [prometheus] max-series = "-1": out of range; allowed: 0 to 2147483647`,
				`f:10: [prometheus] max-scrapes = "0": out of range; allowed: 1 to 100`,
				`f:11: [prometheus] timeout = "0": out of range; allowed: 0.1 to 300`,
				`f:12: [prometheus] client-ca-file = "ca": needs cert-file. Set both, or remove both`,
			},
			nil,
		},
		{
			"prometheus, too impatient", ForProcess, "[pull]\npull-interval = 30\n[prometheus]\nmax-age = 60\n",
			nil,
			[]string{`f:4: [prometheus] max-age = "60": shorter than three times pull-interval (30s): a round that is late makes all series end. Set it to 90 or more`},
		},
		{
			"prometheus without encryption", ForProcess, "[prometheus]\nlisten = 127.0.0.1:9101, :9101\nusers-file = /u\nkey-file = /k\n",
			[]string{`f:4: [prometheus] key-file = "/k": needs cert-file. Set both, or remove both`},
			[]string{`f:3: [prometheus] users-file = "/u": passwords are sent unencrypted. Set cert-file and key-file in [prometheus]`},
		},
		{
			"numbers with a unit", ForPull, "[pull]\npull-interval = 10s\npull-timeout = 2000 ms\ntimeout = 1e3x\nqueue-size = 1k\nworkers = four\n",
			[]string{
				`f:2: [pull] pull-interval = "10s": not a whole number` + whole1 + `. Write seconds, without a unit`,
				`f:3: [pull] pull-timeout = "2000 ms": not a number; allowed: 0 or more. Write seconds, without a unit`,
				`f:4: [pull] timeout = "1e3x": not a number; allowed: above 0`,
				`f:5: [pull] queue-size = "1k": not a whole number` + whole1 + `. Write the number without a unit`,
				`f:6: [pull] workers = "four": not a whole number` + workersOK,
			},
			nil,
		},
		{
			"pull, all at once", ForPull, `[DEFAULT]
loglevel = loud
log-format = xml
retries = -2
timeout = 0
interval = -1
[paths]
base-dir =
[pull]
socket-dir =
servers =
retries = 1.5
timeout = fast
interval = nan
pull-timeout = -0.1
pull-interval = 0
buffer-limit = 0
dst-dir = /a
tmp-dst-dir = /x/../a/
workers = 8 # threads
queue-size = 0
  360
`,
			[]string{
				`f:2: [DEFAULT] loglevel = "loud": not one of the words; allowed: debug, info, warning, error, critical`,
				`f:3: [DEFAULT] log-format = "xml": not one of the words; allowed: text, json`,
				`f:4: [DEFAULT] retries = "-2": out of range` + retriesOK,
				`f:5: [DEFAULT] timeout = "0": out of range; allowed: above 0`,
				`f:6: [DEFAULT] interval = "-1": out of range; allowed: 0 or more`,
				`f:8: [paths] base-dir = "": the path is empty; allowed: a path`,
				`f:10: [pull] socket-dir = "": the path is empty; allowed: a path`,
				`f:11: [pull] servers = "": the list is empty; allowed: tcp://host:port, tcp://[v6]:port or unix:///path, separated by commas`,
				`f:12: [pull] retries = "1.5": not a whole number` + retriesOK,
				`f:13: [pull] timeout = "fast": not a number; allowed: above 0`,
				`f:14: [pull] interval = "nan": not a finite number; allowed: 0 or more`,
				`f:15: [pull] pull-timeout = "-0.1": out of range; allowed: 0 or more`,
				`f:16: [pull] pull-interval = "0": out of range` + whole1,
				`f:17: [pull] buffer-limit = "0": out of range` + whole1,
				`f:19: [pull] tmp-dst-dir = "/x/../a/": dst-dir and tmp-dst-dir are one directory: snapshots would be processed before they are complete. Set tmp-dst-dir to another directory on the same file system`,
				`f:20: [pull] workers = "8 # threads": not a whole number` + workersOK + `. Put the comment on a line of its own`,
				`f:21: [pull] queue-size = "0\n360": not a whole number` + whole1 + indented,
			},
			nil,
		},
		{
			"process, all at once", ForProcess, `[process]
workers = 0
src-dir = a
 b
metric-set = clasic
frontend-metrics = scur hrsp5xx qcur status pxname
backend-metrics =
server-metrics = conn_tot bin
aggr-server-metrics = maybe
exclude-frontends = /does/not/exist
exclude-backends = /
per-process-metrics =
calculate-percentages = 2
liveness-check-interval = 0
[graphite]
server = http://graphite
port = 65536
retries = x
interval = inf
connect-timeout = 0
write-timeout = 1e10
delay = -1
backoff = 0
namespace = my lb
prefix-hostname = y
fqdn = 0.0
queue-size = 0
queue-max-bytes = 1GiB
queue-dir =
group-namespace = .a
group-namespace-double-writes = perhaps
[local-store]
dir =
[backend-groups]
a b = ^a
`,
			[]string{
				`f:2: [process] workers = "0": out of range` + workersOK,
				`f:3: [process] src-dir = "a\nb": the path contains a line break or another control character; allowed: a path` + indented,
				`f:5: [process] metric-set = "clasic": not one of the words; did you mean "classic"?; allowed: all, classic`,
				`f:6: [process] frontend-metrics = "scur hrsp5xx qcur status pxname": no HAProxy version has a column "hrsp5xx"; did you mean "hrsp_5xx"?; the column "qcur" is never filled for frontends; the column "status" is not a number; the column "pxname" is not a number` + front,
				`f:7: [process] backend-metrics = "": the list is empty` + back + `. Remove the option to get all metrics`,
				`f:8: [process] server-metrics = "conn_tot bin": the column "conn_tot" is never filled for servers` + serv,
				`f:9: [process] aggr-server-metrics = "maybe": neither yes nor no` + yes,
				`f:10: [process] exclude-frontends = "/does/not/exist": no such file or directory. Make sure that the file exists and is readable`,
				`f:11: [process] exclude-backends = "/": not a regular file. Name a regular file`,
				`f:12: [process] per-process-metrics = "": neither yes nor no` + yes,
				`f:13: [process] calculate-percentages = "2": neither yes nor no` + yes,
				`f:14: [process] liveness-check-interval = "0": out of range; allowed: 0.1 or more`,
				`f:16: [graphite] server = "http://graphite": a URL is not accepted; allowed: host, host:port or [v6]:port, with a host name or an IP address, separated by commas`,
				`f:17: [graphite] port = "65536": out of range; allowed: 1 to 65535`,
				`f:18: [graphite] retries = "x": not a whole number` + retriesOK,
				`f:19: [graphite] interval = "inf": not a finite number; allowed: 0 or more`,
				`f:20: [graphite] connect-timeout = "0": out of range; allowed: above 0`,
				`f:21: [graphite] write-timeout = "1e10": longer than 1000000000 seconds; allowed: above 0`,
				`f:22: [graphite] delay = "-1": out of range; allowed: 0 or more`,
				`f:23: [graphite] backoff = "0": out of range; allowed: above 0`,
				`f:24: [graphite] namespace = "my lb": " " would break the path` + pathOK,
				`f:25: [graphite] prefix-hostname = "y": neither yes nor no` + yes,
				`f:26: [graphite] fqdn = "0.0": neither yes nor no` + yes,
				`f:27: [graphite] queue-size = "0": out of range` + whole1,
				`f:28: [graphite] queue-max-bytes = "1GiB": not a whole number` + whole1 + `. Write the number without a unit`,
				`f:29: [graphite] queue-dir = "": the path is empty; allowed: a path`,
				`f:30: [graphite] group-namespace = ".a": a component of the path is empty` + pathOK,
				`f:31: [graphite] group-namespace-double-writes = "perhaps": neither yes nor no` + yes,
				`f:33: [local-store] dir = "": the path is empty; allowed: a path`,
				`f:35: [backend-groups] a b = "^a": the name of a group becomes part of paths: " " would break the path` + pathOK,
			},
			nil,
		},
		{
			"numbers that the program would not survive", ForProcess, "[process]\nworkers = 1025\nliveness-check-interval = 0.09\n[pull]\nworkers = 1000000000\nserver-state-interval = 0.5\n",
			[]string{
				`f:2: [process] workers = "1025": out of range` + workersOK,
				`f:3: [process] liveness-check-interval = "0.09": out of range; allowed: 0.1 or more`,
			},
			[]string{
				`f:5: [pull] workers = "1000000000": haproxystats-pull will refuse this: out of range` + workersOK,
				`f:6: [pull] server-state-interval = "0.5": haproxystats-pull will refuse this: out of range; allowed: 0, or 1 to 86400`,
			},
		},
		{
			"rounds longer than their interval", ForPull, "[pull]\npull-interval = 5\npull-timeout = 5.1\n", nil,
			[]string{`f:3: [pull] pull-timeout = "5.1": pull-timeout (5.1s) is longer than pull-interval (5s): after a slow round the next ones are missed. Set pull-timeout below pull-interval`},
		},
		{
			"servers that nobody asks for", ForProcess, `[pull]
server-rows = false
server-state-interval = 30
[process]
server-metrics = lbtot
aggr-server-metrics = true
[server-groups]
web = ^web
[graphite]
group-namespace = g
group-namespace-double-writes = true
[forward]
mode = tables
cluster = eu
scopes = backend server
[kafka]
brokers = k
[prometheus]
scopes = global server
[otlp]
[otlp:b]
scopes = server
[remote-write]
url = http://x/api/v1/write
scopes = backend
`,
			nil,
			[]string{
				`f:3: [pull] server-state-interval = "30": no effect: haproxystats-pull does not ask HAProxy for servers (server-rows = false in [pull]). Remove this option, or set server-rows = true in [pull]`,
				`f:5: [process] server-metrics = "lbtot": no effect: haproxystats-pull does not ask HAProxy for servers (server-rows = false in [pull]). Remove this option, or set server-rows = true in [pull]`,
				`f:6: [process] aggr-server-metrics = "true": no effect: haproxystats-pull does not ask HAProxy for servers (server-rows = false in [pull]). Remove this option, or set server-rows = true in [pull]`,
				`f:7: [server-groups]: no effect: haproxystats-pull does not ask HAProxy for servers (server-rows = false in [pull]). Remove this section, or set server-rows = true in [pull]`,
				`f:15: [forward] scopes = "backend server": there are no metrics of servers: haproxystats-pull does not ask HAProxy for servers (server-rows = false in [pull]). Remove server, or set server-rows = true in [pull]`,
				`f:19: [prometheus] scopes = "global server": there are no metrics of servers: haproxystats-pull does not ask HAProxy for servers (server-rows = false in [pull]). Remove server, or set server-rows = true in [pull]`,
				`f:22: [otlp:b] scopes = "server": there are no metrics of servers: haproxystats-pull does not ask HAProxy for servers (server-rows = false in [pull]). Remove server, or set server-rows = true in [pull]`,
			},
		},
		{
			"no servers, and nothing that wants them", ForPull, "[pull]\nserver-rows = no\nserver-state-interval = 60\n[process]\naggr-server-metrics = false\n[prometheus]\n[forward]\nmode = tables\ncluster = eu\n[kafka]\nbrokers = k\n", nil, nil,
		},
		{
			"an interval shorter than the default of a round", ForPull, "[pull]\npull-interval = 1\n", nil,
			[]string{`f:2: [pull] pull-interval = "1": pull-timeout (2s) is longer than pull-interval (1s): after a slow round the next ones are missed. Set pull-timeout below pull-interval`},
		},
		{
			"paths that a shell would change", ForPull, "[paths]\nbase-dir = ~/stats\n[pull]\nsocket-dir = \"/run/haproxy\"\nstatus-socket = '/run/x'\ndst-dir = /spool/in # the queue\n[graphite]\nqueue-dir = ~me/q\n",
			[]string{
				`f:2: [paths] base-dir = "~/stats": ~ is not expanded here. Write the absolute path`,
				`f:4: [pull] socket-dir = "\"/run/haproxy\"": quotes are part of the value here. Remove them`,
				`f:5: [pull] status-socket = "'/run/x'": quotes are part of the value here. Remove them`,
			},
			[]string{
				`f:6: [pull] dst-dir = "/spool/in # the queue": text after the path is part of the path. Put the comment on a line of its own`,
				`f:8: [graphite] queue-dir = "~me/q": haproxystats-process will refuse this: ~ is not expanded here. Write the absolute path`,
			},
		},
		{
			"two spools", ForPull, "[paths]\nbase-dir = /srv\n[process]\nsrc-dir = /srv/in\n[pull]\nworkers = 2\n", nil,
			[]string{`f:4: [process] src-dir = "/srv/in": src-dir of [process] (/srv/in) is not dst-dir of [pull] (/srv/incoming): haproxystats-process does not process the snapshots that haproxystats-pull stores. Set both to one directory, or remove both`},
		},
		{
			"two spools, by dst-dir", ForProcess, "[paths]\nbase-dir = /srv\n[pull]\ndst-dir = /srv/out\n[process]\nworkers = 2\n", nil,
			[]string{`f:4: [pull] dst-dir = "/srv/out": src-dir of [process] (/srv/incoming) is not dst-dir of [pull] (/srv/out): haproxystats-process does not process the snapshots that haproxystats-pull stores. Set both to one directory, or remove both`},
		},
		{"files of one program", ForProcess, "[paths]\nbase-dir = /srv\n[process]\nsrc-dir = /srv/in\n", nil, nil},
		{"one spool, written in two ways", ForProcess, "[pull]\ndst-dir = /srv/in/\n[process]\nsrc-dir = /srv/./in\n", nil, nil},
		{
			"words of other programs", ForProcess, "[graphite]\nhost = a\nprefix = b\nzzzz = c\n[pull]\nsockets = d\n", nil,
			[]string{
				`f:2: [graphite] host = "a": unknown option; did you mean "server"?`,
				`f:3: [graphite] prefix = "b": unknown option; did you mean "namespace"?`,
				`f:4: [graphite] zzzz = "c": unknown option`,
				`f:6: [pull] sockets = "d": unknown option; did you mean "servers"?`,
			},
		},
		{
			"a password in a URL", ForProcess, "[graphite]\nserver = http://me:s3cret@host, b\n",
			[]string{`f:2: [graphite] server = "http://***@host, b": "http://***@host": a URL is not accepted; allowed: host, host:port or [v6]:port, with a host name or an IP address, separated by commas`},
			nil,
		},
		{
			"the form of the file", ForPull, "x\n[pull]\nworkers = 0\nworkers = 2\nretries\n[pull]\n",
			[]string{
				`f:1: "x" stands before the first [section]. Put a header such as [DEFAULT] above it`,
				`f:4: [pull]: workers: the option was set in line 3 already. Keep one of them`,
				"f:5: [pull]: \"retries\" is neither a [section] nor an `option = value`. Start the line with # for a comment, or indent it to continue the value above",
				`f:6: [pull]: the section was opened in line 2 already. Move the options there`,
			},
			nil,
		},
		{
			"references", ForProcess, "[paths]\nbase-dir = $HOME/stats\n[process]\nworkers = ${cpus}\n[graphite]\nnamespace = ${namespace}\n[frontend-groups]\na = x$\n[graphite2]\n",
			[]string{
				`f:2: [paths] base-dir = "$HOME/stats": "$HOME/stats": neither { nor another $ follows the $. Write $$ for a dollar sign`,
				`f:4: [process] workers = "${cpus}": ${cpus} refers to an option that is not set. Set that option, or write $$ for a dollar sign`,
				`f:6: [graphite] namespace = "${namespace}": "${namespace}" takes part in more than 10 nested references. Check that no option refers to itself`,
				`f:7: [frontend-groups]: groups need a namespace. Set group-namespace in [graphite], or remove this section`,
				`f:8: [frontend-groups] a = "x$": "$": neither { nor another $ follows the $. Write $$ for a dollar sign`,
			},
			[]string{`f:9: [graphite2]: unknown section, nothing in it is read; did you mean "graphite"?`},
		},
		{
			"a bad value for the other program is a warning", ForProcess, "[pull]\nworkers = 0\nservers = x\ndst-dir = ${nope}\n",
			nil,
			[]string{
				`f:2: [pull] workers = "0": haproxystats-pull will refuse this: out of range` + workersOK,
				`f:3: [pull] servers = "x": haproxystats-pull will refuse this: "x": starts with neither tcp:// nor unix://; allowed: tcp://host:port, tcp://[v6]:port or unix:///path, separated by commas`,
				`f:4: [pull] dst-dir = "${nope}": haproxystats-pull will refuse this: ${nope} refers to an option that is not set. Set that option, or write $$ for a dollar sign`,
			},
		},
		{
			"and the other way round", ForPull, "[graphite]\nport = 0\ngroup-namespace = x\n[process]\nexclude-frontends = /does/not/exist\n[server-groups]\n/ = x\n",
			nil,
			[]string{
				`f:2: [graphite] port = "0": haproxystats-process will refuse this: out of range; allowed: 1 to 65535`,
				`f:7: [server-groups] / = "x": haproxystats-process will refuse this: the name of a group becomes part of paths: "/" would break the path` + pathOK,
			},
		},
		{
			"a bad default is said once", ForPull, "[DEFAULT]\nloglevel = inof\n",
			[]string{`f:2: [DEFAULT] loglevel = "inof": not one of the words; did you mean "info"?; allowed: debug, info, warning, error, critical`},
			nil,
		},
		{
			"inherited by a section that has no default", ForProcess, "[DEFAULT]\nbackend-metrics = nonsense\n",
			[]string{`f:2: [DEFAULT] backend-metrics = "nonsense": no HAProxy version has a column "nonsense"` + back},
			nil,
		},
		{
			"what follows a bad base-dir is not said", ForProcess, "[paths]\nbase-dir = /a\n b\n[local-store]\n",
			[]string{`f:2: [paths] base-dir = "/a\nb": the path contains a line break or another control character; allowed: a path` + indented},
			nil,
		},
		{
			"namespace without groups", ForProcess, "[graphite]\ngroup-namespace = x\ngroup-namespace-double-writes = no\n",
			[]string{`f:2: [graphite] group-namespace = "x": a namespace needs groups. Add a section [frontend-groups], [backend-groups] or [server-groups], or remove this option`},
			nil,
		},
		{
			"namespace without double writes", ForProcess, "[graphite]\ngroup-namespace = x\n[server-groups]\n",
			[]string{`f:2: [graphite] group-namespace = "x": needs group-namespace-double-writes. Set that to true to send the metrics of groups under their normal path, too, or to false`},
			nil,
		},
		{
			"TLS", ForProcess, "[graphite]\nconfirm = halfclose\ntls = 2\nca-file =\nserver-name = a:1\n",
			[]string{
				`f:2: [graphite] confirm = "halfclose": not one of the words; did you mean "half-close"?; allowed: half-close, drain`,
				`f:3: [graphite] tls = "2": neither yes nor no` + yes,
				`f:4: [graphite] ca-file = "": the path is empty; allowed: a file in PEM form`,
				`f:5: [graphite] server-name = "a:1": the host contains a colon but is not an IPv6 address; allowed: a host name or an IP address`,
			},
			nil,
		},
		{
			"half a pair", ForProcess, "[graphite]\ntls = on\nkey-file = /k\n",
			[]string{`f:3: [graphite] key-file = "/k": needs cert-file. Set both, or remove both`},
			nil,
		},
		{
			"the other half", ForProcess, "[graphite]\ntls = on\ncert-file = /c\n",
			[]string{`f:3: [graphite] cert-file = "/c": needs key-file. Set both, or remove both`},
			nil,
		},
		{
			"files for TLS, but no TLS", ForProcess, "[graphite]\nca-file = /a\nkey-file = /k\nserver-name = g\n",
			nil,
			[]string{
				`f:2: [graphite] ca-file = "/a": no effect without tls = true: metrics are not encrypted. Set tls = true in [graphite], or remove this option`,
				`f:3: [graphite] key-file = "/k": no effect without tls = true: metrics are not encrypted. Set tls = true in [graphite], or remove this option`,
				`f:4: [graphite] server-name = "g": no effect without tls = true: metrics are not encrypted. Set tls = true in [graphite], or remove this option`,
			},
		},
		{
			"verify-url with a password", ForProcess, "[graphite]\nverify-url = http://me:secret@g/render\n",
			[]string{`f:2: [graphite] verify-url = "http://***@g/render": the address contains a user or a password; allowed: an http or https address that ends in /render, without a password. Let Graphite answer this host without a password, and remove both`},
			nil,
		},
		{
			"verify-url of something else", ForProcess, "[graphite]\nverify-url = http://g/\n",
			[]string{`f:2: [graphite] verify-url = "http://g/": the path does not end in /render; allowed: an http or https address that ends in /render, without a password`},
			nil,
		},
		{
			"verify-url without a scheme", ForProcess, "[graphite]\nverify-url = g:80/render\n",
			[]string{`f:2: [graphite] verify-url = "g:80/render": neither an http nor an https address; allowed: an http or https address that ends in /render, without a password`},
			nil,
		},
		{
			"verify-url without a host", ForProcess, "[graphite]\nverify-url = http:///render\n",
			[]string{`f:2: [graphite] verify-url = "http:///render": the address has no host; allowed: an http or https address that ends in /render, without a password`},
			nil,
		},
		{
			"verify-url with a question", ForProcess, "[graphite]\nverify-url = http://g/render?target=x\n",
			[]string{`f:2: [graphite] verify-url = "http://g/render?target=x": the address continues after its path; allowed: an http or https address that ends in /render, without a password. Remove the text after /render`},
			nil,
		},
		{
			"verify-url that is none", ForProcess, "[graphite]\nverify-url = http://[g/render\n",
			[]string{`f:2: [graphite] verify-url = "http://[g/render": not a URL; allowed: an http or https address that ends in /render, without a password`},
			nil,
		},
		{
			"ca-file for verify-url alone", ForProcess, "[graphite]\nverify-url = https://g/render\nca-file = /a\n", nil, nil,
		},
		{
			"one directory for both states", ForPull, "[pull]\ndst-dir = ${tmp-dst-dir}\n",
			[]string{`f:2: [pull] dst-dir = "/var/lib/haproxystats/incoming.tmp": dst-dir and tmp-dst-dir are one directory: snapshots would be processed before they are complete. Set tmp-dst-dir to another directory on the same file system`},
			nil,
		},
		{
			"unfinished rounds where others are read", ForPull, "[pull]\ntmp-dst-dir = /a/in\n[process]\nsrc-dir = /a/x/../in\n",
			[]string{`f:2: [pull] tmp-dst-dir = "/a/in": tmp-dst-dir is src-dir of [process]: snapshots would be processed before they are complete. Set src-dir in [process] to dst-dir of [pull]`},
			nil,
		},
		{
			"others are read where unfinished rounds are", ForPull, "[process]\nsrc-dir = /var/lib/haproxystats/incoming.tmp\n",
			[]string{`f:2: [process] src-dir = "/var/lib/haproxystats/incoming.tmp": tmp-dst-dir is src-dir of [process]: snapshots would be processed before they are complete. Set src-dir in [process] to dst-dir of [pull]`},
			nil,
		},
		{
			"status sockets", ForPull, "[pull]\nstatus-socket = /run/" + strings.Repeat("s", maxSocketName+1) + "\n[process]\nstatus-socket = /run/\n",
			[]string{`f:2: [pull] status-socket = "/run/` + strings.Repeat("s", maxSocketName+1) + `": the name after the last ` + "`/`" + ` has more than 80 bytes; allowed: the path of a UNIX socket, or nothing to have none`},
			[]string{`f:4: [process] status-socket = "/run/": haproxystats-process will refuse this: the path is that of a directory; allowed: the path of a UNIX socket, or nothing to have none`},
		},
		{
			"one status socket for both", ForPull, "[process]\nstatus-socket = /var/lib//haproxystats/pull.status\n",
			[]string{`f:2: [process] status-socket = "/var/lib//haproxystats/pull.status": another program has the same one. Give each program its own socket`},
			nil,
		},
		{
			"nodes from which nothing comes", ForCentral, "[node a]\ncluster = eu\n[node b]\nsrc-dir = /b\nservers = tcp://b:1\ncluster = eu\n[node c]\nsrc-dir = /d\n[node d]\nsrc-dir = /d/\ncluster = x/y\n",
			[]string{
				"f:1: [node a]: nothing says where the node's statistics come from. Set src-dir or servers",
				`f:4: [node b] src-dir = "/b": the node has servers, too, and its statistics can come from one of them only. Remove src-dir or servers`,
				"f:7: [node c]: the node belongs to no cluster. Set cluster",
				`f:10: [node d] src-dir = "/d/": node c has the same directory. Give each node a directory of its own`,
				`f:11: [node d] cluster = "x/y": not a name that can be part of a path; allowed: letters, digits, '.', '_' and '-'`,
			},
			nil,
		},
		{
			"names of sections", ForCentral, "[node ]\nsrc-dir = /a\ncluster = eu\n[cluster a/b]\n[cluster  eu]\n[cluster eu]\n[cluster ..]\n[node]\nsrc-dir = /c\n[cluster:x]\n",
			[]string{
				"f:1: [node ]: the section has no name. Write a name after node",
				"f:4: [cluster a/b]: the name can't be part of a path. Use letters, digits, '.', '_' and '-'",
				"f:6: [cluster eu]: the section is in f:5, too. Put all its options into one",
				"f:7: [cluster ..]: the name can't be part of a path. Use letters, digits, '.', '_' and '-'",
			},
			[]string{
				`f:8: [node]: nothing in the section is read: it has no name. Write it as [node NAME]`,
				`f:10: [cluster:x]: unknown section, nothing in it is read; did you mean "cluster"?`,
			},
		},
		{
			"times of a cluster", ForCentral, "[cluster a]\ngrace = 30\n[cluster b]\nlate = 9\n[cluster c]\ngrace = 20\nlate = 15\n[cluster d]\nnode-expiry = 71\n[cluster e]\nnodes = /does/not/exist\n[cluster f]\nlate = 100\nnode-expiry = 110\n",
			[]string{
				`f:2: [cluster a] grace = "30": values would come too late to be of use. Set it below three intervals (30s)`,
				`f:4: [cluster b] late = "9": nodes would be late in the window that follows theirs. Set it to the interval (10s) or more`,
				`f:7: [cluster c] late = "15": a window would be closed before grace ends. Set it to grace (20s) or more`,
				`f:9: [cluster d] node-expiry = "71": a program that starts again learns the nodes from late and interval together. Set it to that time (1m10s) or less`,
				`f:11: [cluster e] nodes = "/does/not/exist": no such file or directory. Make sure that the file exists and is readable`,
			},
			nil,
		},
		{
			"places of clusters", ForCentral, "[graphite]\nnamespace = a.b\ncluster-namespace = a.b\nprefix-hostname = no\nverify-url = https://g/render\n[central]\nnode-metrics = yes\n",
			[]string{`f:4: [graphite] prefix-hostname = "no": all nodes would have the same paths, because node-metrics is true in [central]. Set it to true`},
			[]string{`f:5: [graphite] verify-url = "https://g/render": no effect here: haproxystats-central does not ask which metrics have arrived. Remove it`},
		},
		{
			"places of clusters in Kafka", ForCentral, "[graphite]\nprefix-hostname = no\n[kafka]\ntopic = t\n[kafka:a]\nnamespace = a.b\ncluster-namespace = a.b\n[kafka:b]\nformat = json\n[kafka:c]\nprefix-hostname = no\n[central]\nnode-metrics = yes\n",
			[]string{
				`f:2: [graphite] prefix-hostname = "no": all nodes would have the same paths, because node-metrics is true in [central]. Set it to true`,
				`f:11: [kafka:c] prefix-hostname = "no": all nodes would have the same paths, because node-metrics is true in [central]. Set it to true`,
			},
			nil,
		},
		{
			"clusters among nodes in Kafka", ForCentral, "[kafka]\ntopic = t\n[kafka:a]\nnamespace = a.b\ncluster-namespace = a.b\n",
			[]string{`f:5: [kafka:a] cluster-namespace = "a.b": with the name of a cluster it has 3 components, as the paths of nodes have: patterns for nodes would count clusters, too. Give it more components than namespace`},
			nil,
		},
		{
			"clusters among nodes", ForCentral, "[graphite]\ncluster-namespace = a\n",
			[]string{`f:2: [graphite] cluster-namespace = "a": with the name of a cluster it has 2 components, as the paths of nodes have: patterns for nodes would count clusters, too. Give it more components than namespace`},
			nil,
		},
		{
			"topics of one name", ForCentral, "[central]\nkafka = yes\nsnapshots-topic = a\ntables-topic = a\n[kafka]\n",
			[]string{`f:3: [central] snapshots-topic = "a": it is tables-topic, too. Give each its own topic`},
			nil,
		},
		{
			"no topic", ForCentral, "[central]\nkafka = yes\ntables-topic =\n[kafka]\n",
			[]string{`f:3: [central] tables-topic = "": haproxystats-central needs the topic for the tables of all nodes. Set it, or kafka = false`},
			nil,
		},
		{
			"records that come back", ForCentral, "[central]\nkafka = yes\ndead-letter-topic = haproxystats.tables\nassembly-dir = ${work-dir}/\n[kafka]\n",
			[]string{
				`f:3: [central] dead-letter-topic = "haproxystats.tables": records that are put aside would come back, because the program reads that topic. Give it another topic`,
				`f:4: [central] assembly-dir = "/var/lib/haproxystats/central/": it is work-dir. Give it a directory of its own`,
			},
			nil,
		},
		{
			"a slow commit", ForCentral, "[central]\nkafka = yes\ncommit-interval = 20\nsession-timeout = 20\n[kafka]\n",
			[]string{`f:3: [central] commit-interval = "20": it must be shorter than session-timeout. Set it below 20s`},
			nil,
		},
		{
			"nothing but [forward]", ForProcess, "[forward]\n",
			[]string{
				`f:1: [forward]: needs mode. Set mode = tables, or mode = snapshots for nodes that do nothing but pull`,
				`f:1: [forward]: needs cluster. Set cluster to the name of the cluster that the node belongs to`,
				`f:1: [forward]: has no connection. Add a section [kafka] with brokers`,
			},
			nil,
		},
		{
			"nothing but [events]", ForProcess, "[events]\n",
			[]string{`f:1: [events]: events are sent nowhere. Set file, graphite-url, grafana-url or webhook`},
			nil,
		},
		{
			"bounds of [events]", ForProcess, "[events]\nfile =\nfile-max-bytes = 65535\nfile-max-age = 59\nfile-keep = 1001\nfile-sync = often\n" +
				"graphite-url = http://h/render\ngrafana-url = https://u:p@h/api/annotations\nwebhook = ftp://h\nwebhook-max-events = 0\nkinds =\n",
			[]string{
				`f:2: [events] file = "": the path is empty; allowed: a path`,
				`f:3: [events] file-max-bytes = "65535": out of range; allowed: 65536 or more`,
				`f:4: [events] file-max-age = "59": out of range; allowed: 0, or 60 or more`,
				`f:5: [events] file-keep = "1001": out of range; allowed: 0 to 1000`,
				`f:6: [events] file-sync = "often": not one of the words; allowed: always, never`,
				`f:7: [events] graphite-url = "http://h/render": the path does not end in /events; allowed: an http or https address that ends in /events, without a password`,
				`f:8: [events] grafana-url = "https://***@h/api/annotations": the address contains a user or a password; allowed: an http or https address that ends in /api/annotations, without a password. Remove both: they would be shown to all who read the configuration`,
				`f:9: [events] webhook = "ftp://h": neither an http nor an https address; allowed: an http or https address without a password`,
				`f:10: [events] webhook-max-events = "0": out of range; allowed: 1 to 1000`,
				`f:11: [events] kinds = "": the list is empty; allowed: words, separated by white space or commas. Remove the option`,
			},
			nil,
		},
		{
			"options of [events] without effect", ForProcess, "[events]\nwebhook = http://h/?a=b\nfile-keep = 2\ngrafana-token-file = /t\ntags = a\ntitle = b\nca-file = /ca\n", nil,
			[]string{
				`f:3: [events] file-keep = "2": no effect without file. Set file in [events], or remove this option`,
				`f:4: [events] grafana-token-file = "/t": no effect without grafana-url. Set grafana-url in [events], or remove this option`,
				`f:5: [events] tags = "a": no effect without graphite-url or grafana-url. Set graphite-url or grafana-url in [events], or remove this option`,
				`f:6: [events] title = "b": no effect without graphite-url. Set graphite-url in [events], or remove this option`,
				`f:7: [events] ca-file = "/ca": no effect: no address begins with https. Remove this option, or use https`,
			},
		},
		{
			"a file of [events] only", ForProcess, "[events]\nfile = /f\ntimeout = 2\n", nil,
			[]string{`f:3: [events] timeout = "2": no effect without graphite-url, grafana-url or webhook. Set graphite-url, grafana-url or webhook in [events], or remove this option`},
		},
		{
			"secrets of [events]", ForProcess, "[events]\ngrafana-url = http://h/api/annotations/\ngrafana-token-file = /t\nwebhook = https://h\ncert-file = /c\n",
			[]string{`f:5: [events] cert-file = "/c": needs key-file. Set both, or remove both`},
			[]string{`f:3: [events] grafana-token-file = "/t": the token is sent unencrypted. Let grafana-url begin with https`},
		},
		{
			"a queue in the spool", ForProcess, "[process]\nsrc-dir = /s\n[graphite]\nqueue-dir = /s/\n",
			[]string{`f:4: [graphite] queue-dir = "/s/": snapshots come there: it is src-dir of [process]. Give the queue a directory of its own`},
			nil,
		},
		{
			"the queue of [events]", ForProcess, "[events]\nwebhook = http://h\nqueue-dir = /q\n[graphite]\nqueue-dir = /q/\n",
			[]string{`f:3: [events] queue-dir = "/q": the queue of [graphite] has the same directory. Give each queue a directory of its own`},
			nil,
		},
		{
			"bounds of [forward]", ForProcess, "[forward]\nmode = raw\ncluster = eu\nshards = 65\nchunk-bytes = 65535\nqueue-max-bytes = 0\nscopes = all\n[kafka]\n",
			[]string{
				`f:2: [forward] mode = "raw": not one of the words; allowed: tables, snapshots`,
				`f:4: [forward] shards = "65": out of range; allowed: 1 to 64`,
				`f:5: [forward] chunk-bytes = "65535": out of range; allowed: 65536 to 900000`,
				`f:6: [forward] queue-max-bytes = "0": out of range; allowed: 1 or more`,
				`f:7: [forward] scopes = "all": "all" is not a scope; allowed: daemon, frontend, backend, server`,
			},
			nil,
		},
		{
			"more bounds of [forward]", ForProcess, "[forward]\nmode = snapshots\ncluster = eu\nshards = 0\nchunk-bytes = 900001\n[kafka]\n",
			[]string{
				`f:4: [forward] shards = "0": out of range; allowed: 1 to 64`,
				`f:5: [forward] chunk-bytes = "900001": out of range; allowed: 65536 to 900000`,
			},
			nil,
		},
		{
			"options without effect for tables", ForProcess, "[process]\nmetric-set = classic\n[forward]\nmode = tables\ncluster = eu\nchunk-bytes = 65536\nmetric-set = all\nshards = 64\n[kafka]\n", nil,
			[]string{
				`f:6: [forward] chunk-bytes = "65536": no effect with mode = tables. Remove this option`,
				`f:7: [forward] metric-set = "all": no effect: metric-set in [process] is classic, so there are no other metrics. Set metric-set = all in [process], or remove this option`,
			},
		},
		{
			"max-metrics and tables", ForProcess, "[process]\nmax-metrics = 1000\n[forward]\nmode = tables\ncluster = eu\n[kafka]\n", nil,
			[]string{
				`f:2: [process] max-metrics = "1000": with mode = tables in [forward] the centre does not get what is left out, so sums of the cluster are too low. ` +
					`Remove it, and bound what is sent elsewhere by max-series, server-metrics or exclude-servers`,
			},
		},
		{"no max-metrics and tables", ForProcess, "[process]\nmax-metrics = 0\n[forward]\nmode = tables\ncluster = eu\n[kafka]\n", nil, nil},
		{"max-metrics and snapshots", ForProcess, "[process]\nmax-metrics = 1\n[forward]\nmode = snapshots\ncluster = eu\n[kafka]\n", nil, nil},
		{
			"max-metrics of the centre", ForCentral, "[process]\nmax-metrics = 1000\n[forward]\nmode = tables\ncluster = eu\n[kafka]\n", nil,
			[]string{
				`f:2: [process] max-metrics = "1000": no effect here: haproxystats-central sends whole clusters and nodes, because sums without some nodes' groups would be too low. ` +
					`Remove it, and bound what is sent by max-series, server-metrics or exclude-servers`,
			},
		},
		{"no max-metrics of the centre", ForCentral, "[process]\nmax-metrics = 0\n", nil, nil},
		{
			"options without effect for snapshots", ForProcess, "[forward]\nmode = snapshots\ncluster = eu\nchunk-bytes = 900000\nshards = 2\nmetric-set = classic\nscopes = backend\n[kafka]\n", nil,
			[]string{
				`f:5: [forward] shards = "2": no effect with mode = snapshots. Remove this option`,
				`f:6: [forward] metric-set = "classic": no effect with mode = snapshots. Remove this option`,
				`f:7: [forward] scopes = "backend": no effect with mode = snapshots. Remove this option`,
			},
		},
		{
			"no brokers", ForCentral, "[central]\nkafka = yes\n",
			[]string{`f:2: [central] kafka = "yes": no section [kafka] says how to reach the brokers. Add [kafka] with brokers`},
			nil,
		},
		{
			"topics without Kafka", ForCentral, "[central]\ngroup = a\ndead-letter-topic = b\n", nil,
			[]string{
				`f:2: [central] group = "a": no effect without kafka = true: haproxystats-central reads no topics. Set kafka = true in [central], or remove this option`,
				`f:3: [central] dead-letter-topic = "b": no effect without kafka = true: haproxystats-central reads no topics. Set kafka = true in [central], or remove this option`,
			},
		},
		{
			"values of topics", ForCentral, "[central]\nkafka = yes\ntables-topic = a b\ngroup =\ninstance = {node}\nsession-timeout = 5\nstart = now\nfetch-max-bytes = 1\n[cluster]\nscopes = all\nshards = 65\n[cluster a]\nscopes =\n[kafka]\n",
			[]string{
				`f:3: [central] tables-topic = "a b": not a name that Kafka takes; allowed: letters, digits, '.', '_' and '-'`,
				`f:4: [central] group = "": the name is empty; allowed: letters, digits, '.', '_' and '-'`,
				"f:5: [central] instance = \"{node}\": not a name that Kafka takes; allowed: letters, digits, '.', '_' and '-'; `{host}` is the host's name",
				`f:6: [central] session-timeout = "5": out of range; allowed: 6 to 1800`,
				`f:7: [central] start = "now": not one of the words; allowed: earliest, latest`,
				`f:8: [central] fetch-max-bytes = "1": out of range; allowed: 1048576 to 268435456`,
				`f:10: [cluster] scopes = "all": "all" is not a scope; allowed: daemon, frontend, backend, server`,
				`f:11: [cluster] shards = "65": out of range; allowed: 1 to 64`,
				`f:13: [cluster a] scopes = "": the list is empty; allowed: daemon, frontend, backend, server`,
			},
			nil,
		},
		{
			"addresses and nodes", ForCentral, "[central]\nnode-metrics = yes\n[cluster a]\nserver-identity = address\n[cluster b]\nserver-identity = ip\n",
			[]string{
				`f:4: [cluster a] server-identity = "address": the metrics of nodes would have other paths than their own haproxystats-process has, because node-metrics is true in [central]. Set it to name, or node-metrics to false`,
				`f:6: [cluster b] server-identity = "ip": not one of the words; allowed: name, address`,
			},
			nil,
		},
		{
			"addresses of nobody", ForCentral, "[central]\nkafka = yes\nsnapshots-topic =\n[cluster a]\nserver-identity = address\n[kafka]\n", nil,
			[]string{`f:5: [cluster a] server-identity = "address": no effect here: the tables that nodes send have no addresses. Remove it, or let the nodes send raw snapshots`},
		},
		{
			"shards of nobody", ForCentral, "[central]\nkafka = yes\nsnapshots-topic =\n[cluster a]\nshards = 2\n[kafka]\n", nil,
			[]string{`f:5: [cluster a] shards = "2": no effect here: this program makes no tables of nodes. Set shards in [forward] of the nodes`},
		},
		{
			"no status sockets", ForProcess, "[process]\nstatus-socket =\n[pull]\nstatus-socket =\n", nil, nil,
		},
		{
			"two bad directories are not one", ForPull, "[pull]\ndst-dir =\ntmp-dst-dir =\n",
			[]string{
				`f:2: [pull] dst-dir = "": the path is empty; allowed: a path`,
				`f:3: [pull] tmp-dst-dir = "": the path is empty; allowed: a path`,
			},
			nil,
		},
		{
			"a bad time stands for no other", ForPull, "[graphite]\ntimeout = x\n", nil,
			[]string{`f:2: [graphite] timeout = "x": haproxystats-process will refuse this: not a number; allowed: above 0`},
		},
		{"a directory in [DEFAULT]", ForProcess, "[DEFAULT]\ndir = /srv\n[local-store]\n", nil, nil},
		{
			"names that nothing reads", ForProcess, `[DEFAULT]
workers = 3
log-level = info
socket-dir = /run
my-dir = /srv
unused = 1
[Paths]
base-dir = /x
[pull]
src-dir = ${my-dir}
timeot = 1
own = 2
queue-size = ${own}
[process]
retries = 1
loglevel = info
worker = 2
colour = red
[graphite]
prefix_hostname = true
[vars]
a = 1
b = 2
[local-store]
dir = ${vars:a}
[local_store]
dir = x
[frontend-group]
x = y
[elsewhere]
`,
			nil,
			[]string{
				`f:2: [DEFAULT] workers = "3": no effect here, because its section has a default of its own. Move it to [pull] or [process]`,
				`f:3: [DEFAULT] log-level = "info": unknown option; did you mean "loglevel"?`,
				`f:6: [DEFAULT] unused = "1": unknown option`,
				`f:7: [Paths]: unknown section, nothing in it is read; did you mean "paths"?`,
				`f:10: [pull] src-dir = "/srv": unknown option. Move it to [process] or [node NAME]`,
				`f:11: [pull] timeot = "1": unknown option; did you mean "timeout"?`,
				`f:17: [process] worker = "2": unknown option; did you mean "workers"?`,
				`f:18: [process] colour = "red": unknown option`,
				`f:20: [graphite] prefix_hostname = "true": unknown option; did you mean "prefix-hostname"?`,
				`f:26: [local_store]: unknown section, nothing in it is read; did you mean "local-store"?`,
				`f:28: [frontend-group]: unknown section, nothing in it is read; did you mean "frontend-groups"?`,
				`f:30: [elsewhere]: unknown section, nothing in it is read`,
			},
		},
		{
			"ports of carbon's other protocols", ForProcess, "[graphite]\nserver = a, b:2004, b:2004, c:2003\nport = 7002\nconfirm-hold = 0\n",
			nil,
			[]string{
				`f:2: [graphite] server = "a, b:2004, b:2004, c:2003": port 2004 is carbon-cache's port for pickles by default. Use the port for the plaintext protocol: 2003 of carbon-cache, 2013 of carbon-relay, 2023 of carbon-aggregator`,
				`f:3: [graphite] port = "7002": port 7002 is carbon-cache's port for queries by default. Use the port for the plaintext protocol: 2003 of carbon-cache, 2013 of carbon-relay, 2023 of carbon-aggregator`,
			},
		},
		{
			"a connection held for too long", ForProcess, "[graphite]\nconfirm-hold = 31\n",
			[]string{`f:2: [graphite] confirm-hold = "31": out of range; allowed: 0 to 30`},
			nil,
		},
		{
			"connections to Kafka", ForProcess, `[kafka]
brokers = kafka:9092:1, a:70000, http://b
client-id =
rack = 	
tls = perhaps
server-name = a/b
sasl-mechanism = gssapi
sasl-username = a${nothing}
sasl-password-file =
connect-timeout = 0
request-timeout = 301
delivery-timeout = 30
[kafka:b]
delivery-timeout = 1s
request-timeout = 0.05
client-id = ` + strings.Repeat("x", 250) + `
`,
			[]string{
				`f:2: [kafka] brokers = "kafka:9092:1, a:70000, http://b": "kafka:9092:1": neither host:port nor an IPv6 address; "a:70000": the port "70000" is not a number from 1 to 65535; "http://b": a URL is not accepted; allowed: host, host:port or [v6]:port, with a host name or an IP address, separated by commas. Write an IPv6 address with a port as [v6]:port`,
				`f:3: [kafka] client-id = "": the text is empty; allowed: up to 249 bytes of printable characters. Remove the option`,
				`f:4: [kafka] rack = "": the text is empty; allowed: up to 249 bytes of printable characters. Remove the option`,
				`f:5: [kafka] tls = "perhaps": neither yes nor no` + yes,
				`f:6: [kafka] server-name = "a/b": "/" can't be part of a host name; allowed: a host name or an IP address`,
				`f:7: [kafka] sasl-mechanism = "gssapi": not one of the words; allowed: none, PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER`,
				`f:8: [kafka] sasl-username = "a${nothing}": ${nothing} refers to an option that is not set. Set that option, or write $$ for a dollar sign`,
				`f:9: [kafka] sasl-password-file = "": the path is empty; allowed: a file that holds nothing else`,
				`f:10: [kafka] connect-timeout = "0": out of range; allowed: above 0`,
				`f:11: [kafka] request-timeout = "301": out of range; allowed: 0.1 to 300`,
				`f:12: [kafka] delivery-timeout = "30": out of range; allowed: 1 or more, below 30`,
				`f:14: [kafka:b] delivery-timeout = "1s": not a number; allowed: 1 or more, below 30. Write seconds, without a unit`,
				`f:15: [kafka:b] request-timeout = "0.05": out of range; allowed: 0.1 to 300`,
				`f:16: [kafka:b] client-id = "` + strings.Repeat("x", 200) + `"...: longer than 249 bytes; allowed: up to 249 bytes of printable characters`,
			},
			nil,
		},
		{
			"metrics to Kafka", ForProcess, `[kafka]
topic = a, b
format = avro
max-record-bytes = 1k
max-batch-bytes = 1023
linger = 6
replication = 0
partitions = 0
[kafka:b]
topic = b
key = proxy
max-record-bytes = 3000
max-batch-bytes = 2000
linger = 2
delivery-timeout = 3
partitions = 5
acks = leader
replication = 1
[kafka:c]
topic = c
format = json-metric
lines = many
key = proxy
queue-dir = /a/
[kafka:d]
topic = d
queue-dir = /a
[kafka:e]
topic =
queue-dir = /a
[kafka:f]
topic = x
queue-dir = /var/lib/haproxystats/queue/graphite
`,
			[]string{
				`f:2: [kafka] topic = "a, b": several topics are not possible; allowed: a topic's name, with {host}, {cluster} or {scope} in it, or nothing to send no metrics. Add a section [kafka:NAME] for each further topic`,
				`f:3: [kafka] format = "avro": not one of the words; allowed: graphite, json, json-metric, influx, otlp`,
				`f:4: [kafka] max-record-bytes = "1k": not a whole number; allowed: 1024 to 16777216. Write the number without a unit`,
				`f:5: [kafka] max-batch-bytes = "1023": out of range; allowed: 1024 to 67108864`,
				`f:6: [kafka] linger = "6": out of range; allowed: 0 to 5`,
				`f:7: [kafka] replication = "0": out of range; allowed: 1 to 32767, or -1 for the broker's default`,
				`f:8: [kafka] partitions = "0": out of range; allowed: 1 to 10000`,
				`f:13: [kafka:b] max-batch-bytes = "2000": a batch has no room for a record (max-record-bytes, 3000). Set it to more than max-record-bytes`,
				`f:14: [kafka:b] linger = "2": records would wait for most of delivery-timeout (3s). Set it to less than half of that`,
				`f:27: [kafka:d] queue-dir = "/a": the queue of [kafka:c] has the same directory. Give each queue a directory of its own`,
				`f:33: [kafka:f] queue-dir = "/var/lib/haproxystats/queue/graphite": the queue of [graphite] has the same directory. Give each queue a directory of its own`,
			},
			[]string{
				`f:16: [kafka:b] partitions = "5": no effect without create-topic = true. Remove this option, or set create-topic = true`,
				`f:17: [kafka:b] acks = "leader": idempotence is off, and records that were confirmed are lost if a broker dies. Set acks = all`,
				`f:18: [kafka:b] replication = "1": no effect without create-topic = true. Remove this option, or set create-topic = true`,
				`f:21: [kafka:c] format = "json-metric": each value is an object of its own, which takes several times the bytes of json. Set format = json, unless consumers need one value a record`,
				`f:22: [kafka:c] lines = "many": no effect with format = json-metric. Remove this option, or set format = graphite`,
			},
		},
		{
			"a key that lines do not have", ForProcess, "[kafka]\ntopic = t\n[kafka:b]\nkey = proxy\n",
			[]string{`f:4: [kafka:b] key = "proxy": a record of the format graphite has the lines of several proxies. Set key = host in [kafka:b], or another format`},
			nil,
		},
		{
			"a destination without a queue of its own", ForProcess, "[kafka]\ntopic = t\nqueue-dir = /var/lib/haproxystats/queue/kafka-b\n[kafka:b]\n",
			[]string{`f:3: [kafka] queue-dir = "/var/lib/haproxystats/queue/kafka-b": the queue of [kafka:b] has the same directory. Give each queue a directory of its own`},
			nil,
		},
		{
			"no destination", ForProcess, "[graphite]\nenabled = no\n[kafka]\nbrokers = a\n",
			[]string{`f:2: [graphite] enabled = "no": metrics are sent nowhere. Set it to true, set topic in [kafka], or add a section [graphite:NAME], [prometheus], [influx], [remote-write], [otlp], [forward] or [local-store]`},
			nil,
		},
		{
			"other destinations than Graphite", ForProcess, "[graphite]\nenabled = no\nqueue-dir = /var/lib/haproxystats/queue/kafka\nverify-url = https://g/render\n[kafka]\ntopic = t\n",
			nil,
			[]string{`f:4: [graphite] verify-url = "https://g/render": no effect with enabled = false. Remove it, or set enabled = true`},
		},
		{
			"metrics that are posted", ForProcess, `[graphite]
enabled = no
[influx]
url = http://a.example.com
user = u
ca-file = /ca
bucket = b
[influx:a]
url = https://b.example.com
token-file = /t
user = v
cert-file = /c
version = 2
database = d
[influx:b]
url = http://127.0.0.1:8086
password-file = /p
version = 3
retention-policy = r
[influx:c]
queue-dir = /var/lib/haproxystats/queue/influx-b
token-file = /t
`,
			[]string{
				`f:5: [influx] user = "u": needs password-file. Set password-file in [influx]`,
				`f:10: [influx:a] token-file = "/t": the section has a user, too. Remove user and password-file, or this option`,
				`f:12: [influx:a] cert-file = "/c": needs key-file. Set both, or remove both`,
				`f:13: [influx:a] version = "2": version 2 needs org. Set org in [influx:a]`,
				`f:17: [influx:b] password-file = "/p": needs user. Set user in [influx:b]`,
				`f:21: [influx:c] queue-dir = "/var/lib/haproxystats/queue/influx-b": the queue of [influx:b] has the same directory. Give each queue a directory of its own`,
			},
			[]string{
				`f:6: [influx] ca-file = "/ca": no effect: the address does not begin with https. Remove this option, or use https`,
				`f:7: [influx] bucket = "b": no effect with version = 1. Remove this option, or set another version`,
				`f:14: [influx:a] database = "d": no effect with version = 2. Remove this option, or set another version`,
				`f:19: [influx:b] retention-policy = "r": no effect with version = 3. Remove this option, or set another version`,
				`f:22: [influx:c] token-file = "/t": the token is sent unencrypted. Let url begin with https`,
			},
		},
		{
			"logins to Kafka", ForProcess, `[kafka]
sasl-mechanism = PLAIN
sasl-username = u
sasl-password-file = /p
[kafka:a]
sasl-mechanism = none
sasl-username = v
ca-file = /ca
[kafka:b]
sasl-mechanism = OAUTHBEARER
sasl-username = v
[kafka:c]
tls = yes
cert-file = /c
connect-timeout = 10.5
request-timeout = 11
`,
			[]string{
				`f:10: [kafka:b] sasl-mechanism = "OAUTHBEARER": needs sasl-token-file. Set sasl-token-file in [kafka:b]`,
				`f:14: [kafka:c] cert-file = "/c": needs key-file. Set both, or remove both`,
			},
			[]string{
				`f:2: [kafka] sasl-mechanism = "PLAIN": the secret is sent unencrypted. Set tls = true in [kafka]`,
				`f:7: [kafka:a] sasl-username = "v": no effect without sasl-mechanism. Set sasl-mechanism in [kafka:a], or remove this option`,
				`f:8: [kafka:a] ca-file = "/ca": no effect without tls = true: connections are not encrypted. Set tls = true in [kafka:a], or remove this option`,
				`f:11: [kafka:b] sasl-username = "v": no effect with sasl-mechanism = OAUTHBEARER. Remove this option`,
				`f:15: [kafka:c] connect-timeout = "10.5": no effect: delivery-timeout (10s) ends a delivery before. Set it to delivery-timeout or less`,
				`f:16: [kafka:c] request-timeout = "11": no effect: delivery-timeout (10s) ends a delivery before. Set it to delivery-timeout or less`,
			},
		},
		{
			"what a login to Kafka lacks", ForCentral, "[kafka:b]\ntls = 1\nkey-file = /k\npassword = x\nbroker = y\n[kafka]\nsasl-mechanism = SCRAM-SHA-512\nsasl-username = u\n",
			[]string{
				`f:1: [kafka:b] sasl-mechanism = "SCRAM-SHA-512": needs sasl-password-file. Set sasl-password-file in [kafka:b]`,
				`f:3: [kafka:b] key-file = "/k": needs cert-file. Set both, or remove both`,
				`f:7: [kafka] sasl-mechanism = "SCRAM-SHA-512": needs sasl-password-file. Set sasl-password-file in [kafka]`,
			},
			[]string{
				`f:4: [kafka:b] password = "x": unknown option; did you mean "sasl-password-file"?`,
				`f:5: [kafka:b] broker = "y": unknown option; did you mean "brokers"?`,
			},
		},
		{
			"metrics in the topic of tables", ForProcess, "[kafka]\ntopic = haproxystats.tables\n[forward]\nmode = tables\ncluster = eu\n[kafka:other]\nbrokers = far\n",
			[]string{
				`f:2: [kafka] topic = "haproxystats.tables": haproxystats-central reads or writes this topic itself, and would find metrics there that it can't use. Give metrics a topic of their own`,
			},
			nil,
		},
		{
			"metrics in the topic of snapshots", ForCentral, "[kafka]\n[kafka:x]\ntopic = raw\n[central]\nkafka = true\nsnapshots-topic = raw\n[kafka:y]\ntopic = dead\n",
			[]string{
				`f:3: [kafka:x] topic = "raw": haproxystats-central reads or writes this topic itself, and would find metrics there that it can't use. Give metrics a topic of their own`,
			},
			nil,
		},
		{
			"sections of Graphite", ForProcess, `[graphite]
queue-dir = /q
[graphite:a]
server = a
queue-dir = /q/
verify-url = http://a/render
cert-file = /c
[graphite:b]
server = b:2004
enabled = off
verify-url = http://b/render
[graphite:c]
server = c
tls = yes
cert-file = /c
[graphite:d]
server = d
group-namespace = g
`,
			[]string{
				`f:5: [graphite:a] queue-dir = "/q/": the queue of [graphite] has the same directory. Give each queue a directory of its own`,
				`f:15: [graphite:c] cert-file = "/c": needs key-file. Set both, or remove both`,
				`f:18: [graphite:d] group-namespace = "g": a namespace needs groups. Add a section [frontend-groups], [backend-groups] or [server-groups], or remove this option`,
				`f:18: [graphite:d] group-namespace = "g": needs group-namespace-double-writes. Set that to true to send the metrics of groups under their normal path, too, or to false`,
			},
			[]string{
				`f:7: [graphite:a] cert-file = "/c": no effect without tls = true: metrics are not encrypted. Set tls = true in [graphite:a], or remove this option`,
				`f:9: [graphite:b] server = "b:2004": port 2004 is carbon-cache's port for pickles by default. Use the port for the plaintext protocol: 2003 of carbon-cache, 2013 of carbon-relay, 2023 of carbon-aggregator`,
				`f:11: [graphite:b] verify-url = "http://b/render": no effect with enabled = false. Remove it, or set enabled = true`,
			},
		},
		{
			"names of sections of Graphite", ForProcess, "[graphite:a]\nserver = a\n[graphite:]\n[graphite: a]\n[graphite:x/y]\n",
			[]string{
				`f:3: [graphite:]: the section has no name. Write a name after graphite`,
				`f:4: [graphite: a]: the section is in f:1, too. Put all its options into one`,
				`f:5: [graphite:x/y]: the name can't be part of a path. Use letters, digits, '.', '_' and '-'`,
			},
			nil,
		},
		{
			"tags of Graphite", ForProcess, `[graphite]
tags = dc=ams, role
[graphite:a]
server = a
tags = 1a=x
[graphite:b]
server = b
tags = name=x
path-style = dots
[graphite:c]
server = c
tags = dc=
[graphite:d]
server = d
tags = dc=~x
[graphite:e]
server = e
tags = dc=a b
[graphite:f]
server = f
tags = dc=a, dc=b
[graphite:g]
server = g
tags = host=x
path-style = tagged
[graphite:h]
server = h
tags = dc=a"}
[kafka]
topic = t
tags = proxy=x
path-style = tagged
[kafka:j]
topic = j
format = json
tags = proxy=x
`,
			[]string{
				`f:2: [graphite] tags = "dc=ams, role": "role" is not a name and a value; allowed: name=value, separated by commas`,
				`f:5: [graphite:a] tags = "1a=x": "1a" is not the name of a tag: it has letters, digits and _ . - and begins with a letter or _; allowed: name=value, separated by commas`,
				`f:8: [graphite:b] tags = "name=x": the tag "name" is the path itself in Graphite; allowed: name=value, separated by commas`,
				`f:9: [graphite:b] path-style = "dots": not one of the words; allowed: dotted, tagged`,
				`f:12: [graphite:c] tags = "dc=": the value of "dc" is empty; allowed: name=value, separated by commas`,
				`f:15: [graphite:d] tags = "dc=~x": the value of "dc" begins with ~, which Graphite does not take; allowed: name=value, separated by commas`,
				`f:18: [graphite:e] tags = "dc=a b": the value of "dc" contains white space, a control character, a quote, a backslash or ;; allowed: name=value, separated by commas`,
				`f:21: [graphite:f] tags = "dc=a, dc=b": the tag "dc" stands there twice; allowed: name=value, separated by commas`,
				`f:24: [graphite:g] tags = "host=x": the tag "host" has another meaning with path-style = tagged. Give it another name`,
				`f:28: [graphite:h] tags = "dc=a\"}": the value of "dc" contains white space, a control character, a quote, a backslash or ;; allowed: name=value, separated by commas`,
				`f:31: [kafka] tags = "proxy=x": the tag "proxy" has another meaning with path-style = tagged. Give it another name`,
			},
			[]string{`f:36: [kafka:j] tags = "proxy=x": no effect with format = json. Remove this option, or set format = graphite`},
		},
		{
			"places of tagged paths in the centre", ForCentral, "[graphite]\npath-style = tagged\nnamespace = a.b\ncluster-namespace = a.b\n[graphite:b]\nserver = b\ncluster-namespace = c\n",
			[]string{
				`f:4: [graphite] cluster-namespace = "a.b": the names of clusters are those of nodes: what asks for a name would count clusters, too. Set it to another path than namespace`,
			},
			nil,
		},
		{
			"groups of one Graphite", ForProcess, "[graphite:a]\nserver = a\ngroup-namespace = g\n[frontend-groups]\nx = x\n",
			[]string{
				`f:3: [graphite:a] group-namespace = "g": needs group-namespace-double-writes. Set that to true to send the metrics of groups under their normal path, too, or to false`,
			},
			nil,
		},
		{
			"places of several Graphites in the centre", ForCentral, "[graphite]\nserver = a\n[graphite:b]\nserver = b\ncluster-namespace = x\nverify-url = http://b/render\n[graphite:c]\nserver = c\n",
			[]string{
				`f:5: [graphite:b] cluster-namespace = "x": with the name of a cluster it has 2 components, as the paths of nodes have: patterns for nodes would count clusters, too. Give it more components than namespace`,
			},
			[]string{`f:6: [graphite:b] verify-url = "http://b/render": no effect here: haproxystats-central does not ask which metrics have arrived. Remove it`},
		},
		{
			"groups with names of defaults", ForProcess, "[DEFAULT]\nmine = 1\n[graphite]\ngroup-namespace = g\ngroup-namespace-double-writes = no\n[frontend-groups]\ntimeout = ^t\nlog-format = ^l\nmine = ^m\nx = ${mine}\n",
			nil,
			[]string{
				`f:7: [frontend-groups] timeout = "^t": not used as a group, because [DEFAULT] has an option of this name. Give the group another name`,
				`f:9: [frontend-groups] mine = "^m": not used as a group, because [DEFAULT] has an option of this name. Give the group another name`,
			},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			file := write1(t, tt.text)
			loaded, err := Load(tt.program, Files{File: file, Required: true})
			problems, _ := err.(Problems)
			if diff := cmp.Diff(tt.want, said(file, problems)); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.warn, said(file, loaded.Warnings)); diff != "" {
				t.Errorf("warnings (-want +got):\n%s", diff)
			}
			for _, p := range slices.Concat(problems, loaded.Warnings) {
				if h := p.Hint; h != "" && (h[0] < 'A' || h[0] > 'Z' || strings.HasSuffix(h, ".")) {
					t.Errorf("got hint %q, want a sentence that begins with a capital letter, without its full stop", h)
				}
			}
		})
	}
}

func TestLongValuesAreCutInMessages(t *testing.T) {
	file := write1(t, "[pull]\nworkers = "+strings.Repeat("x", 10_000)+"\n")
	if _, err := Load(ForPull, Files{File: file}); len(message(err)) > 500 {
		t.Errorf("the message is %d bytes long", len(message(err)))
	}
}

// Files of nodes must have names of nodes.
func TestNodeFiles(t *testing.T) {
	for text, want := range map[string]string{
		"lb1\n# one/two\nlb2\n":         "",
		"lb1\neu/lb2\n":                 `"eu/lb2" is not the name of a node: no name has a slash or more than 255 bytes. Write one node a line`,
		strings.Repeat("n", 256) + "\n": `is not the name of a node: no name has a slash or more than 255 bytes. Write one node a line`,
		"# nothing\n":                   "the file has no names, so no node would be expected. Write one node a line, or remove the option to learn the nodes",
	} {
		dir := t.TempDir()
		nodes, file := filepath.Join(dir, "nodes"), filepath.Join(dir, "f.conf")
		for name, content := range map[string]string{nodes: text, file: "[cluster eu]\nnodes = " + nodes + "\n"} {
			if err := os.WriteFile(name, []byte(content), 0o640); err != nil {
				t.Fatal(err)
			}
		}
		_, err := Load(ForCentral, Files{File: file, Required: true})
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%.40q: got %v, want %q", text, err, want)
		}
	}
}

// Files that exclude names must be files of text.
func TestExclusionFiles(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"latin1": "caf\xe9\n", "empty": "", "comments": " # a\n#b\n\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]string{"latin1": "the file is not UTF-8 text. Save the file as UTF-8", "empty": "", "comments": ""} {
		file := write1(t, "[process]\nexclude-backends = "+filepath.Join(dir, name)+"\n")
		loaded, err := Load(ForProcess, Files{File: file})
		if !strings.HasSuffix(message(err), want) || (err == nil) != (want == "") {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
		if names := loaded.Config.Process.ExcludeBackends.Names; len(names) != 0 {
			t.Errorf("%s gives names %q", name, names)
		}
	}
}

// TestRelativePaths: a path is relative to the working directory, which is / for
// what a supervisor starts.
func TestRelativePaths(t *testing.T) {
	file := write1(t, "[pull]\nsocket-dir = run/haproxy\n")
	in := `f:2: [pull] socket-dir = "run/haproxy": a relative path `
	for dir, want := range map[string]struct{ warnings, relative []string }{
		t.TempDir(): {nil, []string{in + `depends on the directory that a program is started in, and systemd starts it in /. Write the absolute path`}},
		"/":         {[]string{in + `means /run/haproxy here, because the program was started in /. Write the absolute path`}, nil},
	} {
		t.Chdir(dir)
		loaded, err := Load(ForPull, Files{File: file})
		if got := said(file, loaded.Warnings); err != nil || !slices.Equal(got, want.warnings) {
			t.Errorf("in %s got the warnings %q, %v, want %q", dir, got, err, want.warnings)
		}
		if got := said(file, loaded.Relative); !slices.Equal(got, want.relative) {
			t.Errorf("in %s got the relative paths %q, want %q", dir, got, want.relative)
		}
	}
}

// TestManyUnknownNames: a file of another program is reported within a time limit,
// and not line by line.
func TestManyUnknownNames(t *testing.T) {
	var text strings.Builder
	text.WriteString("[graphite]\n")
	for i := range 100_000 {
		fmt.Fprintf(&text, "unknown-option-%d = ${unknown-option-0}\n", i+1)
	}
	for i := range 20_000 {
		fmt.Fprintf(&text, "[section %d]\nname = value\n", i)
	}
	loaded, err := Load(ForProcess, Files{File: write1(t, text.String())})
	if err != nil || len(loaded.Warnings) != maxUnknown+1 {
		t.Fatalf("got %d warnings, %v, want %d", len(loaded.Warnings), err, maxUnknown+1)
	}
	want := fmt.Sprintf("%d more names that nothing reads, this is the last one. Check that this is a file of haproxystats", 120_000-maxUnknown)
	if got := loaded.Warnings[maxUnknown].Error(); !strings.HasSuffix(got, ": "+want) {
		t.Errorf("got %q, want it to end in %q", got, want)
	}
}

// TestPublic leaves out what may be secret, and only that.
func TestPublic(t *testing.T) {
	file := write1(t, "[process]\nworkers = many\n[influx]\nurl = http://x/write?token=s3cret x\nheaders = s3cret\n[otlp:a]\nendpoint = http://x\nheaders = s3cret\n[events]\nwebhook = ftp://hooks.example.com/s3cret\n")
	_, err := Load(ForProcess, Files{File: file, Required: true})
	var problems Problems
	if !errors.As(err, &problems) || len(problems) < 5 {
		t.Fatalf("got %v, want five problems", err)
	}
	for _, p := range problems {
		got := p.Public()
		if strings.Contains(got, "s3cret") || !strings.Contains(got, fmt.Sprintf("%s:%d: [%s] %s", file, p.Pos.Line, p.Section, p.Option)) {
			t.Errorf("got %q, want the place and no secret", got)
		}
		if p.Option == "workers" && got != p.Error() {
			t.Errorf("got %q, want %q", got, p.Error())
		}
	}
}
