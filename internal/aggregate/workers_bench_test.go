package aggregate

import (
	"fmt"
	"strings"
	"testing"

	"haproxystats/internal/reply"
	"haproxystats/internal/snapshot"
)

// BenchmarkAccount aggregates 20,000 servers of one process without an account, with a
// base, and with a base and an old worker.
func BenchmarkAccount(b *testing.B) {
	const servers = 20_000
	var stat, base strings.Builder
	stat.WriteString("# pxname,svname,qcur,scur,smax,stot,bin,bout,econ,eresp,wretr,weight,act,bck,chkfail,chkdown,lastchg,lbtot,type,rate,hrsp_2xx,hrsp_5xx,req_tot,qtime,ctime,rtime,ttime,\n")
	base.WriteString("haproxystats base 1\ngeneration 1\ncolumns stot,bin,bout,lbtot,hrsp_2xx,req_tot\n")
	for i := range servers {
		fmt.Fprintf(&stat, "app,srv-%05d,0,1,9,%d,%d,%d,0,0,0,1,1,0,0,0,600,%d,2,3,%d,0,%d,0,1,2,3,\n", i, i, 5_000_000+i, 70_000_000+i, i, i, i)
		fmt.Fprintf(&base, "row 2 1 - \"app\" \"srv-%05d\" %d,%d,%d,%d,%d,%d\n", i, i, 5_000_000+i, 70_000_000+i, i, i, i)
	}
	text := []byte(base.String())
	text = fmt.Appendf(text, "end %08x\n", snapshot.Sum(0, text))
	old := snapshot.Instance{Pid: 1, Start: 900, Role: snapshot.Old}
	files := snapshot.Memory{
		"s_info": []byte(currentInfo), "s_stat": []byte(stat.String() + "\n"), "s_base": text,
		old.File("s", snapshot.InfoSuffix): []byte(oldInfo), old.File("s", snapshot.StatSuffix): []byte(stat.String() + "\n"),
	}
	current := snapshot.Instance{Pid: 2, Start: 1000, Role: snapshot.Current}
	for name, accounts := range map[string][]snapshot.Account{
		"none":           nil,
		"base":           {{Socket: "s", Generation: 1, Instances: []snapshot.Instance{current}}},
		"base and old":   {{Socket: "s", Generation: 1, Instances: []snapshot.Instance{current, old}}},
		"without a base": {{Socket: "s", Instances: []snapshot.Instance{current}}},
	} {
		b.Run(name, func(b *testing.B) {
			s := snapshot.Snapshot{Files: files, Round: &snapshot.Round{Accounts: accounts}}
			a := New(Options{})
			var r reply.Reader
			b.ReportAllocs()
			for b.Loop() {
				a.Reset()
				if _, err := r.ReadSnapshot(s, files, a); err != nil {
					b.Fatal(err)
				}
				a.Batch(0)
			}
		})
	}
}
