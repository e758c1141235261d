package series

import (
	"slices"
	"strings"

	"haproxystats/internal/catalogue"
	"haproxystats/internal/encode"
	"haproxystats/internal/metric"
)

// CheckStates are the series that results of health checks and agents have: one of 16 is 1.
type CheckStates int

// The series of results.
const (
	AllStates    CheckStates = iota // all, as the exporter has them
	CurrentState                    // the one that is 1
	NoStates                        // none
)

// States is a series for each state of a field.
type States struct {
	// Table and Column are where the column is in its group. If Count is not nil, only the
	// rows of the table count.
	Table, Column int
	Exporter      catalogue.Series
	Help          string
	// Results reports whether the states are results of health checks or agents.
	Results bool
	// All has the states in the exporter's order.
	All []State
	// Count returns the numbers of servers in each state, by rank, of the servers of a
	// backend; nil for the state of the row itself.
	Count func(*Servers) []int
}

// State is a state.
type State struct {
	Name string
	Rank int64 // the value of a column in that state
}

// StatesOf returns the states of the group's entities.
func StatesOf(g *encode.Group) (all []States) {
	in := Catalogued(g.Scope)
	switch g.Scope {
	case metric.Frontend, metric.Listener, metric.Backend, metric.Server:
	default:
		return nil
	}
	for i, t := range g.Tables {
		for k, c := range t.Columns() {
			s, ok := catalogue.LookupSeries(in, c.Name)
			if !ok || !s.IsState() || !c.Outputs.ForOthers() {
				continue
			}
			if states := statesOf(in, c.Name); states != nil {
				all = append(all, States{Table: i, Column: k, Exporter: s, Help: stateHelp[c.Name], Results: isResult(s), All: states})
			}
		}
	}
	if g.Scope != metric.Backend {
		return all
	}
	for _, a := range aggregated {
		if s, ok := catalogue.LookupSeries(in, a.field); ok {
			all = append(all, States{Exporter: s, Help: stateHelp[a.field], Results: isResult(s), All: statesOf(catalogue.Server, a.from), Count: a.count})
		}
	}
	return all
}

func isResult(s catalogue.Series) bool {
	return strings.HasPrefix(s.Field, "check_") || strings.HasPrefix(s.Field, "agent_")
}

// statesOf returns the states of a field, in the exporter's order; nil for a number.
func statesOf(in catalogue.Scopes, field string) []State {
	var all []State
	ranked := catalogue.States(in, field)
	for _, name := range catalogue.StateLabels(in, field) {
		all = append(all, State{name, int64(slices.Index(ranked, name))})
	}
	return all
}

// aggregated are the fields of backends that count servers by a state of theirs.
var aggregated = []struct {
	field, from string
	count       func(*Servers) []int
}{
	{"agg_server_status", "status", serverStates},
	{"agg_server_check_status", "status", serverStates},
	{"agg_check_status", "check_status", serverChecks},
}

// stateHelp has the texts of series of states, by the field.
var stateHelp = map[string]string{
	"status":                  "State: 1 for the present one, else 0",
	"check_status":            "Result of the last health check: 1 for the present one, else 0",
	"agent_status":            "Result of the last check by an agent: 1 for the present one, else 0",
	"agg_server_status":       "Servers of the backend by their state",
	"agg_server_check_status": "Servers of the backend by their state, under an older name",
	"agg_check_status":        "Servers of the backend by the result of their last health check",
}

// Servers counts the servers of a backend by the ranks of their states and results.
type Servers struct {
	proxy           string
	states, results []int
}

func serverStates(s *Servers) []int { return s.states }
func serverChecks(s *Servers) []int { return s.results }

var (
	serverRanks = len(catalogue.States(catalogue.Server, "status"))
	checkRanks  = len(catalogue.States(catalogue.Server, "check_status"))
)

// CountServers appends the servers of each backend of a batch to old, whose memory it uses.
// They are ordered by the backend.
func CountServers(old []Servers, groups []encode.Group) []Servers {
	for i := range groups {
		if groups[i].Scope != metric.Server {
			continue
		}
		for _, t := range groups[i].Tables {
			status, check := t.Column("status"), t.Column("check_status")
			if status < 0 {
				continue
			}
			for _, row := range t.Rows() {
				proxy := t.Entity(row).Parent
				if n := len(old); n == 0 || old[n-1].proxy != proxy {
					if n < cap(old) {
						old = old[:n+1]
					} else {
						old = append(old, Servers{})
					}
					s := &old[n]
					s.proxy = proxy
					s.states = append(s.states[:0], make([]int, serverRanks)...)
					s.results = append(s.results[:0], make([]int, checkRanks)...)
				}
				s := &old[len(old)-1]
				sums, counts := t.Cells(row)
				if v := sums[status]; counts[status] > 0 && v >= 0 && v < int64(len(s.states)) {
					s.states[v]++
				}
				if check < 0 {
					continue
				}
				if v := sums[check]; counts[check] > 0 && v >= 0 && v < int64(len(s.results)) {
					s.results[v]++
				}
			}
		}
	}
	return old
}

// ServersOf returns the servers of a backend among all; nil for none.
func ServersOf(all []Servers, proxy string) *Servers {
	i, ok := slices.BinarySearchFunc(all, proxy, func(s Servers, proxy string) int { return strings.Compare(s.proxy, proxy) })
	if !ok {
		return nil
	}
	return &all[i]
}
