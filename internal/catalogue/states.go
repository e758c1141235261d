package catalogue

import "slices"

// onF, onB and onS are the scopes of metrics that follow from states.
const onF, onB, onS = Frontend, Backend, Server

// stateFields are the metrics that follow from the texts of `show stat`, such as its
// column status. They have the columns of statFields; their versions are those of the
// text. The numbers of states and of results are in the order of HAProxy's Prometheus
// exporter.
var stateFields = []Field{
	{"state", State, onFBS, 0, Largest, "", "1.6", "State. Of a server: 0 DOWN, 1 UP, 2 MAINT, 3 DRAIN, 4 NOLB; of a backend: 0 DOWN, 1 UP; of a frontend: 0 STOP, 1 OPEN or FULL, 2 PAUSED"},
	{"going", State, onS, 0, Mean, "", "1.6", "-1 while health checks fail that have not changed the state yet, 1 while they succeed and have not, else 0"},
	{"health", State, onS, 0, Mean, "", "1.6", "Share of the health checks that are left until the state changes, such as 0.5 for \"UP 1/2\"; without such a count 0 if the server is DOWN, else 1"},
	{"maint_reason", State, onS, 0, Largest, "", "1.6", "Why the server is in maintenance: 0 it is not, 1 by hand or by an agent, 2 the tracked server is, 3 by the configuration, 4 its name has no address"},
	{"up", State, onS, 0, Mean, "", "1.6", "1 if the server takes new traffic: it is UP, and its weight is above 0; else 0"},
	{"check_ok", State, onS, 0, Mean, "", "1.6", "1 if the last health check succeeded, else 0; no value without a result"},
	{"check_result", State, onS, 0, Largest, "", "1.6", "Result of the last health check: 0 UNK, 1 INI, 2 CHECKED, 3 HANA, 4 SOCKERR, 5 L4OK, 6 L4TOUT, 7 L4CON, 8 L6OK, 9 L6TOUT, 10 L6RSP, 11 L7OK, 12 L7OKC, 13 L7TOUT, 14 L7RSP, 15 L7STS, 16 PROCERR, 17 PROCTOUT, 18 PROCOK; no value without a result"},

	{"active_up", Gauge, onB, 0, Mean, "servers", "1.6", "Active servers that are UP, also those without a health check"},
	{"active_down", Gauge, onB, 0, Mean, "servers", "1.6", "Active servers that are DOWN"},
	{"active_maint", Gauge, onB, 0, Mean, "servers", "1.6", "Active servers in MAINT"},
	{"active_drain", Gauge, onB, 0, Mean, "servers", "1.6", "Active servers in DRAIN"},
	{"active_nolb", Gauge, onB, 0, Mean, "servers", "1.6", "Active servers in NOLB"},
	{"active_nocheck", Gauge, onB, 0, Mean, "servers", "1.6", "Active servers without a health check"},
	{"active_going_down", Gauge, onB, 0, Mean, "servers", "1.6", "Active servers whose health checks fail, but not often enough yet to change the state"},
	{"active_going_up", Gauge, onB, 0, Mean, "servers", "1.6", "Active servers that are DOWN and whose health checks succeed again"},
	{"backup_up", Gauge, onB, 0, Mean, "servers", "1.6", "Backup servers that are UP, also those without a health check"},
	{"backup_down", Gauge, onB, 0, Mean, "servers", "1.6", "Backup servers that are DOWN"},
	{"backup_maint", Gauge, onB, 0, Mean, "servers", "1.6", "Backup servers in MAINT"},
	{"backup_drain", Gauge, onB, 0, Mean, "servers", "1.6", "Backup servers in DRAIN"},
	{"backup_nolb", Gauge, onB, 0, Mean, "servers", "1.6", "Backup servers in NOLB"},
	{"backup_nocheck", Gauge, onB, 0, Mean, "servers", "1.6", "Backup servers without a health check"},
	{"backup_going_down", Gauge, onB, 0, Mean, "servers", "1.6", "Backup servers whose health checks fail, but not often enough yet to change the state"},
	{"backup_going_up", Gauge, onB, 0, Mean, "servers", "1.6", "Backup servers that are DOWN and whose health checks succeed again"},
	{"percent_up", Gauge, onB, 0, Mean, "percent", "1.6", "Share of the servers that are UP, of those that are not in MAINT; no value without such servers"},

	{"listeners_waiting", Gauge, onF, 0, Mean, "listeners", "1.6", "Listeners that wait for their turn to accept; listeners are shown with \"option socket-stats\" only"},
	{"listeners_open", Gauge, onF, 0, Mean, "listeners", "1.6", "Listeners that accept connections"},
	{"listeners_full", Gauge, onF, 0, Mean, "listeners", "1.6", "Listeners that accept none, because a limit is reached"},
}

// StateFields returns the metrics that follow from states, which no reply has as
// columns. The caller must not change them.
func StateFields() []Field { return stateFields }

// rowFields are all metrics of rows.
var rowFields = slices.Concat(statFields, stateFields)

// RowFields returns the fields of `show stat` and those of [StateFields], in the order
// of the catalogue. The caller must not change them.
func RowFields() []Field { return rowFields }
