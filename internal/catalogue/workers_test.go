package catalogue

import "testing"

func TestOldWorkers(t *testing.T) {
	stat := map[string]OldWorkers{
		"stot": Total, "h1_total_connections": Total, "downtime": Total, "scur": Together, "qcur": Together, "used_conn_cur": Together,
		"h1_open_streams": Together, "rate": Together, "req_rate": Together, "conn_rate": Together, "smax": Highest, "rate_max": Highest,
		"qtime_max": Highest, "status": Apart, "weight": Apart, "act": Apart, "slim": Apart, "qtime": Apart, "lastchg": Apart,
		"throttle": Apart, "check_health": Apart, "check_code": Apart, "agg_server_status": Apart, "check_duration": Apart,
	}
	for name, want := range stat {
		f, ok := LookupStat(name)
		if got := f.OldWorkers(); !ok || got != want {
			t.Errorf("%s: got %v, %t, want %v", name, got, ok, want)
		}
	}
	info := map[string]OldWorkers{
		"CumReq": Total, "TotalBytesOut": Total, "CurrConns": Together, "CurrSslConns": Together, "Tasks": Together, "Run_queue": Together,
		"Jobs": Together, "PipesUsed": Together, "PoolUsed_bytes": Together, "ZlibMemUsage": Together, "ConnRate": Together,
		"CompressBpsIn": Together, "BytesOutRate": Together, "MaxConnRate": Highest, "MaxSslRate": Highest, "SslFrontendMaxKeyRate": Highest,
		"Idle_pct": Apart, "Uptime_sec": Apart, "Maxconn": Apart, "Maxsock": Apart, "Stopping": Apart, "Listeners": Apart,
		"SslFrontendSessionReuse_pct": Apart, "CompressBpsRateLim": Apart, "MaxZlibMemUsage": Apart,
	}
	for name, want := range info {
		f, ok := LookupInfo(name)
		if got := f.OldWorkers(); !ok || got != want {
			t.Errorf("%s: got %v, %t, want %v", name, got, ok, want)
		}
	}
}
