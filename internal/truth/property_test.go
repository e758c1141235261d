package truth

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"haproxystats/internal/haproxy"
)

// model is a HAProxy that knows what it has done, with an account of it.
type model struct {
	t    *rapid.T
	a    *Account
	now  int64
	pid  int
	live []*worker // the current one last
	// truth is what was done in all lives; lost is what no reply has told or will tell.
	truth, lost map[Key][3]int64
	reqs        int64 // truth of CumReq
	lostReqs    int64
	highest     map[string]int64
	proxiesOnly bool // workers are asked for the rows of frontends and backends only
}

// worker is one instance: what it shows, and what it has shown last.
type worker struct {
	pid         int
	start       int64
	rows        map[Key][3]int64 // sessions, bytes, connections of the module
	said        map[Key][3]int64
	told        map[Key]bool // the rows of its latest reply
	reqs, heard int64
	known       bool // it was heard
	conns       int64
	version     string
}

var (
	modelColumns = []string{"stot", "bin", "h1_total_connections"}
	modelRows    = []Key{
		{haproxy.FrontendRow, "web", "FRONTEND"},
		{haproxy.BackendRow, "web", "BACKEND"},
		{haproxy.ServerRow, "web", "a"},
		{haproxy.ServerRow, "web", "b,\"c\""},
		{haproxy.FrontendRow, "api", "FRONTEND"},
		{haproxy.ListenerRow, "web", "a"}, // has the names of a server
	}
)

func (m *model) begin() *worker {
	m.pid++
	w := &worker{
		pid: m.pid, start: m.now, rows: make(map[Key][3]int64), said: make(map[Key][3]int64),
		version: rapid.SampledFrom([]string{"2.6.12", "3.4.0"}).Draw(m.t, "version"),
	}
	if rapid.Bool().Draw(m.t, "pid of the last one") && len(m.live) == 0 {
		m.pid-- // as in a container
		w.pid = m.pid
	}
	for i, k := range modelRows {
		if i == 0 || rapid.IntRange(0, 3).Draw(m.t, "row") > 0 {
			w.rows[k] = [3]int64{}
		}
	}
	m.live = append(m.live, w)
	return w
}

// traffic gives a worker some work.
func (m *model) traffic(w *worker, most int64) {
	for _, k := range modelRows {
		v, there := w.rows[k]
		if !there {
			continue
		}
		n := rapid.Int64Range(0, most).Draw(m.t, "sessions")
		bytes := rapid.Int64Range(0, 1e6).Draw(m.t, "bytes")
		if n == 0 {
			bytes = 0
		}
		done := m.truth[k]
		for i, d := range [3]int64{n, bytes, n} {
			v[i] += d
			done[i] += d
		}
		w.rows[k], m.truth[k] = v, done
		w.conns += n
	}
	reqs := rapid.Int64Range(0, 1<<29).Draw(m.t, "requests")
	w.reqs += reqs
	m.reqs += reqs
}

// end ends a worker. What it has not said is lost.
func (m *model) end(w *worker) {
	for k, v := range w.rows {
		m.lose(k, v, w.said[k], 0, 1, 2)
	}
	m.lostReqs += w.reqs - w.heard
	for i, l := range m.live {
		if l == w {
			m.live = append(m.live[:i:i], m.live[i+1:]...)
			return
		}
	}
}

func (m *model) lose(k Key, now, said [3]int64, columns ...int) {
	l := m.lost[k]
	for _, i := range columns {
		l[i] += now[i] - said[i]
	}
	m.lost[k] = l
}

// clear clears the counters of a worker, and gives it a little work.
func (m *model) clear(w *worker, all bool) {
	if !w.known || m.proxiesOnly { // nobody can know what it had
		return
	}
	for k, v := range w.rows {
		said := w.said[k]
		cleared := []int{2}
		if all {
			cleared = []int{0, 1, 2}
		}
		m.lose(k, v, said, cleared...)
		for _, i := range cleared {
			v[i] = 0
		}
		// A counter that reaches its old value again before the next reply hides a clear.
		if most := min(said[0], said[2]); all && most > 1 {
			n := rapid.Int64Range(0, most-1).Draw(m.t, "sessions after the clear")
			done := m.truth[k]
			for i := range v {
				v[i] += n
				done[i] += n
			}
			m.truth[k] = done
		}
		w.rows[k] = v
	}
	m.round(false)
}

// remove removes a server, and may add one of that name at once.
func (m *model) remove(w *worker) {
	k := modelRows[2]
	v, there := w.rows[k]
	if _, said := w.said[k]; !there || !w.known || m.proxiesOnly && said {
		return // a row of its name could hide what it had
	}
	m.lose(k, v, w.said[k], 0, 1, 2)
	delete(w.rows, k)
	delete(w.said, k)
	m.round(false)
	if rapid.Bool().Draw(m.t, "added") {
		w.rows[k] = [3]int64{}
	}
}

