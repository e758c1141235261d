package catalogue

// others has the rules of the fields whose values outputs other than Graphite combine in
// another way. Graphite keeps the rules of the original; these follow HAProxy's management
// guide, and what alerts look for.
var others = map[string]Combine{
	// Each field describes the host, so that the restart of one process must show.
	"Start_time_sec": Largest,
	"Uptime_sec":     Smallest,
	"BootTime_ms":    Largest,
	"Nbproc":         Processes,
	"Nbthread":       Sum,
	"NbThreadGroups": Sum,
	"BusyPolling":    Largest,

	"SslFrontendSessionReuse_pct": Mean, // in the classic metric set, too

	"lastchg":        Smallest,
	"lastsess":       SmallestOfKnown,
	"check_duration": Largest,
	"agent_duration": Largest,
	// All processes see one outage: four would count four seconds of it in one.
	"downtime": Mean,
}

// OthersRule returns the rule of the field in outputs other than Graphite.
func (f Field) OthersRule(classic bool) Combine {
	if rule, ok := others[f.Name]; ok {
		return rule
	}
	return f.Rule(classic)
}

// IsHTTPOnly reports whether HAProxy shows 0 in the field for a frontend or backend without
// HTTP, where its Prometheus exporter shows nothing.
func IsHTTPOnly(scope Scopes, field string) bool {
	switch field {
	case "comp_in", "comp_out", "comp_byp", "comp_rsp":
		return scope == Frontend || scope == Backend
	case "req_rate_max", "req_tot":
		return scope == Frontend
	}
	return false
}
