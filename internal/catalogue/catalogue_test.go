package catalogue

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"
)

// The classic metrics: what haproxystats has always sent. See [Field.Classic].
const (
	classicEverywhere = "bin bout dresp hrsp_1xx hrsp_2xx hrsp_3xx hrsp_4xx hrsp_5xx hrsp_other rate rate_max scur slim smax stot "

	classicFrontendSum = classicEverywhere + "comp_byp comp_in comp_out comp_rsp conn_rate conn_rate_max conn_tot dcon dses dreq " +
		"ereq intercepted rate_lim req_rate req_rate_max req_tot"

	classicBackendSum = classicEverywhere + "chkdown cli_abrt comp_byp comp_in comp_out comp_rsp downtime dreq econ eresp " +
		"intercepted lbtot qcur qmax req_tot srv_abrt wredis wretr"
	classicBackendMean = "act bck weight"

	classicServerSum  = classicEverywhere + "chkfail chkdown cli_abrt econ eresp lbtot qcur qmax srv_abrt wredis wretr"
	classicServerMean = "throttle weight"

	classicMeanOfActive = "ctime qtime rtime ttime"

	classicDaemonSum = "CompressBpsIn CompressBpsOut CompressBpsRateLim ConnRate ConnRateLimit CumConns CumReq CumSslConns " +
		"CurrConns CurrSslConns Hard_maxconn MaxConnRate MaxSessRate MaxSslConns MaxSslRate MaxZlibMemUsage Maxconn Maxpipes " +
		"Maxsock Memmax_MB PipesFree PipesUsed Run_queue SessRate SessRateLimit SslBackendKeyRate SslBackendMaxKeyRate " +
		"SslCacheLookups SslCacheMisses SslFrontendKeyRate SslFrontendMaxKeyRate SslFrontendSessionReuse_pct SslRate " +
		"SslRateLimit Tasks Ulimit-n ZlibMemUsage"
	classicDaemonMean = "Idle_pct Uptime_sec"
)

func TestClassicFields(t *testing.T) {
	tests := []struct {
		name                    string
		fields                  []Field
		scope                   Scopes
		sum, mean, meanOfActive string
	}{
		{"daemon", InfoFields(), Daemon, classicDaemonSum, classicDaemonMean, ""},
		{"frontend", StatFields(), Frontend, classicFrontendSum, "", ""},
		{"backend", StatFields(), Backend, classicBackendSum, classicBackendMean, classicMeanOfActive},
		{"server", StatFields(), Server, classicServerSum, classicServerMean, classicMeanOfActive},
		{"listener", StatFields(), Listener, "", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			want := make(map[string]Combine)
			for list, c := range map[string]Combine{tt.sum: Sum, tt.mean: Mean, tt.meanOfActive: MeanOfActive} {
				for name := range strings.FieldsSeq(list) {
					want[name] = c
				}
			}
			for _, f := range tt.fields {
				if f.Classic&tt.scope == 0 {
					continue
				}
				switch c, ok := want[f.Name]; {
				case !ok:
					t.Errorf("%s is not classic here", f.Name)
				case c != f.Rule(true):
					t.Errorf("%s: combine %d, want %d", f.Name, f.Combine, c)
				}
				delete(want, f.Name)
			}
			for name := range want {
				t.Errorf("%s should be classic here", name)
			}
		})
	}
}

// exceptions are the fields whose tags tell less than HAProxy's documentation.
var exceptions = map[string]struct {
	nature  Nature
	combine Combine
	why     string
}{
	"hanafail":               {Counter, Sum, "not in the typed recordings: seen in 1.6 only"},
	"src_ilim":               {Limit, Sum, "not in the typed recordings: no server of theirs has pool-max-conn"},
	"downtime":               {Counter, Sum, "32 bits of seconds last for 136 years"},
	"type":                   {Key, Never, "tells what the row is"},
	"Pid":                    {Key, Never, "tells which process it is"},
	"srid":                   {Key, Never, "part of a server's identity, tagged as a counter"},
	"MaxSessRate":            {Maximum, Sum, "tagged as a rate, unlike MaxConnRate and MaxSslRate"},
	"MaxSslConns":            {Limit, Sum, "tagged as a maximum, but configured"},
	"SslFrontendKeyRate":     {Rate, Sum, "tagged as a gauge, unlike SslBackendKeyRate"},
	"BlockedTrafficWarnings": {Counter32, Sum, "tagged as a gauge, but only grows"},
	"CumStreams":             {Counter, Sum, "tagged as a gauge, but only grows"},
	"DebugCommandsIssued":    {Counter32, Sum, "tagged as a gauge, but only grows"},
	"DroppedLogs":            {Counter32, Sum, "tagged as a gauge, but only grows"},
	"FailedResolutions":      {Counter32, Sum, "tagged as a gauge, but only grows"},
	"PatternsAdded":          {Counter, Sum, "tagged as a gauge, but only grows"},
	"PatternsFreed":          {Counter, Sum, "tagged as a gauge, but only grows"},
	"TotalBytesOut":          {Counter, Sum, "tagged as a gauge, but only grows"},
	"TotalSplicdedBytesOut":  {Counter, Sum, "tagged as a gauge, but only grows"},
	"TotalSplicedBytesOut":   {Counter, Sum, "tagged as a gauge, but only grows"},
}

