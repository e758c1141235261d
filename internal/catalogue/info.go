package catalogue

// infoFields has the columns of [Field]: name, nature, scopes, classic scopes, rule,
// unit, first version, help.
var infoFields = []Field{
	// What it is: product, build and names.
	{"Name", Text, Daemon, 0, Never, "", "1.6", "Name of the product, HAProxy unless a build renames it"},
	{"Version", Text, Daemon, 0, Never, "", "1.6", "Version of the running HAProxy"},
	{"Release_date", Text, Daemon, 0, Never, "", "1.6", "Date of that version's release"},
	{"Build info", Text, Daemon, 0, Never, "", "2.4", "Version with its build suffix"},
	{"node", Text, Daemon, 0, Never, "", "1.6", "Name of the node, as configured or the host's"},
	{"description", Text, Daemon, 0, Never, "", "1.6", "Description of the node, as configured"},

	// The process and its parts.
	{"Nbproc", Gauge, Daemon, 0, Mean, "processes", "1.6", "Processes that one HAProxy was configured to start"},
	{"Nbthread", Gauge, Daemon, 0, Mean, "threads", "2.0", "Threads of each process"},
	{"NbThreadGroups", Gauge, Daemon, 0, Mean, "groups", "3.4", "Thread groups of each process"},
	{"Process_num", Key, Daemon, 0, Never, "", "1.6", "Number of this process among those of one HAProxy, counted from 1"},
	{"Pid", Key, Daemon, 0, Never, "", "1.6", "Process identifier given by the operating system"},
	{"Uptime", Text, Daemon, 0, Never, "", "1.6", "Time since the process started, in days, hours, minutes and seconds as text"},
	{"Uptime_sec", Duration, Daemon, Daemon, Mean, "seconds", "1.6", "Time since the process started"},
	{"Start_time_sec", Duration, Daemon, 0, Mean, "seconds", "2.4", "When the process started, counted from the Unix epoch"},
	{"BootTime_ms", Duration, Daemon, 0, Mean, "milliseconds", "2.8", "Time that the process took to start, from reading its configuration to being ready"},
	{"Stopping", Gauge, Daemon, 0, Sum, "processes", "2.0", "1 while the process finishes its last connections before it exits, else 0"},
	{"Tainted", Text, Daemon, 0, Never, "", "2.4", "Flags of unusual features in use, in hexadecimal"},

	// Work: jobs, tasks and processor time.
	{"Jobs", Gauge, Daemon, 0, Sum, "jobs", "2.0", "Jobs that keep the process alive, such as client connections and listeners"},
	{"Unstoppable Jobs", Gauge, Daemon, 0, Sum, "jobs", "2.0", "Jobs that do not delay the end of the process, such as its stats sockets"},
	{"Listeners", Gauge, Daemon, 0, Sum, "listeners", "2.0", "Listening sockets that are active"},
	{"Tasks", Gauge, Daemon, Daemon, Sum, "tasks", "1.6", "Tasks that exist, whether they run or wait"},
	{"Niced_tasks", Gauge, Daemon, 0, Sum, "tasks", "3.0", "Tasks waiting to run whose priority was lowered or raised"},
	{"Run_queue", Gauge, Daemon, Daemon, Sum, "tasks", "1.6", "Tasks and tasklets that wait for processor time"},
	{"Idle_pct", Average, Daemon, Daemon, Mean, "percent", "1.6", "Share of the time in which the process was idle"},
	{"BusyPolling", Gauge, Daemon, 0, Sum, "processes", "2.0", "1 if the process polls without ever sleeping, else 0"},

	// Memory.
	{"Memmax_MB", Limit, Daemon, Daemon, Sum, "megabytes", "1.6", "Configured limit of memory in mebibytes, 0 for none"},
	{"Memmax_bytes", Limit, Daemon, 0, Sum, "bytes", "2.4", "Configured limit of memory, 0 for none"},
	{"PoolAlloc_MB", Gauge, Daemon, 0, Sum, "megabytes", "1.7", "Memory taken by the object pools, in mebibytes"},
	{"PoolAlloc_bytes", Gauge, Daemon, 0, Sum, "bytes", "2.4", "Memory taken by the object pools"},
	{"PoolUsed_MB", Gauge, Daemon, 0, Sum, "megabytes", "1.7", "Memory of the object pools that is in use, in mebibytes"},
	{"PoolUsed_bytes", Gauge, Daemon, 0, Sum, "bytes", "2.4", "Memory of the object pools that is in use"},
	{"PoolFailed", Counter32, Daemon, 0, Sum, "allocations", "1.7", "Allocations from the object pools that failed"},

	// File descriptors and pipes.
	{"Ulimit-n", Limit, Daemon, Daemon, Sum, "descriptors", "1.6", "Limit on file descriptors that the process runs with"},
	{"Maxsock", Limit, Daemon, Daemon, Sum, "descriptors", "1.6", "File descriptors that the process may need in the worst case"},
	{"Maxpipes", Limit, Daemon, Daemon, Sum, "pipes", "1.6", "Pipes that may exist for splicing"},
	{"PipesUsed", Gauge, Daemon, Daemon, Sum, "pipes", "1.6", "Pipes that carry spliced data"},
	{"PipesFree", Gauge, Daemon, Daemon, Sum, "pipes", "1.6", "Pipes kept for reuse"},

	// Client connections.
	{"Maxconn", Limit, Daemon, Daemon, Sum, "connections", "1.6", "Client connections that are accepted at one time"},
	{"Hard_maxconn", Limit, Daemon, Daemon, Sum, "connections", "1.6", "Value of Maxconn at start, before any change over the stats socket"},
	{"CurrConns", Gauge, Daemon, Daemon, Sum, "connections", "1.6", "Client connections open now"},
	{"CumConns", Counter32, Daemon, Daemon, Sum, "connections", "1.6", "Client connections accepted"},
	{"MaxconnReached", Counter32, Daemon, 0, Sum, "connections", "2.8", "Connections that found Maxconn reached and had to wait"},
	{"ConnRate", Rate, Daemon, Daemon, Sum, "connections per second", "1.6", "Client connections accepted in the last second"},
	{"ConnRateLimit", Limit, Daemon, Daemon, Sum, "connections per second", "1.6", "Configured limit of ConnRate, 0 for none"},
	{"MaxConnRate", Maximum, Daemon, Daemon, Sum, "connections per second", "1.6", "Highest value that ConnRate has had"},

	// Sessions, requests and streams.
	{"SessRate", Rate, Daemon, Daemon, Sum, "sessions per second", "1.6", "Sessions opened in the last second"},
	{"SessRateLimit", Limit, Daemon, Daemon, Sum, "sessions per second", "1.6", "Configured limit of SessRate, 0 for none"},
	{"MaxSessRate", Maximum, Daemon, Daemon, Sum, "sessions per second", "1.6", "Highest value that SessRate has had"},
	{"CumReq", Counter32, Daemon, Daemon, Sum, "requests", "1.6", "Requests received, HTTP or not"},
	{"CurrStreams", Gauge, Daemon, 0, Sum, "streams", "3.2", "Streams open now"},
	{"CumStreams", Counter, Daemon, 0, Sum, "streams", "3.2", "Streams opened"},

	// Bytes sent.
	{"TotalBytesOut", Counter, Daemon, 0, Sum, "bytes", "2.0", "Bytes sent to clients and servers, spliced ones included"},
	{"TotalSplicdedBytesOut", Counter, Daemon, 0, Sum, "bytes", "2.4", "Old spelling of TotalSplicedBytesOut"},
	{"TotalSplicedBytesOut", Counter, Daemon, 0, Sum, "bytes", "2.8", "Bytes sent by splicing, without passing through the process's memory"},
	{"BytesOutRate", Rate, Daemon, 0, Sum, "bytes per second", "2.0", "Bytes sent in the last second"},

	// SSL.
	{"MaxSslConns", Limit, Daemon, Daemon, Sum, "connections", "1.6", "SSL connections that may be open at one time, over both sides, 0 for no limit"},
	{"CurrSslConns", Gauge, Daemon, Daemon, Sum, "connections", "1.6", "SSL connections open now, over both sides"},
	{"CumSslConns", Counter32, Daemon, Daemon, Sum, "connections", "1.6", "SSL connections opened, over both sides"},
	{"SslRate", Rate, Daemon, Daemon, Sum, "connections per second", "1.6", "SSL connections accepted from clients in the last second"},
	{"SslRateLimit", Limit, Daemon, Daemon, Sum, "connections per second", "1.6", "Configured limit of SslRate, 0 for none"},
	{"MaxSslRate", Maximum, Daemon, Daemon, Sum, "connections per second", "1.6", "Highest value that SslRate has had"},
	{"SslFrontendKeyRate", Rate, Daemon, Daemon, Sum, "keys per second", "1.6", "SSL keys computed for clients in the last second"},
	{"SslFrontendMaxKeyRate", Maximum, Daemon, Daemon, Sum, "keys per second", "1.6", "Highest value that SslFrontendKeyRate has had"},
	{"SslFrontendSessionReuse_pct", Gauge, Daemon, Daemon, MeanUnlessClassic, "percent", "1.6", "Share of the clients' SSL handshakes in the last second that reused a session"},
	{"SslBackendKeyRate", Rate, Daemon, Daemon, Sum, "keys per second", "1.6", "SSL keys computed for servers in the last second"},
	{"SslBackendMaxKeyRate", Maximum, Daemon, Daemon, Sum, "keys per second", "1.6", "Highest value that SslBackendKeyRate has had"},
	{"SslCacheLookups", Counter32, Daemon, Daemon, Sum, "lookups", "1.6", "Look-ups in the cache of SSL sessions"},
	{"SslCacheMisses", Counter32, Daemon, Daemon, Sum, "lookups", "1.6", "Look-ups in the cache of SSL sessions that found nothing"},

	// Compression.
	{"CompressBpsIn", Rate, Daemon, Daemon, Sum, "bytes per second", "1.6", "Bytes before HTTP compression in the last second"},
	{"CompressBpsOut", Rate, Daemon, Daemon, Sum, "bytes per second", "1.6", "Bytes after HTTP compression in the last second"},
	{"CompressBpsRateLim", Limit, Daemon, Daemon, Sum, "bytes per second", "1.6", "Configured limit of CompressBpsIn, above which compression pauses, 0 for none"},
	{"ZlibMemUsage", Gauge, Daemon, Daemon, Sum, "bytes", "1.6", "Memory used by zlib, known only in builds that use it"},
	{"MaxZlibMemUsage", Limit, Daemon, Daemon, Sum, "bytes", "1.6", "Configured limit of ZlibMemUsage, 0 for none"},

	// Peers, resolvers, logs, warnings.
	{"ActivePeers", Gauge, Daemon, 0, Sum, "peers", "2.0", "Configured connections to peers, whether up or being tried"},
	{"ConnectedPeers", Gauge, Daemon, 0, Sum, "peers", "2.0", "Connections to peers that are up"},
	{"FailedResolutions", Counter32, Daemon, 0, Sum, "resolutions", "2.0", "Name resolutions that ended in an error"},
	{"DroppedLogs", Counter32, Daemon, 0, Sum, "messages", "2.0", "Log messages that could not be sent"},
	{"CumRecvLogs", Counter32, Daemon, 0, Sum, "messages", "2.4", "Log messages received by log-forward sections"},
	{"TotalWarnings", Counter32, Daemon, 0, Sum, "warnings", "2.8", "Warnings written since the start"},
	{"BlockedTrafficWarnings", Counter32, Daemon, 0, Sum, "warnings", "3.2", "Warnings about a task that blocked traffic for too long"},
	{"DebugCommandsIssued", Counter32, Daemon, 0, Sum, "commands", "2.1", "Debugging commands given over the stats socket"},
	{"PatternsAdded", Counter, Daemon, 0, Sum, "patterns", "3.3", "Patterns added to ACLs and maps"},
	{"PatternsFreed", Counter, Daemon, 0, Sum, "patterns", "3.3", "Patterns removed from ACLs and maps"},
}
