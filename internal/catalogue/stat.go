package catalogue

// The scopes of fields, named by the letters of `show stat typed`.
const (
	onFB   = Frontend | Backend
	onFL   = Frontend | Listener
	onBS   = Backend | Server
	onSL   = Server | Listener
	onFBS  = Frontend | Backend | Server
	onFBL  = Frontend | Backend | Listener
	onFBSL = Frontend | Backend | Server | Listener
)

// statFields has the columns of [Field]: name, nature, scopes, classic scopes, rule,
// unit, first version, help.
//
// It includes the columns of the modules (SSL, HTTP/1, HTTP/2), which come last in
// the reply. A row of `show stat` that has no value for a field leaves it empty.
var statFields = []Field{
	// What the row is.
	{"pxname", Key, onFBSL, 0, Never, "", "1.6", "Name of the proxy"},
	{"svname", Key, onFBSL, 0, Never, "", "1.6", "FRONTEND, BACKEND, or the name of the server or listener"},
	{"type", Key, onFBSL, 0, Never, "", "1.6", "Kind of row: 0 frontend, 1 backend, 2 server, 3 listener"},
	{"pid", Key, onFBSL, 0, Never, "", "1.6", "Number of the process among those of one HAProxy, counted from 1"},
	{"iid", Key, onFBSL, 0, Never, "", "1.6", "Number of the proxy"},
	{"sid", Key, onFBSL, 0, Never, "", "1.6", "Number of the server or listener in its proxy"},
	{"srid", Key, Server, 0, Never, "", "2.8", "Revision of the server's number, raised when another server takes that number"},
	{"mode", Text, onFBSL, 0, Never, "", "1.7", "Mode of the proxy: http, tcp, log, spop or health"},
	{"algo", Text, Backend, 0, Never, "", "1.7", "Load-balancing algorithm, shown to operators and administrators only"},
	{"addr", Text, onSL, 0, Never, "", "1.7", "Address and port, shown to operators and administrators only"},
	{"cookie", Text, onBS, 0, Never, "", "1.7", "Cookie of the server or its backend, shown to operators and administrators only"},
	{"tracked", Text, Server, 0, Never, "", "1.6", "Server whose state this one follows"},
	{"proto", Text, Listener, 0, Never, "", "2.9", "Protocol that the listener speaks"},

	// Queues.
	{"qcur", Gauge, onBS, onBS, Sum, "requests", "1.6", "Requests waiting in the queue now"},
	{"qmax", Maximum, onBS, onBS, Sum, "requests", "1.6", "Highest value that qcur has had"},
	{"qlimit", Gauge, Server, 0, Mean, "requests", "1.6", "Configured limit of the server's queue"},

	// Sessions.
	{"scur", Gauge, onFBSL, onFBS, Sum, "sessions", "1.6", "Sessions open now"},
	{"smax", Maximum, onFBSL, onFBS, Sum, "sessions", "1.6", "Highest value that scur has had"},
	{"slim", Limit, onFBSL, onFBS, Sum, "sessions", "1.6", "Configured limit of sessions"},
	{"stot", Counter, onFBSL, onFBS, Sum, "sessions", "1.6", "Sessions opened"},
	{"rate", Rate, onFBS, onFBS, Sum, "sessions per second", "1.6", "Sessions opened in the last second"},
	{"rate_lim", Limit, Frontend, Frontend, Sum, "sessions per second", "1.6", "Configured limit of new sessions a second, 0 for none"},
	{"rate_max", Maximum, onFBS, onFBS, Sum, "sessions per second", "1.6", "Highest value that rate has had"},
	{"lastsess", Age, onBS, 0, MeanOfKnown, "seconds", "1.6", "Time since a session was last given to a server, -1 if none ever was"},
	{"sess_other", Counter, Frontend, 0, Sum, "sessions", "2.8", "Sessions whose protocol is not HTTP"},
	{"h1sess", Counter, Frontend, 0, Sum, "sessions", "2.8", "Sessions of HTTP/1"},
	{"h2sess", Counter, Frontend, 0, Sum, "sessions", "2.8", "Sessions of HTTP/2"},
	{"h3sess", Counter, Frontend, 0, Sum, "sessions", "2.8", "Sessions of HTTP/3"},

	// Client connections.
	{"conn_rate", Rate, Frontend, Frontend, Sum, "connections per second", "1.7", "Connections accepted in the last second"},
	{"conn_rate_max", Maximum, Frontend, Frontend, Sum, "connections per second", "1.7", "Highest value that conn_rate has had"},
	{"conn_tot", Counter, onFL, Frontend, Sum, "connections", "1.7", "Connections accepted"},
	{"dcon", Counter, onFL, Frontend, Sum, "connections", "1.7", "Connections refused by \"tcp-request connection\" rules"},
	{"dses", Counter, onFL, Frontend, Sum, "connections", "1.7", "Connections refused by \"tcp-request session\" rules"},

	// Bytes.
	{"bin", Counter, onFBSL, onFBS, Sum, "bytes", "1.6", "Bytes received from clients"},
	{"bout", Counter, onFBSL, onFBS, Sum, "bytes", "1.6", "Bytes sent to clients"},
	{"reqbin", Counter, onFBSL, 0, Sum, "bytes", "3.3", "Bytes of requests received from clients"},
	{"reqbout", Counter, onFBSL, 0, Sum, "bytes", "3.3", "Bytes of requests sent to servers"},
	{"resbin", Counter, onFBSL, 0, Sum, "bytes", "3.3", "Bytes of responses received from servers"},
	{"resbout", Counter, onFBSL, 0, Sum, "bytes", "3.3", "Bytes of responses sent to clients"},

	// Requests.
	{"req_rate", Rate, Frontend, Frontend, Sum, "requests per second", "1.6", "HTTP requests received in the last second"},
	{"req_rate_max", Maximum, Frontend, Frontend, Sum, "requests per second", "1.6", "Highest value that req_rate has had"},
	{"req_tot", Counter, onFBS, onFB, Sum, "requests", "1.6", "HTTP requests received"},
	{"req_other", Counter, Frontend, 0, Sum, "requests", "2.8", "Requests whose protocol is not HTTP"},
	{"h1req", Counter, Frontend, 0, Sum, "requests", "2.8", "Requests received over HTTP/1"},
	{"h2req", Counter, Frontend, 0, Sum, "requests", "2.8", "Requests received over HTTP/2"},
	{"h3req", Counter, Frontend, 0, Sum, "requests", "2.8", "Requests received over HTTP/3"},
	{"intercepted", Counter, onFB, onFB, Sum, "requests", "1.7", "Requests answered by HAProxy itself, such as redirects and the stats page"},
	{"dreq", Counter, onFBL, onFB, Sum, "requests", "1.6", "Requests refused by rules"},
	{"ereq", Counter, onFL, Frontend, Sum, "requests", "1.6", "Requests in error: bad syntax, time-out or aborted by the client"},
	{"cli_abrt", Counter, onFBSL, onBS, Sum, "transfers", "1.6", "Data transfers aborted by the client"},
	{"wrew", Counter, onFBSL, 0, Sum, "rewrites", "2.0", "Rewrites of headers that failed, for example because the buffer was full"},

	// Responses.
	{"hrsp_1xx", Counter, onFBS, onFBS, Sum, "responses", "1.6", "HTTP responses with a status of 100 to 199"},
	{"hrsp_2xx", Counter, onFBS, onFBS, Sum, "responses", "1.6", "HTTP responses with a status of 200 to 299"},
	{"hrsp_3xx", Counter, onFBS, onFBS, Sum, "responses", "1.6", "HTTP responses with a status of 300 to 399"},
	{"hrsp_4xx", Counter, onFBS, onFBS, Sum, "responses", "1.6", "HTTP responses with a status of 400 to 499"},
	{"hrsp_5xx", Counter, onFBS, onFBS, Sum, "responses", "1.6", "HTTP responses with a status of 500 to 599"},
	{"hrsp_other", Counter, onFBS, onFBS, Sum, "responses", "1.6", "HTTP responses with any other status, protocol errors included"},
	{"dresp", Counter, onFBSL, onFBS, Sum, "responses", "1.6", "Responses refused by rules"},
	{"eresp", Counter, onBS, onBS, Sum, "responses", "1.6", "Responses in error, including those that the server truncated"},
	{"eint", Counter, onFBSL, 0, Sum, "errors", "2.2", "Errors inside HAProxy, such as a lack of memory"},
	{"srv_abrt", Counter, onFBSL, onBS, Sum, "transfers", "1.6", "Data transfers aborted by the server"},

	// Connections to servers.
	{"lbtot", Counter, onFBSL, onBS, Sum, "", "1.6", "Number of times that load balancing chose this server, or any server of the backend"},
	{"connect", Counter, onBS, 0, Sum, "connections", "2.0", "Attempts to connect to a server"},
	{"reuse", Counter, onBS, 0, Sum, "connections", "2.0", "Times that an open connection was reused"},
	{"econ", Counter, onBS, onBS, Sum, "requests", "1.6", "Requests that could not get a connection to a server"},
	{"wretr", Counter, onBS, onBS, Sum, "retries", "1.6", "Retries: repeated attempts to connect"},
	{"wredis", Counter, onBS, onBS, Sum, "requests", "1.6", "Redispatches: requests sent to another server because the first one failed"},
	{"srv_icur", Gauge, Server, 0, Sum, "connections", "2.1", "Idle connections to the server that are ready for reuse"},
	{"src_ilim", Limit, Server, 0, Sum, "connections", "2.1", "Configured limit of idle connections to the server"},
	{"idle_conn_cur", Gauge, Server, 0, Sum, "connections", "2.2", "Idle connections to the server whose reuse is not known to be safe"},
	{"safe_conn_cur", Gauge, Server, 0, Sum, "connections", "2.2", "Idle connections to the server whose reuse is known to be safe"},
	{"used_conn_cur", Gauge, Server, 0, Sum, "connections", "2.2", "Connections to the server in use now"},
	{"need_conn_est", Gauge, Server, 0, Sum, "connections", "2.2", "Estimate of the connections to the server that are needed"},
	{"priv_idle_cur", Gauge, Server, 0, Sum, "connections", "3.3", "Idle connections to the server that only their own session may use again"},

	// Times over the last 1024 connections.
	{"qtime", Average, onBS, onBS, MeanOfActive, "milliseconds", "1.6", "Queue time: average time in the queue over the last 1024 requests"},
	{"ctime", Average, onBS, onBS, MeanOfActive, "milliseconds", "1.6", "Connect time: average time to connect over the last 1024 requests"},
	{"rtime", Average, onBS, onBS, MeanOfActive, "milliseconds", "1.6", "Response time: average time to the first byte of the response over the last 1024 requests, 0 in tcp mode"},
	{"ttime", Average, onBS, onBS, MeanOfActive, "milliseconds", "1.6", "Total time: average duration of a session over the last 1024 requests"},
	{"qtime_max", Maximum, onBS, 0, Largest, "milliseconds", "2.1", "Longest queue time"},
	{"ctime_max", Maximum, onBS, 0, Largest, "milliseconds", "2.1", "Longest connect time"},
	{"rtime_max", Maximum, onBS, 0, Largest, "milliseconds", "2.1", "Longest response time (to the first byte), 0 in tcp mode"},
	{"ttime_max", Maximum, onBS, 0, Largest, "milliseconds", "2.1", "Longest total time of a session"},

	// State and weight.
	{"status", Text, onFBSL, 0, Never, "", "1.6", "State such as OPEN, UP, DOWN, MAINT, DRAIN or \"no check\""},
	{"lastchg", Age, onBS, 0, Mean, "seconds", "1.6", "Time since the state last changed between up and down"},
	{"downtime", Counter, onBS, Backend, Sum, "seconds", "1.6", "Time spent down"},
	{"weight", Average, onBS, onBS, Mean, "", "1.6", "Weight in use, or the sum of the servers' for a backend"},
	{"uweight", Average, onBS, 0, Mean, "", "2.4", "Weight as configured or set by the operator, or the sum of the servers' for a backend"},
	{"act", Gauge, onBS, Backend, Mean, "servers", "1.6", "Active servers that are up, or 1 on the row of such a server"},
	{"bck", Gauge, onBS, Backend, Mean, "servers", "1.6", "Backup servers that are up, or 1 on the row of such a server"},
	{"throttle", Average, Server, Server, Mean, "percent", "1.6", "Share of its weight that a server has reached in slow start"},
	{"agg_server_status", Gauge, Backend, 0, Sum, "", "2.6", "Number of servers by state in HAProxy's Prometheus exporter; always 0 here"},
	{"agg_check_status", Gauge, Backend, 0, Sum, "", "2.6", "Number of servers by result of the last check in HAProxy's Prometheus exporter; always 0 here"},
	{"agg_server_check_status", Gauge, Backend, 0, Sum, "", "2.5", "Older name of agg_server_status, always 0 here"},

	// Health checks.
	{"check_status", Text, Server, 0, Never, "", "1.6", "Result of the last health check as a short code, such as L7OK"},
	{"check_code", State, Server, 0, Largest, "", "1.6", "Status that the last health check got from layer 5 to 7"},
	{"check_desc", Text, Server, 0, Never, "", "1.7", "Result of the last health check in words"},
	{"last_chk", Text, Server, 0, Never, "", "1.6", "What the server answered to the last health check"},
	{"check_duration", Duration, Server, 0, Mean, "milliseconds", "1.6", "Duration of the last health check"},
	{"check_rise", Gauge, Server, 0, Mean, "checks", "1.7", "Good health checks in a row that bring a server up"},
	{"check_fall", Gauge, Server, 0, Mean, "checks", "1.7", "Bad health checks in a row that take a server down"},
	{"check_health", Gauge, Server, 0, Mean, "checks", "1.7", "Health of the server, from 0 to the sum of check_rise and check_fall less 1"},
	{"chkfail", Counter, Server, Server, Sum, "checks", "1.6", "Health checks that failed while the server was up"},
	{"chkdown", Counter, onBS, onBS, Sum, "transitions", "1.6", "Down transitions: changes of state from up to down"},
	{"hanafail", Counter, Server, 0, Sum, "checks", "1.6", "Failures that the \"observe\" option saw in live traffic"},

	// Agent checks.
	{"agent_status", Text, Server, 0, Never, "", "1.7", "Result of the last agent check as a short code, such as L7OK"},
	{"agent_code", State, Server, 0, Largest, "", "1.7", "Code of the last agent check's result; HAProxy does not use it today"},
	{"agent_desc", Text, Server, 0, Never, "", "1.7", "Result of the last agent check in words"},
	{"last_agt", Text, Server, 0, Never, "", "1.6", "What the agent answered to the last check"},
	{"agent_duration", Duration, Server, 0, Mean, "milliseconds", "1.7", "Duration of the last agent check"},
	{"agent_rise", Gauge, Server, 0, Mean, "checks", "1.7", "Good agent checks in a row that bring a server up"},
	{"agent_fall", Gauge, Server, 0, Mean, "checks", "1.7", "Bad agent checks in a row that take a server down"},
	{"agent_health", Gauge, Server, 0, Mean, "checks", "1.7", "Health of the agent, from 0 to the sum of agent_rise and agent_fall less 1"},

	// Compression and cache.
	{"comp_in", Counter, onFB, onFB, Sum, "bytes", "1.6", "Bytes of responses before compression"},
	{"comp_out", Counter, onFB, onFB, Sum, "bytes", "1.6", "Bytes of responses after compression"},
	{"comp_byp", Counter, onFB, onFB, Sum, "bytes", "1.6", "Bytes of responses that bypassed compression because a limit was reached"},
	{"comp_rsp", Counter, onFB, onFB, Sum, "responses", "1.6", "Responses that were compressed"},
	{"cache_lookups", Counter, onFB, 0, Sum, "lookups", "2.0", "Look-ups in the HTTP cache"},
	{"cache_hits", Counter, onFB, 0, Sum, "lookups", "2.0", "Look-ups in the HTTP cache that found an object"},
	{"cache_hint_hits", Counter, onFB, 0, Sum, "lookups", "3.5", "Look-ups in the HTTP cache that found headers to send as early hints"},

	// The SSL module.
	{"ssl_sess", Counter, onFBSL, 0, Sum, "sessions", "2.4", "New SSL sessions"},
	{"ssl_reused_sess", Counter, onFBSL, 0, Sum, "sessions", "2.4", "SSL sessions reused"},
	{"ssl_failed_handshake", Counter, onFBSL, 0, Sum, "handshakes", "2.4", "SSL handshakes that failed"},
	{"ssl_ocsp_staple", Counter, onFBSL, 0, Sum, "handshakes", "3.2", "SSL handshakes with a stapled OCSP response"},
	{"ssl_failed_ocsp_staple", Counter, onFBSL, 0, Sum, "handshakes", "3.2", "SSL handshakes whose OCSP response could not be stapled"},

	// The HTTP/1 module.
	{"h1_open_connections", Gauge, onFB, 0, Sum, "connections", "2.6", "HTTP/1 connections open now"},
	{"h1_open_streams", Gauge, onFB, 0, Sum, "streams", "2.6", "HTTP/1 streams open now"},
	{"h1_total_connections", Counter, onFB, 0, Sum, "connections", "2.6", "HTTP/1 connections opened"},
	{"h1_total_streams", Counter, onFB, 0, Sum, "streams", "2.6", "HTTP/1 streams opened"},
	{"h1_bytes_in", Counter, onFB, 0, Sum, "bytes", "2.6", "Bytes received over HTTP/1"},
	{"h1_bytes_out", Counter, onFB, 0, Sum, "bytes", "2.6", "Bytes sent over HTTP/1"},
	{"h1_spliced_bytes_in", Counter, onFB, 0, Sum, "bytes", "2.6", "Bytes received over HTTP/1 by splicing"},
	{"h1_spliced_bytes_out", Counter, onFB, 0, Sum, "bytes", "2.6", "Bytes sent over HTTP/1 by splicing"},

	// The HTTP/2 module.
	{"h2_headers_rcvd", Counter, onFB, 0, Sum, "frames", "2.4", "HTTP/2 HEADERS frames received"},
	{"h2_data_rcvd", Counter, onFB, 0, Sum, "frames", "2.4", "HTTP/2 DATA frames received"},
	{"h2_settings_rcvd", Counter, onFB, 0, Sum, "frames", "2.4", "HTTP/2 SETTINGS frames received"},
	{"h2_rst_stream_rcvd", Counter, onFB, 0, Sum, "frames", "2.4", "HTTP/2 RST_STREAM frames received"},
	{"h2_goaway_rcvd", Counter, onFB, 0, Sum, "frames", "2.4", "HTTP/2 GOAWAY frames received"},
	{"h2_detected_conn_protocol_errors", Counter, onFB, 0, Sum, "errors", "2.4", "Errors of the peer that broke an HTTP/2 connection"},
	{"h2_detected_strm_protocol_errors", Counter, onFB, 0, Sum, "errors", "2.4", "Errors of the peer that broke an HTTP/2 stream"},
	{"h2_rst_stream_resp", Counter, onFB, 0, Sum, "frames", "2.4", "HTTP/2 RST_STREAM frames sent because of an error"},
	{"h2_goaway_resp", Counter, onFB, 0, Sum, "frames", "2.4", "HTTP/2 GOAWAY frames sent because of an error"},
	{"h2_open_connections", Gauge, onFB, 0, Sum, "connections", "2.4", "HTTP/2 connections open now"},
	{"h2_backend_open_streams", Gauge, onFB, 0, Sum, "streams", "2.4", "HTTP/2 streams open now"},
	{"h2_total_connections", Counter, onFB, 0, Sum, "connections", "2.4", "HTTP/2 connections opened"},
	{"h2_backend_total_streams", Counter, onFB, 0, Sum, "streams", "2.4", "HTTP/2 streams opened"},

	// The HTTP/3 module, in builds with QUIC.
	{"h3_data", Counter, onFB, 0, Sum, "frames", "2.9", "HTTP/3 DATA frames received"},
	{"h3_headers", Counter, onFB, 0, Sum, "frames", "2.9", "HTTP/3 HEADERS frames received"},
	{"h3_cancel_push", Counter, onFB, 0, Sum, "frames", "2.9", "HTTP/3 CANCEL_PUSH frames received"},
	{"h3_push_promise", Counter, onFB, 0, Sum, "frames", "2.9", "HTTP/3 PUSH_PROMISE frames received"},
	{"h3_max_push_id", Counter, onFB, 0, Sum, "frames", "2.9", "HTTP/3 MAX_PUSH_ID frames received"},
	{"h3_goaway", Counter, onFB, 0, Sum, "frames", "2.9", "HTTP/3 GOAWAY frames received"},
	{"h3_settings", Counter, onFB, 0, Sum, "frames", "2.9", "HTTP/3 SETTINGS frames received"},
	{"h3_no_error", Counter, onFB, 0, Sum, "errors", "2.9", "HTTP/3 errors with the code H3_NO_ERROR"},
	{"h3_general_protocol_error", Counter, onFB, 0, Sum, "errors", "2.9", "HTTP/3 errors with the code H3_GENERAL_PROTOCOL_ERROR"},
	{"h3_internal_error", Counter, onFB, 0, Sum, "errors", "2.9", "HTTP/3 errors with the code H3_INTERNAL_ERROR"},
	{"h3_stream_creation_error", Counter, onFB, 0, Sum, "errors", "2.9", "HTTP/3 errors with the code H3_STREAM_CREATION_ERROR"},
	{"h3_closed_critical_stream", Counter, onFB, 0, Sum, "errors", "2.9", "HTTP/3 errors with the code H3_CLOSED_CRITICAL_STREAM"},
	{"h3_frame_unexpected", Counter, onFB, 0, Sum, "errors", "2.9", "HTTP/3 errors with the code H3_FRAME_UNEXPECTED"},
	{"h3_frame_error", Counter, onFB, 0, Sum, "errors", "2.9", "HTTP/3 errors with the code H3_FRAME_ERROR"},
	{"h3_excessive_load", Counter, onFB, 0, Sum, "errors", "2.9", "HTTP/3 errors with the code H3_EXCESSIVE_LOAD"},
	{"h3_id_error", Counter, onFB, 0, Sum, "errors", "2.9", "HTTP/3 errors with the code H3_ID_ERROR"},
	{"h3_settings_error", Counter, onFB, 0, Sum, "errors", "2.9", "HTTP/3 errors with the code H3_SETTINGS_ERROR"},
	{"h3_missing_settings", Counter, onFB, 0, Sum, "errors", "2.9", "HTTP/3 errors with the code H3_MISSING_SETTINGS"},
	{"h3_request_rejected", Counter, onFB, 0, Sum, "errors", "2.9", "HTTP/3 errors with the code H3_REQUEST_REJECTED"},
	{"h3_request_cancelled", Counter, onFB, 0, Sum, "errors", "2.9", "HTTP/3 errors with the code H3_REQUEST_CANCELLED"},
	{"h3_request_incomplete", Counter, onFB, 0, Sum, "errors", "2.9", "HTTP/3 errors with the code H3_REQUEST_INCOMPLETE"},
	{"h3_message_error", Counter, onFB, 0, Sum, "errors", "2.9", "HTTP/3 errors with the code H3_MESSAGE_ERROR"},
	{"h3_connect_error", Counter, onFB, 0, Sum, "errors", "2.9", "HTTP/3 errors with the code H3_CONNECT_ERROR"},
	{"h3_version_fallback", Counter, onFB, 0, Sum, "errors", "2.9", "HTTP/3 errors with the code H3_VERSION_FALLBACK"},
	{"pack_decompression_failed", Counter, onFB, 0, Sum, "errors", "2.9", "HTTP/3 errors with the code QPACK_DECOMPRESSION_FAILED"},
	{"qpack_encoder_stream_error", Counter, onFB, 0, Sum, "errors", "2.9", "HTTP/3 errors with the code QPACK_ENCODER_STREAM_ERROR"},
	{"qpack_decoder_stream_error", Counter, onFB, 0, Sum, "errors", "2.9", "HTTP/3 errors with the code QPACK_DECODER_STREAM_ERROR"},

	// The QUIC module, in builds with QUIC.
	{"quic_rxbuf_full", Counter, onFB, 0, Sum, "errors", "2.9", "QUIC receptions given up because the buffer was full"},
	{"quic_dropped_pkt", Counter, onFB, 0, Sum, "packets", "2.9", "QUIC packets received and dropped"},
	{"quic_dropped_pkt_bufoverrun", Counter, onFB, 0, Sum, "packets", "2.9", "QUIC packets dropped because they ran over the buffer"},
	{"quic_dropped_parsing_pkt", Counter, onFB, 0, Sum, "packets", "2.9", "QUIC packets dropped because they could not be parsed"},
	{"quic_socket_full", Counter, onFB, 0, Sum, "errors", "2.9", "QUIC datagrams that the system could not take at once (EAGAIN)"},
	{"quic_sendto_err", Counter, onFB, 0, Sum, "errors", "2.9", "QUIC datagrams that could not be sent for another reason than EAGAIN"},
	{"quic_sendto_err_unknwn", Counter, onFB, 0, Sum, "errors", "2.9", "QUIC datagrams that could not be sent for a reason that HAProxy does not list"},
	{"quic_sent_pkt", Counter, onFB, 0, Sum, "packets", "2.9", "QUIC packets sent"},
	{"quic_lost_pkt", Counter, onFB, 0, Sum, "packets", "2.9", "QUIC packets sent and lost on the way"},
	{"quic_too_short_dgram", Counter, onFB, 0, Sum, "datagrams", "2.9", "QUIC datagrams with an Initial packet that were too short"},
	{"quic_retry_sent", Counter, onFB, 0, Sum, "packets", "2.9", "QUIC Retry packets sent"},
	{"quic_retry_validated", Counter, onFB, 0, Sum, "packets", "2.9", "QUIC Initial packets with a valid Retry token"},
	{"quic_retry_error", Counter, onFB, 0, Sum, "errors", "2.9", "QUIC Retry tokens that were not valid"},
	{"quic_half_open_conn", Gauge, onFB, 0, Sum, "connections", "2.9", "QUIC connections whose handshake goes on now"},
	{"quic_hdshk_fail", Counter, onFB, 0, Sum, "handshakes", "2.9", "QUIC handshakes that failed"},
	{"quic_stless_rst_sent", Counter, onFB, 0, Sum, "packets", "2.9", "QUIC stateless resets sent"},
	{"quic_conn_migration_done", Counter, onFB, 0, Sum, "connections", "2.9", "QUIC connections that moved to another address of the client"},
	{"quic_transp_err_no_error", Counter, onFB, 0, Sum, "errors", "2.9", "QUIC transport errors with the code NO_ERROR"},
	{"quic_transp_err_internal_error", Counter, onFB, 0, Sum, "errors", "2.9", "QUIC transport errors with the code INTERNAL_ERROR"},
	{"quic_transp_err_connection_refused", Counter, onFB, 0, Sum, "errors", "2.9", "QUIC transport errors with the code CONNECTION_REFUSED"},
	{"quic_transp_err_flow_control_error", Counter, onFB, 0, Sum, "errors", "2.9", "QUIC transport errors with the code FLOW_CONTROL_ERROR"},
	{"quic_transp_err_stream_limit_error", Counter, onFB, 0, Sum, "errors", "2.9", "QUIC transport errors with the code STREAM_LIMIT_ERROR"},
	{"quic_transp_err_stream_state_error", Counter, onFB, 0, Sum, "errors", "2.9", "QUIC transport errors with the code STREAM_STATE_ERROR"},
	{"quic_transp_err_final_size_error", Counter, onFB, 0, Sum, "errors", "2.9", "QUIC transport errors with the code FINAL_SIZE_ERROR"},
	{"quic_transp_err_frame_encoding_error", Counter, onFB, 0, Sum, "errors", "2.9", "QUIC transport errors with the code FRAME_ENCODING_ERROR"},
	{"quic_transp_err_transport_parameter_error", Counter, onFB, 0, Sum, "errors", "2.9", "QUIC transport errors with the code TRANSPORT_PARAMETER_ERROR"},
	{"quic_transp_err_connection_id_limit", Counter, onFB, 0, Sum, "errors", "2.9", "QUIC transport errors with the code CONNECTION_ID_LIMIT_ERROR"},
	{"quic_transp_err_protocol_violation_error", Counter, onFB, 0, Sum, "errors", "2.9", "QUIC transport errors with the code PROTOCOL_VIOLATION"},
	{"quic_transp_err_invalid_token", Counter, onFB, 0, Sum, "errors", "2.9", "QUIC transport errors with the code INVALID_TOKEN"},
	{"quic_transp_err_application_error", Counter, onFB, 0, Sum, "errors", "2.9", "QUIC transport errors with the code APPLICATION_ERROR"},
	{"quic_transp_err_crypto_buffer_exceeded", Counter, onFB, 0, Sum, "errors", "2.9", "QUIC transport errors with the code CRYPTO_BUFFER_EXCEEDED"},
	{"quic_transp_err_key_update_error", Counter, onFB, 0, Sum, "errors", "2.9", "QUIC transport errors with the code KEY_UPDATE_ERROR"},
	{"quic_transp_err_aead_limit_reached", Counter, onFB, 0, Sum, "errors", "2.9", "QUIC transport errors with the code AEAD_LIMIT_REACHED"},
	{"quic_transp_err_no_viable_path", Counter, onFB, 0, Sum, "errors", "2.9", "QUIC transport errors with the code NO_VIABLE_PATH"},
	{"quic_transp_err_crypto_error", Counter, onFB, 0, Sum, "errors", "2.9", "QUIC transport errors with one of the codes of CRYPTO_ERROR"},
	{"quic_transp_err_unknown_error", Counter, onFB, 0, Sum, "errors", "2.9", "QUIC transport errors with a code that HAProxy does not know"},
	{"quic_data_blocked", Counter, onFB, 0, Sum, "frames", "2.9", "QUIC DATA_BLOCKED frames received"},
	{"quic_stream_data_blocked", Counter, onFB, 0, Sum, "frames", "2.9", "QUIC STREAM_DATA_BLOCKED frames received"},
	{"quic_streams_blocked_bidi", Counter, onFB, 0, Sum, "frames", "2.9", "QUIC STREAMS_BLOCKED frames received for bidirectional streams"},
	{"quic_streams_blocked_uni", Counter, onFB, 0, Sum, "frames", "2.9", "QUIC STREAMS_BLOCKED frames received for unidirectional streams"},
	{"quic_ncbuf_gap_limit", Counter, onFB, 0, Sum, "errors", "3.4", "QUIC frames refused because they left too small a gap in the buffer of the stream"},
}
