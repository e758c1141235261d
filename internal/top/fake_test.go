package top

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"haproxystats/internal/snapshot"
)

// said is what a fake process says: fields of `show info`, and rows of `show stat`.
type said struct {
	pid, start, up, requests int64
	rows                     []map[string]any
}

const statHeader = "pxname,svname,qcur,scur,slim,stot,bin,bout,ereq,econ,eresp,wretr,wredis,status,weight,act,bck,lastchg,type,check_status,hrsp_4xx,hrsp_5xx,req_tot,cli_abrt,srv_abrt,lbtot,rtime,ttime,mode,last_chk"

func (s said) info() []byte {
	return fmt.Appendf(nil, "Name: HAProxy\nVersion: 2.6.12-1\nProcess_num: 1\nPid: %d\nStart_time_sec: %d\nUptime_sec: %d\nMaxconn: 100\nCurrConns: 7\nCumReq: %d\nCumConns: %d\nIdle_pct: 90\n\n",
		s.pid, s.start, s.up, s.requests, s.requests)
}

func (s said) stat() []byte {
	var b strings.Builder
	b.WriteString("# " + statHeader + ",\n")
	for _, row := range s.rows {
		for _, field := range strings.Split(statHeader, ",") {
			if v, ok := row[field]; ok {
				fmt.Fprint(&b, v)
			}
			b.WriteByte(',')
		}
		b.WriteByte('\n')
	}
	b.WriteByte('\n')
	return []byte(b.String())
}

func frontend(name string, more ...any) map[string]any {
	return rowOf(0, name, "FRONTEND", append([]any{"status", "OPEN", "slim", 100}, more...))
}

func backend(name string, more ...any) map[string]any {
	return rowOf(1, name, "BACKEND", append([]any{"status", "UP", "lbtot", 1}, more...))
}

func server(backend, name string, more ...any) map[string]any {
	return rowOf(2, backend, name, append([]any{"status", "UP", "lbtot", 1, "act", 1, "weight", 1}, more...))
}

func rowOf(kind int, proxy, service string, more []any) map[string]any {
	row := map[string]any{"pxname": proxy, "svname": service, "type": kind, "mode": "http"}
	for i := 0; i < len(more); i += 2 {
		row[more[i].(string)] = more[i+1]
	}
	return row
}

// start is the time of the first round.
var start = time.Unix(1_800_000_000, 0)

// round returns the round of these processes at so many seconds after the first one.
func round(after float64, processes map[string]said) *Round {
	files := make(snapshot.Memory)
	for socket, s := range processes {
		files[socket+snapshot.InfoSuffix], files[socket+snapshot.StatSuffix] = s.info(), s.stat()
	}
	at := start.Add(time.Duration(after * float64(time.Second)))
	return &Round{At: at, Snapshot: snapshot.Snapshot{Epoch: at.Unix(), Files: files}}
}

// machine is a reader and a model.
type machine struct {
	*Model
	reader *Reader
	t      testing.TB
}

func newMachine(t testing.TB) *machine { return &machine{NewModel(), NewReader(), t} }

func (m *machine) take(r *Round) *Reading {
	m.t.Helper()
	n, err := m.reader.Read(r)
	if err != nil {
		m.t.Fatal(err)
	}
	m.Take(n)
	return n
}

// row returns a row that exists.
func (m *machine) row(k Kind, parent, name string) *Row {
	m.t.Helper()
	r := m.Find(k, parent, name)
	if r == nil {
		m.t.Fatalf("no %v %s/%s", k, parent, name)
	}
	return r
}

// want compares a value; NaN is equal to NaN.
func (m *machine) want(r *Row, metric Metric, want float64) {
	m.t.Helper()
	if got := r.Value(metric); got != want && (Known(got) || Known(want)) {
		m.t.Errorf("%v %s: %s: got %v, want %v", r.Kind, r.FullName(), metric.Describe().Key, got, want)
	}
}