// natureOf goes by the second letter of the tags. Where rows differ, a gauge
// is the less precise word.
func (s *seen) natureOf() Nature {
	natures := map[byte]Nature{
		'G': Gauge, 'C': Counter, 'L': Limit, 'M': Maximum, 'm': Minimum, 'R': Rate,
		'A': Age, 'a': Average, 'D': Duration, 'O': State, 'N': Text,
	}
	nature := Gauge
	for _, tag := range s.tags {
		switch {
		case tag[0] == 'K':
			return Key
		case s.text:
			return Text
		case natures[tag[1]] != Gauge:
			nature = natures[tag[1]]
		}
	}
	if nature == Counter && s.u32 {
		return Counter32
	}
	return nature
}

// combineOf is the rule for what is not classic.
func (s *seen) combineOf(nature Nature, unit string) Combine {
	tag := s.tags[0]
	switch {
	case nature == Key, nature == Text, tag[0] == 'P':
		return Never
	case s.negative:
		return MeanOfKnown
	case nature == State:
		return Largest // a code that a process has sent
	case tag[0] == 'S', tag[2] == 'S', nature == Age, nature == Average, nature == Duration:
		return Mean
	case nature == Maximum && strings.HasSuffix(unit, "seconds"):
		return Largest
	}
	return Sum
}

// quic returns what is known of the columns that only builds with QUIC have: no
// such build is among the typed recordings. By HAProxy's source all are counters
// of frontends and backends but for one.
func quic(t *testing.T) map[string]Nature {
	t.Helper()
	natures := make(map[string]Nature)
	for _, r := range recordedFields(t) {
		module, _, _ := strings.Cut(r.name, "_")
		if r.build == "quic" && slices.Contains([]string{"h3", "pack", "qpack", "quic"}, module) {
			natures[r.name] = Counter
		}
	}
	if len(natures) != 68 {
		t.Fatalf("got %d columns of QUIC builds, want 68", len(natures))
	}
	natures["quic_half_open_conn"] = Gauge
	return natures
}

func TestCatalogueFollowsTags(t *testing.T) {
	used := make(map[string]bool)
	unrecorded := quic(t)
	for kind, fields := range map[string][]Field{"info": InfoFields(), "stat": StatFields()} {
		recorded := typedRecordings(t, kind)
		for _, f := range fields {
			s, ok := recorded[f.Name]
			e, excepted := exceptions[f.Name]
			if nature, isQUIC := unrecorded[f.Name]; isQUIC && !ok {
				e.nature, e.combine, excepted = nature, Sum, true
			}
			if !ok && !excepted {
				t.Errorf("%s is in no typed recording", f.Name)
				continue
			}
			nature, combine := e.nature, e.combine
			if ok {
				n := s.natureOf()
				c := s.combineOf(n, f.Unit)
				if excepted && n == nature && c == combine {
					t.Errorf("%s needs no exception", f.Name)
				}
				if !excepted {
					nature, combine = n, c
				}
			}
			used[f.Name] = true
			if f.Nature != nature {
				t.Errorf("%s: nature %d, want %d by its tags %v", f.Name, f.Nature, nature, s)
			}
			if f.Classic == 0 && f.Combine != combine {
				t.Errorf("%s: combine %d, want %d by its tags %v", f.Name, f.Combine, combine, s)
			}
		}
		for name := range recorded {
			if _, ok := lookupKind(kind, name); !ok && name != "(null)" {
				t.Errorf("%s of show %s is not in the catalogue", name, kind)
			}
		}
	}
	for name, e := range exceptions {
		if !used[name] || e.why == "" {
			t.Errorf("exception %s is of no use or has no reason", name)
		}
	}
}

