package aggregate

import (
	"testing"

	"haproxystats/internal/encode/tables"
	"haproxystats/internal/metric"
	"haproxystats/internal/reply"
	"haproxystats/internal/snapshot"
)

const (
	collectedInfo = "Name: HAProxy\nVersion: 3.0.0\nPid: %\nStart_time_sec: 1\nProcess_num: 1\n\n"
	collectedStat = "# pxname,svname,stot,type,\nwww,FRONTEND,1,0,\n\n"
)

// collectedFiles returns a snapshot of two processes, the second of which answers through
// two sockets.
func collectedFiles() snapshot.Memory {
	files := snapshot.Memory{}
	for socket, pid := range map[string]string{"a": "1", "b": "2", "c": "2"} {
		info := []byte(collectedInfo)
		for i := range info {
			if info[i] == '%' {
				info[i] = pid[0]
			}
		}
		files[socket+snapshot.InfoSuffix], files[socket+snapshot.StatSuffix] = info, []byte(collectedStat)
		files[socket+snapshot.TablesSuffix] = []byte("# table: st, type: ip, size:" + pid + "00, used:" + pid + "0\n# table: st, type: string, size:5, used:5\n")
		files[socket+snapshot.ResolversSuffix] = []byte("# id,pid,sent,valid,later,\nns.1,dns,1" + pid + ",,9,\n")
	}
	files["a"+snapshot.CertificatesSuffix] = []byte("Filename: /a.pem\nnotAfter: Jan  3 00:00:00 2027 GMT\nSubject: /CN=a\n\nFilename: /old.pem\nnotAfter: Dec 31 23:00:00 2026 GMT\nSubject: /CN=b\n\n")
	files["b"+snapshot.CertificatesSuffix] = []byte("Filename: /a.pem\nnotAfter: Jan  4 00:00:00 2027 GMT\nSubject: /CN=a\n\n")
	return files
}

// readInto passes a snapshot to an aggregator.
func readInto(t *testing.T, a *Aggregator, files snapshot.Memory) {
	t.Helper()
	var r reply.Reader
	if report, err := r.Read(files, a); err != nil || len(report.BadFiles) > 0 {
		t.Fatalf("got %v, bad files %v", err, report.BadFiles)
	}
}

// newYear is the beginning of 2027.
const newYear = 1798761600

// TestCollected: what processes have said beside their replies is combined, and that of a
// process with two sockets counts once; also in clusters.
func TestCollected(t *testing.T) {
	want := []wanted{
		{metric.StickTable, "ip", "st", "size", 200},
		{metric.StickTable, "ip", "st", "used", 30},
		{metric.StickTable, "string", "st", "used", 10},
		{metric.Resolver, "dns", "ns.1", "sent", 23},
		{metric.Resolver, "dns", "ns.1", "valid", -1},
		{metric.Resolver, "dns", "ns.1", "later", -1},
		{metric.Certificate, "/CN=a", "/a.pem", "days_left", 2},
	}
	s := snapshot.Snapshot{Epoch: newYear, Files: collectedFiles()}
	node := batch(t, Options{Processes: true}, s)
	check(t, node, want)
	if got, ok := value(node, metric.Certificate, "/CN=b", "/old.pem", "days_left"); !ok || got != -1 {
		t.Errorf("got %d days, %t, of a certificate that expired an hour ago, want -1", got, ok)
	}

	e, d := tables.NewEncoder(), tables.NewDecoder()
	defer d.Close()
	cluster := New(Options{})
	for range 2 {
		frame, err := e.Encode(nil, tables.Head{Node: "n", Shards: 1}, node)
		if err != nil {
			t.Fatal(err)
		}
		part, err := d.Decode(frame)
		if err != nil {
			t.Fatal(err)
		}
		for i := range part.Tables {
			cluster.AddTable("n", &part.Tables[i])
		}
	}
	check(t, cluster.Batch(newYear), []wanted{
		{metric.StickTable, "ip", "st", "size", 200},
		{metric.StickTable, "ip", "st", "used", 60},
		{metric.Resolver, "dns", "ns.1", "sent", 46},
		{metric.Certificate, "/CN=a", "/a.pem", "days_left", 2},
	})
}

// TestCollectedEnds: what is not told any more has no metrics, and is forgotten.
func TestCollectedEnds(t *testing.T) {
	a := New(Options{})
	for range 2 {
		a.Reset()
		readInto(t, a, collectedFiles())
		if n := len(a.Batch(newYear).Tables); n < 4 {
			t.Fatalf("got %d tables, want those of stick tables, resolvers and certificates, too", n)
		}
	}
	files := collectedFiles()
	for name := range files {
		if snapshot.IsCollected(name) {
			delete(files, name)
		}
	}
	a.Reset()
	readInto(t, a, files)
	for _, table := range a.Batch(newYear).Tables {
		switch table.Scope() {
		case metric.StickTable, metric.Resolver, metric.Certificate:
			t.Errorf("got a table of %v, want none", table.Scope())
		}
	}
}
