package catalogue

import (
	"slices"
	"strings"
)

// Series describes one series, or the series of one label, that the Prometheus exporter
// built into HAProxy makes of a field.
type Series struct {
	// In is the scope of the rows that have the series.
	In Scopes
	// Field is the field that the series is made of.
	Field string
	// Name is the name of the series. Fields that share it are told apart by a label, or
	// else are one number; see [Series.IsOlder].
	Name string
	// Type is Counter or Gauge, as the exporter has it. A few are wrong, and stay so:
	// dashboards and alerts rely on them.
	Type Nature
	// Scale is the factor from the field's values to those of the series.
	Scale float64
	// Since is the first version of HAProxy that is known to have the series.
	Since string
	// Label and Value are a label beyond those of the row, such as "code" and "2xx". The
	// label "state" has no value here: there is a series for each state of a text. The
	// labels "node", "desc" and "version" have a text as their value.
	Label, Value string
}

// IsState reports whether there is a series for each state of the field.
func (s Series) IsState() bool { return s.Label == "state" && s.Value == "" }

// AllSeries returns the series in the order of the exporter, but for those of modules. The
// caller must not change them.
func AllSeries() []Series { return series }

// LookupSeries finds the series that is made of a field, for a row of one scope.
func LookupSeries(scope Scopes, field string) (Series, bool) {
	if i, ok := seriesIndex[seriesKey{scope, field}]; ok {
		return series[i], true
	}
	switch scope {
	case StickTable, Resolver:
		if !slices.Contains(CollectedFields(scope), field) {
			return Series{}, false
		}
		s := Series{In: scope, Field: field, Name: "haproxy_sticktable_" + field, Type: Gauge, Scale: 1, Since: "2.4"}
		if scope == Resolver { // all of them count, and the exporter calls them gauges
			s.Name, s.Since = "haproxy_resolver_"+field, "3.0"
		}
		return s, true
	case ServerProcesses:
		return Series{scope, field, "haproxystats_server_processes", Gauge, 1, "", "state", field}, true
	}
	return moduleSeries(scope, field)
}

// IsOlder reports whether the field is the older spelling of another one, which the series
// is made of where HAProxy shows both.
func (s Series) IsOlder() bool {
	return s.In == Daemon && (s.Field == "TotalSplicdedBytesOut" || strings.HasSuffix(s.Field, "_MB"))
}

// CollectedFields returns the fields of a scope that HAProxy tells by another command than
// `show info` and `show stat`; nil for the other scopes. The caller must not change them.
func CollectedFields(scope Scopes) []string {
	switch scope {
	case StickTable:
		return stickTableFields
	case Resolver:
		return resolverFields
	}
	return nil
}

var (
	stickTableFields = []string{"size", "used"}
	resolverFields   = []string{
		"sent", "send_error", "valid", "update", "cname", "cname_error", "any_err", "nx", "timeout", "refused", "other", "invalid",
		"too_big", "truncated", "outdated",
	}
)

// moduleSeries returns the series of a field that one of HAProxy's modules has. The
// exporter takes all of them for counters.
func moduleSeries(scope Scopes, field string) (Series, bool) {
	prefix, _, _ := strings.Cut(field, "_")
	module, ok := modules[prefix]
	name, there := scopeNames[scope]
	f, known := LookupStat(field)
	if !ok || !there || known && f.In&scope == 0 {
		return Series{}, false
	}
	return Series{scope, field, "haproxy_" + name + "_" + field, Counter, 1, "3.0", "mod", module}, true
}

// modules has the module of a field by what the field's name begins with.
var modules = map[string]string{"ssl": "ssl", "h1": "h1", "h2": "h2", "h3": "h3", "pack": "h3", "qpack": "h3", "quic": "quic"}

var scopeNames = map[Scopes]string{Frontend: "frontend", Listener: "listener", Backend: "backend", Server: "server"}

type seriesKey struct {
	in    Scopes
	field string
}

var seriesIndex = func() map[seriesKey]int {
	m := make(map[seriesKey]int, len(series))
	for i, s := range series {
		m[seriesKey{s.In, s.Field}] = i
	}
	return m
}()