// TestIn holds where a field is filled: in a typed recording, in a CSV one, or by
// being classic.
func TestIn(t *testing.T) {
	for _, f := range InfoFields() {
		if f.In != Daemon || f.Classic&^Daemon != 0 {
			t.Errorf("%s: in %b, classic %b, want the daemon", f.Name, f.In, f.Classic)
		}
	}
	filled := csvRecordings(t)
	for name, s := range typedRecordings(t, "stat") {
		filled[name] |= s.in
	}
	filled["src_ilim"] |= Server // no server of the recordings has pool-max-conn
	for name := range quic(t) {
		filled[name] |= Frontend | Backend
	}
	for _, f := range StatFields() {
		if want := filled[f.Name] | f.Classic; f.In != want {
			t.Errorf("%s: in %05b, want %05b", f.Name, f.In, want)
		}
	}
}

// TestCatalogueIsComplete compares with the list of all fields of all recorded
// versions: every field is known, none is invented, and the first version lies
// after the last recording without the field and not after the first with it.
func TestCatalogueIsComplete(t *testing.T) {
	first := map[string]map[string]string{"info": {}, "stat": {}}
	var versions []string
	for _, r := range recordedFields(t) {
		versions = append(versions, r.version)
		if _, ok := lookupKind(r.kind, r.name); !ok {
			t.Errorf("%s of show %s (%s) is not in the catalogue", r.name, r.kind, r.version)
		}
		if v, ok := first[r.kind][r.name]; !ok || compareVersions(r.version, v) < 0 {
			first[r.kind][r.name] = r.version
		}
	}
	slices.SortFunc(versions, compareVersions)
	versions = slices.Compact(versions)
	if len(versions) < 11 {
		t.Fatalf("only the versions %v", versions)
	}
	for kind, fields := range map[string][]Field{"info": InfoFields(), "stat": StatFields()} {
		for _, f := range fields {
			v, ok := first[kind][f.Name]
			if !ok {
				t.Errorf("%s is in no version", f.Name)
				continue
			}
			earliest := v // nothing older is recorded
			if i := slices.Index(versions, v); i > 0 {
				earliest = versions[i-1]
			}
			if compareVersions(f.Since, v) > 0 || (earliest != v && compareVersions(f.Since, earliest) <= 0) ||
				(earliest == v && compareVersions(f.Since, v) != 0) {
				t.Errorf("%s: since %s, first recorded in %s, not in %s", f.Name, f.Since, v, earliest)
			}
		}
	}
}

func TestCatalogueWording(t *testing.T) {
	units := strings.Split("|allocations|bytes|bytes per second|checks|commands|connections|connections per second|"+
		"datagrams|descriptors|errors|frames|groups|handshakes|jobs|keys per second|listeners|lookups|megabytes|messages|milliseconds|"+
		"packets|patterns|peers|percent|pipes|processes|requests|requests per second|resolutions|responses|retries|rewrites|seconds|"+
		"servers|sessions|sessions per second|streams|tasks|threads|transfers|transitions|warnings", "|")
	used := make(map[string]bool)
	for _, fields := range [][]Field{InfoFields(), StatFields()} {
		names := make(map[string]bool)
		for _, f := range fields {
			if names[f.Name] {
				t.Errorf("%s is there twice", f.Name)
			}
			names[f.Name] = true
			used[f.Unit] = true
			if !slices.Contains(units, f.Unit) {
				t.Errorf("%s: unit %q is not one of %q", f.Name, f.Unit, units)
			}
			if f.Unit != "" && (f.Nature == Key || f.Nature == Text) && f.Combine == Never {
				t.Errorf("%s has a unit but is no number", f.Name)
			}
			if f.Nature == Rate && !strings.HasSuffix(f.Unit, " per second") {
				t.Errorf("%s is a rate in %q", f.Name, f.Unit)
			}
			r := []rune(f.Help)
			if len(r) < 10 || !(unicode.IsUpper(r[0]) || unicode.IsDigit(r[0])) || r[len(r)-1] == '.' ||
				strings.Contains(f.Help, ". ") || strings.ContainsFunc(f.Help, unicode.IsControl) {
				t.Errorf("%s: help is not one sentence without a full stop: %q", f.Name, f.Help)
			}
		}
	}
	for _, u := range units {
		if !used[u] {
			t.Errorf("unit %q is of no use", u)
		}
	}
}

