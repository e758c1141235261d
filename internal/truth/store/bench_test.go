package store

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"haproxystats/internal/truth"
)

const benchHeader = "# pxname,svname,qcur,qmax,scur,smax,slim,stot,bin,bout,dreq,dresp,ereq,econ,eresp,wretr,wredis,status,weight,act,bck,chkfail,chkdown,lastchg,downtime,qlimit,pid,iid,sid,throttle,lbtot,tracked,type,rate,rate_lim,rate_max,check_status,check_code,check_duration,hrsp_1xx,hrsp_2xx,hrsp_3xx,hrsp_4xx,hrsp_5xx,hrsp_other,hanafail,req_rate,req_rate_max,req_tot,cli_abrt,srv_abrt,\n"

func benchReply(b *testing.B, dir string, pid, n int) Reply {
	b.Helper()
	var stat strings.Builder
	stat.WriteString(benchHeader)
	for i := range n {
		fmt.Fprintf(&stat, "app,srv-%05d,0,0,1,9,,%d,%d,%d,0,0,,0,0,0,0,UP,1,1,0,0,1,600,5,,1,3,%d,,%d,,2,0,,9,L7OK,200,1,0,%d,0,0,0,0,0,,,%d,0,0,\n", i, 1000+i, 5_000_000+i, 70_000_000+i, i+1, 1000+i, 1000+i, 1000+i)
	}
	info, stats := filepath.Join(dir, fmt.Sprint(pid, "i")), filepath.Join(dir, fmt.Sprint(pid, "s"))
	text := fmt.Sprintf("Name: HAProxy\nVersion: 2.6.12\nPid: %d\nStart_time_sec: %d\nUptime_sec: 100\nCumReq: 5\n\n", pid, 1000+pid)
	for path, text := range map[string]string{info: text, stats: stat.String() + "\n"} {
		if err := os.WriteFile(path, []byte(text), 0o640); err != nil {
			b.Fatal(err)
		}
	}
	return Reply{Info: fileSource{path: info}, Stat: fileSource{path: stats}, Current: true}
}

// BenchmarkRound is a round of one process with 20,000 servers without a reload, and
// BenchmarkReload one in which its worker ends.
func BenchmarkRound(b *testing.B)  { benchmark(b, false) }
func BenchmarkReload(b *testing.B) { benchmark(b, true) }

func benchmark(b *testing.B, reload bool) {
	const servers = 20_000
	dir := b.TempDir()
	s, err := Open(Options{Dir: filepath.Join(dir, "truth"), Node: "lb1"})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	s.sync = func(*os.File) error { return nil }
	k := s.Socket(address)
	pid := 1
	reply := benchReply(b, dir, pid, servers)
	if _, err := k.Round(2000, []Reply{reply}, nil, nil); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		var ended []truth.Instance
		if reload {
			b.StopTimer()
			ended = []truth.Instance{{Pid: pid, Start: int64(1000 + pid)}}
			pid++
			reply = benchReply(b, dir, pid, servers)
			b.StartTimer()
		}
		if _, err := k.Round(2010, []Reply{reply}, ended, nil); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/servers, "ns/row")
}