// series has the columns of [Series]: scope, field, name, type, scale, first version, label,
// value.
var series = []Series{
	// The process, from `show info`.
	{Daemon, "Nbthread", "haproxy_process_nbthread", Gauge, 1, "2.0", "", ""},
	{Daemon, "Nbproc", "haproxy_process_nbproc", Gauge, 1, "2.0", "", ""},
	{Daemon, "Process_num", "haproxy_process_relative_process_id", Gauge, 1, "2.0", "", ""},
	{Daemon, "Uptime_sec", "haproxy_process_uptime_seconds", Gauge, 1, "2.4", "", ""},
	{Daemon, "Start_time_sec", "haproxy_process_start_time_seconds", Gauge, 1, "2.0", "", ""},
	{Daemon, "Memmax_bytes", "haproxy_process_max_memory_bytes", Gauge, 1, "2.0", "", ""},
	{Daemon, "Memmax_MB", "haproxy_process_max_memory_bytes", Gauge, 1 << 20, "2.0", "", ""},
	{Daemon, "PoolAlloc_bytes", "haproxy_process_pool_allocated_bytes", Gauge, 1, "2.0", "", ""},
	{Daemon, "PoolAlloc_MB", "haproxy_process_pool_allocated_bytes", Gauge, 1 << 20, "2.0", "", ""},
	{Daemon, "PoolUsed_bytes", "haproxy_process_pool_used_bytes", Gauge, 1, "2.0", "", ""},
	{Daemon, "PoolUsed_MB", "haproxy_process_pool_used_bytes", Gauge, 1 << 20, "2.0", "", ""},
	{Daemon, "PoolFailed", "haproxy_process_pool_failures_total", Counter, 1, "2.0", "", ""},
	{Daemon, "Ulimit-n", "haproxy_process_max_fds", Gauge, 1, "2.0", "", ""},
	{Daemon, "Maxsock", "haproxy_process_max_sockets", Gauge, 1, "2.0", "", ""},
	{Daemon, "Maxconn", "haproxy_process_max_connections", Gauge, 1, "2.0", "", ""},
	{Daemon, "Hard_maxconn", "haproxy_process_hard_max_connections", Gauge, 1, "2.0", "", ""},
	{Daemon, "CurrConns", "haproxy_process_current_connections", Gauge, 1, "2.0", "", ""},
	{Daemon, "CumConns", "haproxy_process_connections_total", Counter, 1, "2.0", "", ""},
	{Daemon, "CumReq", "haproxy_process_requests_total", Counter, 1, "2.0", "", ""},
	{Daemon, "MaxSslConns", "haproxy_process_max_ssl_connections", Gauge, 1, "2.0", "", ""},
	{Daemon, "CurrSslConns", "haproxy_process_current_ssl_connections", Gauge, 1, "2.0", "", ""},
	{Daemon, "CumSslConns", "haproxy_process_ssl_connections_total", Counter, 1, "2.0", "", ""},
	{Daemon, "Maxpipes", "haproxy_process_max_pipes", Gauge, 1, "2.0", "", ""},
	{Daemon, "PipesUsed", "haproxy_process_pipes_used_total", Counter, 1, "2.0", "", ""},
	{Daemon, "PipesFree", "haproxy_process_pipes_free_total", Counter, 1, "2.0", "", ""},
	{Daemon, "ConnRate", "haproxy_process_current_connection_rate", Gauge, 1, "2.0", "", ""},
	{Daemon, "ConnRateLimit", "haproxy_process_limit_connection_rate", Gauge, 1, "2.0", "", ""},
	{Daemon, "MaxConnRate", "haproxy_process_max_connection_rate", Gauge, 1, "2.0", "", ""},
	{Daemon, "SessRate", "haproxy_process_current_session_rate", Gauge, 1, "2.0", "", ""},
	{Daemon, "SessRateLimit", "haproxy_process_limit_session_rate", Gauge, 1, "2.0", "", ""},
	{Daemon, "MaxSessRate", "haproxy_process_max_session_rate", Gauge, 1, "2.0", "", ""},
	{Daemon, "SslRate", "haproxy_process_current_ssl_rate", Gauge, 1, "2.0", "", ""},
	{Daemon, "SslRateLimit", "haproxy_process_limit_ssl_rate", Gauge, 1, "2.0", "", ""},
	{Daemon, "MaxSslRate", "haproxy_process_max_ssl_rate", Gauge, 1, "2.0", "", ""},
	{Daemon, "SslFrontendKeyRate", "haproxy_process_current_frontend_ssl_key_rate", Gauge, 1, "2.0", "", ""},
	{Daemon, "SslFrontendMaxKeyRate", "haproxy_process_max_frontend_ssl_key_rate", Gauge, 1, "2.0", "", ""},
	{Daemon, "SslFrontendSessionReuse_pct", "haproxy_process_frontend_ssl_reuse", Gauge, 1, "2.0", "", ""},
	{Daemon, "SslBackendKeyRate", "haproxy_process_current_backend_ssl_key_rate", Gauge, 1, "2.0", "", ""},
	{Daemon, "SslBackendMaxKeyRate", "haproxy_process_max_backend_ssl_key_rate", Gauge, 1, "2.0", "", ""},
	{Daemon, "SslCacheLookups", "haproxy_process_ssl_cache_lookups_total", Counter, 1, "2.0", "", ""},
	{Daemon, "SslCacheMisses", "haproxy_process_ssl_cache_misses_total", Counter, 1, "2.0", "", ""},
	{Daemon, "CompressBpsIn", "haproxy_process_http_comp_bytes_in_total", Counter, 1, "2.0", "", ""},
	{Daemon, "CompressBpsOut", "haproxy_process_http_comp_bytes_out_total", Counter, 1, "2.0", "", ""},
	{Daemon, "CompressBpsRateLim", "haproxy_process_limit_http_comp", Gauge, 1, "2.0", "", ""},
	{Daemon, "ZlibMemUsage", "haproxy_process_current_zlib_memory", Gauge, 1, "2.0", "", ""},
	{Daemon, "MaxZlibMemUsage", "haproxy_process_max_zlib_memory", Gauge, 1, "2.0", "", ""},
	{Daemon, "Tasks", "haproxy_process_current_tasks", Gauge, 1, "2.0", "", ""},
	{Daemon, "Run_queue", "haproxy_process_current_run_queue", Gauge, 1, "2.0", "", ""},
	{Daemon, "Idle_pct", "haproxy_process_idle_time_percent", Gauge, 1, "2.0", "", ""},
	{Daemon, "node", "haproxy_process_node", Gauge, 1, "3.1", "node", ""},
	{Daemon, "description", "haproxy_process_description", Gauge, 1, "3.1", "desc", ""},
	{Daemon, "Stopping", "haproxy_process_stopping", Gauge, 1, "2.0", "", ""},
	{Daemon, "Jobs", "haproxy_process_jobs", Gauge, 1, "2.0", "", ""},
	{Daemon, "Unstoppable Jobs", "haproxy_process_unstoppable_jobs", Gauge, 1, "2.0", "", ""},
	{Daemon, "Listeners", "haproxy_process_listeners", Gauge, 1, "2.0", "", ""},
	{Daemon, "ActivePeers", "haproxy_process_active_peers", Gauge, 1, "2.0", "", ""},
	{Daemon, "ConnectedPeers", "haproxy_process_connected_peers", Gauge, 1, "2.0", "", ""},
	{Daemon, "DroppedLogs", "haproxy_process_dropped_logs_total", Counter, 1, "2.0", "", ""},
	{Daemon, "BusyPolling", "haproxy_process_busy_polling_enabled", Gauge, 1, "2.0", "", ""},
	{Daemon, "FailedResolutions", "haproxy_process_failed_resolutions", Counter, 1, "2.4", "", ""},
	{Daemon, "TotalBytesOut", "haproxy_process_bytes_out_total", Counter, 1, "2.4", "", ""},
	{Daemon, "TotalSplicedBytesOut", "haproxy_process_spliced_bytes_out_total", Counter, 1, "2.4", "", ""},
	{Daemon, "TotalSplicdedBytesOut", "haproxy_process_spliced_bytes_out_total", Counter, 1, "2.4", "", ""},
	{Daemon, "BytesOutRate", "haproxy_process_bytes_out_rate", Gauge, 1, "2.4", "", ""},
	{Daemon, "CumRecvLogs", "haproxy_process_recv_logs_total", Counter, 1, "2.4", "", ""},
	{Daemon, "Version", "haproxy_process_build_info", Gauge, 1, "2.4", "version", ""},
	{Daemon, "TotalWarnings", "haproxy_process_total_warnings", Counter, 1, "3.2", "", ""},
	{Daemon, "PatternsAdded", "haproxy_process_patterns_added_total", Gauge, 1, "3.3", "", ""},
	{Daemon, "PatternsFreed", "haproxy_process_patterns_freed_total", Gauge, 1, "3.3", "", ""},
	{Daemon, "NbThreadGroups", "haproxy_process_nb_thread_groups", Gauge, 1, "3.4", "", ""},

	// Frontends.
	{Frontend, "scur", "haproxy_frontend_current_sessions", Gauge, 1, "2.0", "", ""},
	{Frontend, "smax", "haproxy_frontend_max_sessions", Gauge, 1, "2.0", "", ""},
	{Frontend, "slim", "haproxy_frontend_limit_sessions", Gauge, 1, "2.0", "", ""},
	{Frontend, "stot", "haproxy_frontend_sessions_total", Counter, 1, "2.0", "", ""},
	{Frontend, "bin", "haproxy_frontend_bytes_in_total", Counter, 1, "2.0", "", ""},
	{Frontend, "bout", "haproxy_frontend_bytes_out_total", Counter, 1, "2.0", "", ""},
	{Frontend, "dreq", "haproxy_frontend_requests_denied_total", Counter, 1, "2.0", "", ""},
	{Frontend, "dresp", "haproxy_frontend_responses_denied_total", Counter, 1, "2.0", "", ""},
	{Frontend, "ereq", "haproxy_frontend_request_errors_total", Counter, 1, "2.0", "", ""},
	{Frontend, "status", "haproxy_frontend_status", Gauge, 1, "2.0", "state", ""},
	{Frontend, "rate", "haproxy_frontend_current_session_rate", Gauge, 1, "3.2", "", ""},
	{Frontend, "rate_lim", "haproxy_frontend_limit_session_rate", Gauge, 1, "2.0", "", ""},
	{Frontend, "rate_max", "haproxy_frontend_max_session_rate", Gauge, 1, "2.0", "", ""},
	{Frontend, "hrsp_1xx", "haproxy_frontend_http_responses_total", Counter, 1, "2.0", "code", "1xx"},
	{Frontend, "hrsp_2xx", "haproxy_frontend_http_responses_total", Counter, 1, "2.0", "code", "2xx"},
	{Frontend, "hrsp_3xx", "haproxy_frontend_http_responses_total", Counter, 1, "2.0", "code", "3xx"},
	{Frontend, "hrsp_4xx", "haproxy_frontend_http_responses_total", Counter, 1, "2.0", "code", "4xx"},
	{Frontend, "hrsp_5xx", "haproxy_frontend_http_responses_total", Counter, 1, "2.0", "code", "5xx"},
	{Frontend, "hrsp_other", "haproxy_frontend_http_responses_total", Counter, 1, "2.0", "code", "other"},
	{Frontend, "req_rate_max", "haproxy_frontend_http_requests_rate_max", Gauge, 1, "2.0", "", ""},
	{Frontend, "req_tot", "haproxy_frontend_http_requests_total", Counter, 1, "2.0", "", ""},
	{Frontend, "comp_in", "haproxy_frontend_http_comp_bytes_in_total", Counter, 1, "2.0", "", ""},
	{Frontend, "comp_out", "haproxy_frontend_http_comp_bytes_out_total", Counter, 1, "2.0", "", ""},
	{Frontend, "comp_byp", "haproxy_frontend_http_comp_bytes_bypassed_total", Counter, 1, "2.0", "", ""},
	{Frontend, "comp_rsp", "haproxy_frontend_http_comp_responses_total", Counter, 1, "2.0", "", ""},
	{Frontend, "conn_rate_max", "haproxy_frontend_connections_rate_max", Gauge, 1, "2.0", "", ""},
	{Frontend, "conn_tot", "haproxy_frontend_connections_total", Counter, 1, "2.0", "", ""},
	{Frontend, "intercepted", "haproxy_frontend_intercepted_requests_total", Counter, 1, "2.0", "", ""},
	{Frontend, "dcon", "haproxy_frontend_denied_connections_total", Counter, 1, "2.0", "", ""},
	{Frontend, "dses", "haproxy_frontend_denied_sessions_total", Counter, 1, "2.0", "", ""},
	{Frontend, "wrew", "haproxy_frontend_failed_header_rewriting_total", Counter, 1, "2.0", "", ""},
	{Frontend, "cache_lookups", "haproxy_frontend_http_cache_lookups_total", Counter, 1, "2.0", "", ""},
	{Frontend, "cache_hits", "haproxy_frontend_http_cache_hits_total", Counter, 1, "2.0", "", ""},
	{Frontend, "eint", "haproxy_frontend_internal_errors_total", Counter, 1, "2.2", "", ""},
	{Frontend, "reqbin", "haproxy_frontend_req_bytes_in_total", Counter, 1, "3.3", "", ""},
	{Frontend, "reqbout", "haproxy_frontend_req_bytes_out_total", Counter, 1, "3.3", "", ""},
	{Frontend, "resbin", "haproxy_frontend_res_bytes_in_total", Counter, 1, "3.3", "", ""},
	{Frontend, "resbout", "haproxy_frontend_res_bytes_out_total", Counter, 1, "3.3", "", ""},
	{Frontend, "cache_hint_hits", "haproxy_frontend_http_cache_hint_hits_total", Counter, 1, "3.5", "", ""},

	// Listeners, which have rows only with "option socket-stats".
	{Listener, "scur", "haproxy_listener_current_sessions", Gauge, 1, "2.4", "", ""},
	{Listener, "smax", "haproxy_listener_max_sessions", Gauge, 1, "2.4", "", ""},
	{Listener, "slim", "haproxy_listener_limit_sessions", Gauge, 1, "2.4", "", ""},
	{Listener, "stot", "haproxy_listener_sessions_total", Counter, 1, "2.4", "", ""},
	{Listener, "bin", "haproxy_listener_bytes_in_total", Counter, 1, "2.4", "", ""},
	{Listener, "bout", "haproxy_listener_bytes_out_total", Counter, 1, "2.4", "", ""},
	{Listener, "dreq", "haproxy_listener_requests_denied_total", Counter, 1, "2.4", "", ""},
	{Listener, "dresp", "haproxy_listener_responses_denied_total", Counter, 1, "2.4", "", ""},
	{Listener, "ereq", "haproxy_listener_request_errors_total", Counter, 1, "2.4", "", ""},
	{Listener, "status", "haproxy_listener_status", Gauge, 1, "2.4", "state", ""},
	{Listener, "conn_tot", "haproxy_listener_connections_total", Counter, 1, "3.2", "", ""},
	{Listener, "dcon", "haproxy_listener_denied_connections_total", Counter, 1, "2.4", "", ""},
	{Listener, "dses", "haproxy_listener_denied_sessions_total", Counter, 1, "2.4", "", ""},
	{Listener, "wrew", "haproxy_listener_failed_header_rewriting_total", Counter, 1, "2.4", "", ""},
	{Listener, "eint", "haproxy_listener_internal_errors_total", Counter, 1, "2.4", "", ""},
	{Listener, "reqbin", "haproxy_listener_req_bytes_in_total", Counter, 1, "3.3", "", ""},
	{Listener, "reqbout", "haproxy_listener_req_bytes_out_total", Counter, 1, "3.3", "", ""},
	{Listener, "resbin", "haproxy_listener_res_bytes_in_total", Counter, 1, "3.3", "", ""},
	{Listener, "resbout", "haproxy_listener_res_bytes_out_total", Counter, 1, "3.3", "", ""},

	// Backends.
	{Backend, "qcur", "haproxy_backend_current_queue", Gauge, 1, "2.0", "", ""},
	{Backend, "qmax", "haproxy_backend_max_queue", Gauge, 1, "2.0", "", ""},
	{Backend, "scur", "haproxy_backend_current_sessions", Gauge, 1, "2.0", "", ""},
	{Backend, "smax", "haproxy_backend_max_sessions", Gauge, 1, "2.0", "", ""},
	{Backend, "slim", "haproxy_backend_limit_sessions", Gauge, 1, "2.0", "", ""},
	{Backend, "stot", "haproxy_backend_sessions_total", Counter, 1, "2.0", "", ""},
	{Backend, "bin", "haproxy_backend_bytes_in_total", Counter, 1, "2.0", "", ""},
	{Backend, "bout", "haproxy_backend_bytes_out_total", Counter, 1, "2.0", "", ""},
	{Backend, "dreq", "haproxy_backend_requests_denied_total", Counter, 1, "2.0", "", ""},
	{Backend, "dresp", "haproxy_backend_responses_denied_total", Counter, 1, "2.0", "", ""},
	{Backend, "econ", "haproxy_backend_connection_errors_total", Counter, 1, "2.0", "", ""},
	{Backend, "eresp", "haproxy_backend_response_errors_total", Counter, 1, "2.0", "", ""},
	{Backend, "wretr", "haproxy_backend_retry_warnings_total", Counter, 1, "2.0", "", ""},
	{Backend, "wredis", "haproxy_backend_redispatch_warnings_total", Counter, 1, "2.0", "", ""},
	{Backend, "status", "haproxy_backend_status", Gauge, 1, "2.0", "state", ""},
	{Backend, "weight", "haproxy_backend_weight", Gauge, 1, "2.0", "", ""},
	{Backend, "act", "haproxy_backend_active_servers", Gauge, 1, "2.0", "", ""},
	{Backend, "bck", "haproxy_backend_backup_servers", Gauge, 1, "2.0", "", ""},
	{Backend, "chkdown", "haproxy_backend_check_up_down_total", Counter, 1, "2.0", "", ""},
	{Backend, "lastchg", "haproxy_backend_check_last_change_seconds", Gauge, 1, "2.0", "", ""},
	{Backend, "downtime", "haproxy_backend_downtime_seconds_total", Counter, 1, "2.0", "", ""},
	{Backend, "lbtot", "haproxy_backend_loadbalanced_total", Counter, 1, "2.0", "", ""},
	{Backend, "rate", "haproxy_backend_current_session_rate", Gauge, 1, "3.2", "", ""},
	{Backend, "rate_max", "haproxy_backend_max_session_rate", Gauge, 1, "2.0", "", ""},
	{Backend, "hrsp_1xx", "haproxy_backend_http_responses_total", Counter, 1, "2.0", "code", "1xx"},
	{Backend, "hrsp_2xx", "haproxy_backend_http_responses_total", Counter, 1, "2.0", "code", "2xx"},
	{Backend, "hrsp_3xx", "haproxy_backend_http_responses_total", Counter, 1, "2.0", "code", "3xx"},
	{Backend, "hrsp_4xx", "haproxy_backend_http_responses_total", Counter, 1, "2.0", "code", "4xx"},
	{Backend, "hrsp_5xx", "haproxy_backend_http_responses_total", Counter, 1, "2.0", "code", "5xx"},
	{Backend, "hrsp_other", "haproxy_backend_http_responses_total", Counter, 1, "2.0", "code", "other"},
	{Backend, "req_tot", "haproxy_backend_http_requests_total", Counter, 1, "2.0", "", ""},
	{Backend, "cli_abrt", "haproxy_backend_client_aborts_total", Counter, 1, "2.0", "", ""},
	{Backend, "srv_abrt", "haproxy_backend_server_aborts_total", Counter, 1, "2.0", "", ""},
	{Backend, "comp_in", "haproxy_backend_http_comp_bytes_in_total", Counter, 1, "2.0", "", ""},
	{Backend, "comp_out", "haproxy_backend_http_comp_bytes_out_total", Counter, 1, "2.0", "", ""},
	{Backend, "comp_byp", "haproxy_backend_http_comp_bytes_bypassed_total", Counter, 1, "2.0", "", ""},
	{Backend, "comp_rsp", "haproxy_backend_http_comp_responses_total", Counter, 1, "2.0", "", ""},
	{Backend, "lastsess", "haproxy_backend_last_session_seconds", Gauge, 1, "2.0", "", ""},
	{Backend, "qtime", "haproxy_backend_queue_time_average_seconds", Gauge, 0.001, "2.1", "", ""},
	{Backend, "ctime", "haproxy_backend_connect_time_average_seconds", Gauge, 0.001, "2.1", "", ""},
	{Backend, "rtime", "haproxy_backend_response_time_average_seconds", Gauge, 0.001, "2.1", "", ""},
	{Backend, "ttime", "haproxy_backend_total_time_average_seconds", Gauge, 0.001, "2.1", "", ""},
	{Backend, "wrew", "haproxy_backend_failed_header_rewriting_total", Counter, 1, "2.0", "", ""},
	{Backend, "connect", "haproxy_backend_connection_attempts_total", Counter, 1, "2.0", "", ""},
	{Backend, "reuse", "haproxy_backend_connection_reuses_total", Counter, 1, "2.0", "", ""},
	{Backend, "cache_lookups", "haproxy_backend_http_cache_lookups_total", Counter, 1, "2.0", "", ""},
	{Backend, "cache_hits", "haproxy_backend_http_cache_hits_total", Counter, 1, "2.0", "", ""},
	{Backend, "qtime_max", "haproxy_backend_max_queue_time_seconds", Gauge, 0.001, "2.1", "", ""},
	{Backend, "ctime_max", "haproxy_backend_max_connect_time_seconds", Gauge, 0.001, "2.1", "", ""},
	{Backend, "rtime_max", "haproxy_backend_max_response_time_seconds", Gauge, 0.001, "2.1", "", ""},
	{Backend, "ttime_max", "haproxy_backend_max_total_time_seconds", Gauge, 0.001, "2.1", "", ""},
	{Backend, "eint", "haproxy_backend_internal_errors_total", Counter, 1, "2.2", "", ""},
	{Backend, "uweight", "haproxy_backend_uweight", Gauge, 1, "2.4", "", ""},
	{Backend, "agg_server_check_status", "haproxy_backend_agg_server_check_status", Gauge, 1, "2.5", "state", ""},
	{Backend, "agg_server_status", "haproxy_backend_agg_server_status", Gauge, 1, "2.8", "state", ""},
	{Backend, "agg_check_status", "haproxy_backend_agg_check_status", Gauge, 1, "2.8", "state", ""},
	{Backend, "reqbin", "haproxy_backend_req_bytes_in_total", Counter, 1, "3.3", "", ""},
	{Backend, "reqbout", "haproxy_backend_req_bytes_out_total", Counter, 1, "3.3", "", ""},
	{Backend, "resbin", "haproxy_backend_res_bytes_in_total", Counter, 1, "3.3", "", ""},
	{Backend, "resbout", "haproxy_backend_res_bytes_out_total", Counter, 1, "3.3", "", ""},
	{Backend, "cache_hint_hits", "haproxy_backend_http_cache_hint_hits_total", Counter, 1, "3.5", "", ""},

	// Servers.
	{Server, "qcur", "haproxy_server_current_queue", Gauge, 1, "2.0", "", ""},
	{Server, "qmax", "haproxy_server_max_queue", Gauge, 1, "2.0", "", ""},
	{Server, "scur", "haproxy_server_current_sessions", Gauge, 1, "2.0", "", ""},
	{Server, "smax", "haproxy_server_max_sessions", Gauge, 1, "2.0", "", ""},
	{Server, "slim", "haproxy_server_limit_sessions", Gauge, 1, "2.0", "", ""},
	{Server, "stot", "haproxy_server_sessions_total", Counter, 1, "2.0", "", ""},
	{Server, "bin", "haproxy_server_bytes_in_total", Counter, 1, "2.0", "", ""},
	{Server, "bout", "haproxy_server_bytes_out_total", Counter, 1, "2.0", "", ""},
	{Server, "dresp", "haproxy_server_responses_denied_total", Counter, 1, "2.0", "", ""},
	{Server, "econ", "haproxy_server_connection_errors_total", Counter, 1, "2.0", "", ""},
	{Server, "eresp", "haproxy_server_response_errors_total", Counter, 1, "2.0", "", ""},
	{Server, "wretr", "haproxy_server_retry_warnings_total", Counter, 1, "2.0", "", ""},
	{Server, "wredis", "haproxy_server_redispatch_warnings_total", Counter, 1, "2.0", "", ""},
	{Server, "status", "haproxy_server_status", Gauge, 1, "2.0", "state", ""},
	{Server, "weight", "haproxy_server_weight", Gauge, 1, "2.0", "", ""},
	{Server, "act", "haproxy_server_active", Gauge, 1, "3.0", "", ""},
	{Server, "bck", "haproxy_server_backup", Gauge, 1, "3.0", "", ""},
	{Server, "chkfail", "haproxy_server_check_failures_total", Counter, 1, "2.0", "", ""},
	{Server, "chkdown", "haproxy_server_check_up_down_total", Counter, 1, "2.0", "", ""},
	{Server, "lastchg", "haproxy_server_check_last_change_seconds", Gauge, 1, "2.0", "", ""},
	{Server, "downtime", "haproxy_server_downtime_seconds_total", Counter, 1, "2.0", "", ""},
	{Server, "qlimit", "haproxy_server_queue_limit", Gauge, 1, "2.0", "", ""},
	{Server, "throttle", "haproxy_server_current_throttle", Gauge, 1, "2.0", "", ""},
	{Server, "lbtot", "haproxy_server_loadbalanced_total", Counter, 1, "2.0", "", ""},
	{Server, "rate", "haproxy_server_current_session_rate", Gauge, 1, "3.2", "", ""},
	{Server, "rate_max", "haproxy_server_max_session_rate", Gauge, 1, "2.0", "", ""},
	{Server, "check_status", "haproxy_server_check_status", Gauge, 1, "2.2", "state", ""},
	{Server, "check_code", "haproxy_server_check_code", Gauge, 1, "2.2", "", ""},
	{Server, "check_duration", "haproxy_server_check_duration_seconds", Gauge, 0.001, "2.2", "", ""},
	{Server, "hrsp_1xx", "haproxy_server_http_responses_total", Counter, 1, "2.0", "code", "1xx"},
	{Server, "hrsp_2xx", "haproxy_server_http_responses_total", Counter, 1, "2.0", "code", "2xx"},
	{Server, "hrsp_3xx", "haproxy_server_http_responses_total", Counter, 1, "2.0", "code", "3xx"},
	{Server, "hrsp_4xx", "haproxy_server_http_responses_total", Counter, 1, "2.0", "code", "4xx"},
	{Server, "hrsp_5xx", "haproxy_server_http_responses_total", Counter, 1, "2.0", "code", "5xx"},
	{Server, "hrsp_other", "haproxy_server_http_responses_total", Counter, 1, "2.0", "code", "other"},
	{Server, "req_tot", "haproxy_server_http_requests_total", Counter, 1, "3.2", "", ""},
	{Server, "cli_abrt", "haproxy_server_client_aborts_total", Counter, 1, "2.0", "", ""},
	{Server, "srv_abrt", "haproxy_server_server_aborts_total", Counter, 1, "2.0", "", ""},
	{Server, "lastsess", "haproxy_server_last_session_seconds", Gauge, 1, "2.0", "", ""},
	{Server, "qtime", "haproxy_server_queue_time_average_seconds", Gauge, 0.001, "2.1", "", ""},
	{Server, "ctime", "haproxy_server_connect_time_average_seconds", Gauge, 0.001, "2.1", "", ""},
	{Server, "rtime", "haproxy_server_response_time_average_seconds", Gauge, 0.001, "2.1", "", ""},
	{Server, "ttime", "haproxy_server_total_time_average_seconds", Gauge, 0.001, "2.1", "", ""},
	{Server, "agent_status", "haproxy_server_agent_status", Gauge, 1, "3.2", "state", ""},
	{Server, "agent_code", "haproxy_server_agent_code", Gauge, 1, "3.2", "", ""},
	{Server, "wrew", "haproxy_server_failed_header_rewriting_total", Counter, 1, "2.0", "", ""},
	{Server, "connect", "haproxy_server_connection_attempts_total", Counter, 1, "2.0", "", ""},
	{Server, "reuse", "haproxy_server_connection_reuses_total", Counter, 1, "2.0", "", ""},
	{Server, "srv_icur", "haproxy_server_idle_connections_current", Gauge, 1, "2.4", "", ""},
	{Server, "src_ilim", "haproxy_server_idle_connections_limit", Gauge, 1, "2.4", "", ""},
	{Server, "qtime_max", "haproxy_server_max_queue_time_seconds", Gauge, 0.001, "2.1", "", ""},
	{Server, "ctime_max", "haproxy_server_max_connect_time_seconds", Gauge, 0.001, "2.1", "", ""},
	{Server, "rtime_max", "haproxy_server_max_response_time_seconds", Gauge, 0.001, "2.1", "", ""},
	{Server, "ttime_max", "haproxy_server_max_total_time_seconds", Gauge, 0.001, "2.1", "", ""},
	{Server, "eint", "haproxy_server_internal_errors_total", Counter, 1, "2.2", "", ""},
	{Server, "idle_conn_cur", "haproxy_server_unsafe_idle_connections_current", Gauge, 1, "2.4", "", ""},
	{Server, "safe_conn_cur", "haproxy_server_safe_idle_connections_current", Gauge, 1, "2.4", "", ""},
	{Server, "used_conn_cur", "haproxy_server_used_connections_current", Gauge, 1, "2.4", "", ""},
	{Server, "need_conn_est", "haproxy_server_need_connections_current", Gauge, 1, "2.4", "", ""},
	{Server, "uweight", "haproxy_server_uweight", Gauge, 1, "2.4", "", ""},
	{Server, "priv_idle_cur", "haproxy_server_private_idle_connections_current", Gauge, 1, "3.3", "", ""},
	{Server, "reqbin", "haproxy_server_req_bytes_in_total", Counter, 1, "3.3", "", ""},
	{Server, "reqbout", "haproxy_server_req_bytes_out_total", Counter, 1, "3.3", "", ""},
	{Server, "resbin", "haproxy_server_res_bytes_in_total", Counter, 1, "3.3", "", ""},
	{Server, "resbout", "haproxy_server_res_bytes_out_total", Counter, 1, "3.3", "", ""},
	{Server, "agent_duration", "haproxy_server_agent_duration_seconds", Gauge, 0.001, "3.2", "", ""},
}