// TestPercentagesAreNotAdded: what is said of a whole is not said of the sum of
// two wholes. In the classic metric set it stays as it was.
func TestPercentagesAreNotAdded(t *testing.T) {
	for _, f := range slices.Concat(InfoFields(), StatFields()) {
		if f.Unit == "percent" && f.Rule(false) == Sum {
			t.Errorf("%s is in percent and added", f.Name)
		}
		if f.Classic == 0 && f.Combine == MeanUnlessClassic {
			t.Errorf("%s is not classic, so that its rule can't differ there", f.Name)
		}
	}
	reuse, _ := LookupInfo("SslFrontendSessionReuse_pct")
	if got := reuse.Rule(true); got != Sum {
		t.Errorf("SslFrontendSessionReuse_pct in classic: rule %d, want %d", got, Sum)
	}
}

func TestScale(t *testing.T) {
	// What HAProxy's own Prometheus exporter multiplies them with.
	want := map[string]float64{
		"agent_duration": 0.001, "check_duration": 0.001, "ctime": 0.001, "ctime_max": 0.001, "qtime": 0.001,
		"qtime_max": 0.001, "rtime": 0.001, "rtime_max": 0.001, "ttime": 0.001, "ttime_max": 0.001,
		"Memmax_MB": 1 << 20, "PoolAlloc_MB": 1 << 20, "PoolUsed_MB": 1 << 20, "BootTime_ms": 0.001,
	}
	for _, f := range slices.Concat(InfoFields(), StatFields()) {
		scale, ok := want[f.Name]
		if !ok {
			scale = 1
		}
		if got := f.Scale(); got != scale {
			t.Errorf("scale of %s in %s = %v, want %v", f.Name, f.Unit, got, scale)
		}
	}
}

func TestLookup(t *testing.T) {
	for kind, fields := range map[string][]Field{"info": InfoFields(), "stat": StatFields()} {
		for _, want := range fields {
			if got, ok := lookupKind(kind, want.Name); !ok || got != want {
				t.Errorf("lookup %s: %v, %v", want.Name, got, ok)
			}
		}
		for _, name := range []string{"", "-", "(null)", "SCUR", "maxconn"} {
			if f, ok := lookupKind(kind, name); ok || f != (Field{}) {
				t.Errorf("lookup %q: %v, %v", name, f, ok)
			}
		}
	}
	if _, ok := LookupInfo("scur"); ok {
		t.Error("scur is no field of show info")
	}
	if _, ok := LookupStat("Maxconn"); ok {
		t.Error("Maxconn is no field of show stat")
	}
}

func TestIsMetric(t *testing.T) {
	tests := []struct {
		name         string
		scope        Scopes
		all, classic bool
	}{
		{"scur", Frontend, true, true},
		{"scur", Listener, true, false},
		{"act", Server, true, false},
		{"act", Frontend, false, false},
		{"rate_lim", Server, false, false},
		{"status", Server, false, false},
		{"sid", Server, false, false},
		{"Maxconn", Daemon, true, true},
		{"Nbthread", Daemon, true, false},
		{"Pid", Daemon, false, false},
		{"brand_new", Server, true, false},
		{"BrandNew", Daemon, true, false},
		{"", Server, false, false},
		{"-", Backend, false, false},
	}
	for _, tt := range tests {
		if got := IsMetric(tt.name, tt.scope, false); got != tt.all {
			t.Errorf("IsMetric(%q, %05b, all) = %v, want %v", tt.name, tt.scope, got, tt.all)
		}
		if got := IsMetric(tt.name, tt.scope, true); got != tt.classic {
			t.Errorf("IsMetric(%q, %05b, classic) = %v, want %v", tt.name, tt.scope, got, tt.classic)
		}
	}
}

func lookupKind(kind, name string) (Field, bool) {
	if kind == "info" {
		return LookupInfo(name)
	}
	return LookupStat(name)
}

// compareVersions compares by major and minor number.
func compareVersions(a, b string) int {
	number := func(v string, i int) int {
		n, _ := strconv.Atoi(strings.Split(v, ".")[i])
		return n
	}
	return cmp.Or(cmp.Compare(number(a, 0), number(b, 0)), cmp.Compare(number(a, 1), number(b, 1)))
}
