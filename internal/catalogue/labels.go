package catalogue

// states are the texts of a field that has a state, as HAProxy's Prometheus exporter names
// them in the label "state".
type states struct {
	// ranked are ordered so that the last one counts if processes differ: the best one for
	// what accepts clients, because an old worker has stopped; the worst one else.
	ranked []string
	// shown are in the exporter's order.
	shown []string
}

var (
	frontendStates = states{[]string{"DOWN", "UP"}, []string{"DOWN", "UP"}}
	listenerStates = states{[]string{"WAITING", "FULL", "OPEN"}, []string{"WAITING", "OPEN", "FULL"}}
	backendStates  = states{[]string{"UP", "DOWN"}, []string{"DOWN", "UP"}}
	serverStates   = states{[]string{"UP", "NOLB", "DRAIN", "MAINT", "DOWN"}, []string{"DOWN", "UP", "MAINT", "DRAIN", "NOLB"}}
	checkStates    = states{
		[]string{
			"", "L4OK", "L6OK", "L7OK", "PROCOK", "L7OKC", "HANA", "L7STS", "L7RSP", "L7TOUT", "L6RSP", "L6TOUT",
			"PROCERR", "PROCTOUT", "L4TOUT", "L4CON", "SOCKERR",
		},
		[]string{
			"HANA", "SOCKERR", "L4OK", "L4TOUT", "L4CON", "L6OK", "L6TOUT", "L6RSP", "L7TOUT", "L7RSP", "L7OK", "L7OKC",
			"L7STS", "PROCERR", "PROCTOUT", "PROCOK",
		},
	}
)

// modes are the modes of proxies, as HAProxy names them. The exporter has no series of them.
var modes = states{ranked: []string{"unknown", "tcp", "http", "health", "cli", "peers", "log", "syslog", "spop", "haterm"}}

func statesOf(scope Scopes, field string) states {
	switch {
	case field == "mode" && scope&(Frontend|Backend|Server|Listener) != 0:
		return modes
	case field == "status" && scope == Frontend:
		return frontendStates
	case field == "status" && scope == Listener:
		return listenerStates
	case field == "status" && scope == Backend:
		return backendStates
	case field == "status" && scope == Server:
		return serverStates
	case scope == Server && (field == "check_status" || field == "agent_status"):
		return checkStates
	}
	return states{}
}

// States returns the states of a text field in a scope. The value of a column of that name is
// the number of one of them. They have the names of HAProxy's Prometheus exporter; those of
// "mode", which it does not show, have HAProxy's own. An empty one stands for results that the
// exporter does not name, as before the first check: then none of its series is 1. States
// returns nil for a field without states. The caller must not change them.
func States(scope Scopes, field string) []string { return statesOf(scope, field).ranked }

// StateLabels returns the values of the label "state" in the exporter's order; nil for a
// field that the exporter does not show as states. The caller must not change them.
func StateLabels(scope Scopes, field string) []string { return statesOf(scope, field).shown }