// round hears all workers, or those that answer.
func (m *model) round(missing bool) {
	m.now += 10
	var words []Word
	for i, w := range m.live {
		if missing && rapid.Bool().Draw(m.t, "no answer") {
			continue
		}
		words = append(words, m.word(w, i == len(m.live)-1))
	}
	var gone []Instance
	for _, member := range m.a.Members {
		if !m.lives(member.Instance) {
			gone = append(gone, member.Instance)
		}
	}
	m.a.Step(words, gone, m.now)
	m.check(words)
}

func (m *model) lives(i Instance) bool {
	for _, w := range m.live {
		if w.pid == i.Pid && w.start == i.Start {
			return true
		}
	}
	return false
}

func (m *model) word(w *worker, current bool) Word {
	info, err := ReadInfo(strings.NewReader(fmt.Sprintf("Name: HAProxy\nVersion: %s\nPid: %d\nStart_time_sec: %d\nUptime_sec: %d\nCumReq: %d\nCumConns: %d\n\n",
		w.version, w.pid, w.start, m.now-w.start, uint32(w.reqs), max(w.conns, w.reqs)%(1<<31))), m.now)
	if err != nil {
		m.t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString("# pxname,svname,stot,bin,type,-,h1_total_connections,\n")
	w.told = make(map[Key]bool)
	for _, k := range modelRows {
		if v, there := w.rows[k]; there && (!m.proxiesOnly || k.Type.IsProxy()) {
			service := k.Service
			if strings.Contains(service, ",") {
				service = `"b,""c"""`
			}
			fmt.Fprintf(&b, "%s,%s,%d,%d,%d,-,%d,\n", k.Proxy, service, v[0], v[1], k.Type, v[2])
			w.said[k], w.told[k] = v, true
		}
	}
	w.known, w.heard = true, w.reqs
	stat, err := ReadStat(strings.NewReader(b.String()+"\n"), 0)
	if err != nil {
		m.t.Fatal(err)
	}
	return Word{Info: info, Stat: stat, Current: current, ProxiesOnly: m.proxiesOnly}
}

// check compares the totals with the truth.
func (m *model) check(words []Word) {
	for _, k := range modelRows {
		unsaid, known := [3]int64{}, false
		for _, w := range m.live {
			known = known || w.told[k]
			for i, v := range w.rows[k] {
				unsaid[i] += v - w.said[k][i]
			}
		}
		for i, column := range modelColumns {
			if i == 2 && (k.Type == haproxy.ServerRow || k.Type == haproxy.ListenerRow) {
				continue // they have no such column
			}
			got, there := m.a.Total(k, column)
			if there != known {
				m.t.Fatalf("%v %s: got a row: %t, want %t", k, column, there, known)
			}
			if !there {
				continue
			}
			if want := m.truth[k][i] - m.lost[k][i] - unsaid[i]; got != want {
				m.t.Fatalf("%v %s: got %d, want %d = %d done - %d lost - %d not yet said", k, column, got, want, m.truth[k][i], m.lost[k][i], unsaid[i])
			}
			m.monotone(fmt.Sprint(k, column), got)
		}
	}
	unsaid := int64(0)
	for _, w := range m.live {
		unsaid += w.reqs - w.heard
	}
	if got, ok := m.a.InfoTotal("CumReq"); ok {
		if want := m.reqs - m.lostReqs - unsaid; got != want {
			m.t.Fatalf("CumReq: got %d, want %d", got, want)
		}
		m.monotone("CumReq", got)
	}
}

func (m *model) monotone(name string, v int64) {
	if v < m.highest[name] {
		m.t.Fatalf("%s: got %d after %d: a total fell", name, v, m.highest[name])
	}
	m.highest[name] = v
}

// TestAccountAgainstModel lets workers come, work, be cleared and go.
func TestAccountAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &model{
			t: t, a: &Account{}, now: 1_700_000_000, pid: 100,
			truth: make(map[Key][3]int64), lost: make(map[Key][3]int64), highest: make(map[string]int64),
		}
		m.begin()
		m.round(false)
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			w := m.live[rapid.IntRange(0, len(m.live)-1).Draw(t, "worker")]
			switch rapid.IntRange(0, 10).Draw(t, "action") {
			case 0, 1, 2:
				m.traffic(w, 50)
			case 3:
				m.round(true)
			case 4: // reload
				if len(m.live) < 4 {
					m.now++
					m.begin()
				}
			case 5: // an old worker ends, with its final words or without
				if len(m.live) > 1 {
					if rapid.Bool().Draw(t, "final words") {
						m.round(false)
					}
					m.end(m.live[0])
				}
			case 6: // restart
				for len(m.live) > 0 {
					m.end(m.live[0])
				}
				m.now++
				m.begin()
			case 7:
				m.clear(w, rapid.Bool().Draw(t, "all"))
			case 8:
				m.remove(w)
			case 9: // the program starts again
				base, err := ParseBase(m.a.Base.Append(nil))
				if err != nil {
					t.Fatal(err)
				}
				m.a.Base = base
			case 10:
				m.proxiesOnly = !m.proxiesOnly
			}
			if rapid.IntRange(0, 9).Draw(t, "prune") == 0 {
				// Nothing is old, and rows that were not asked for are not old either.
				m.a.Prune(Limits{Keep: time.Hour, Times: 5})
			}
		}
		m.proxiesOnly = false
		m.round(false)
	})
}
