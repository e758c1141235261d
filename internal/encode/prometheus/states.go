package prometheus

import (
	"slices"
	"strconv"
	"strings"

	"haproxystats/internal/catalogue"
	"haproxystats/internal/encode"
	"haproxystats/internal/encode/series"
	"haproxystats/internal/metric"
)

// state is a state with its label.
type state struct {
	label []byte
	rank  int64 // the value of a column in that state
}

// statesOf returns the states of a field, in the exporter's order; nil for a number.
func statesOf(in catalogue.Scopes, field string) []state {
	var all []state
	ranked := catalogue.States(in, field)
	for _, name := range catalogue.StateLabels(in, field) {
		all = append(all, state{appendLabel(nil, Label{"state", name}), int64(slices.Index(ranked, name))})
	}
	return all
}

// known returns 1 if a value is one of the states, else 0.
func (c *column) known(rank int64) int {
	for i := range c.states {
		if c.states[i].rank == rank {
			return 1
		}
	}
	return 0
}

// stateFamilies returns the families of the group's states.
func stateFamilies(g *encode.Group) (all []family) {
	in := series.Catalogued(g.Scope)
	add := func(s catalogue.Series, help string, c column) {
		all = append(all, family{
			name: s.Name, rank: rank(s), head: appendHead(nil, s.Name, help, catalogue.Gauge),
			results: strings.HasPrefix(s.Field, "check_") || strings.HasPrefix(s.Field, "agent_"),
			columns: []column{c},
		})
	}
	switch g.Scope {
	case metric.Frontend, metric.Listener, metric.Backend, metric.Server:
	default:
		return nil
	}
	for i, t := range g.Tables {
		for k, c := range t.Columns() {
			s, ok := catalogue.LookupSeries(in, c.Name)
			if !ok || s.Label != "state" || !c.Outputs.ForOthers() {
				continue
			}
			if states := statesOf(in, c.Name); states != nil {
				add(s, stateHelp[c.Name], column{table: i, column: k, states: states})
			}
		}
	}
	if g.Scope != metric.Backend {
		return all
	}
	for _, a := range aggregated {
		if s, ok := catalogue.LookupSeries(in, a.field); ok {
			add(s, stateHelp[a.field], column{states: statesOf(catalogue.Server, a.from), of: a.of})
		}
	}
	return all
}

// aggregated are the fields of backends that count servers by a state of theirs.
var aggregated = []struct {
	field, from string
	of          func(*servers) []int
}{
	{"agg_server_status", "status", serverStates},
	{"agg_server_check_status", "status", serverStates},
	{"agg_check_status", "check_status", serverChecks},
}

// stateHelp has the texts of families of states, by the field.
var stateHelp = map[string]string{
	"status":                  "State: 1 for the present one, else 0",
	"check_status":            "Result of the last health check: 1 for the present one, else 0",
	"agent_status":            "Result of the last check by an agent: 1 for the present one, else 0",
	"agg_server_status":       "Servers of the backend by their state",
	"agg_server_check_status": "Servers of the backend by their state, under an older name",
	"agg_check_status":        "Servers of the backend by the result of their last health check",
}

// servers counts the servers of a backend by the ranks of their states and results.
type servers struct {
	proxy           string
	states, results []int
}

func serverStates(s *servers) []int { return s.states }
func serverChecks(s *servers) []int { return s.results }

var (
	serverRanks = len(catalogue.States(catalogue.Server, "status"))
	checkRanks  = len(catalogue.States(catalogue.Server, "check_status"))
)

// countServers appends the servers of each backend of a batch, whether or not they are
// wanted, to old, whose memory it uses.
func countServers(old []servers, groups []encode.Group) []servers {
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
						old = append(old, servers{})
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

// serversOf returns the servers of a backend; nil for none.
func (p *part) serversOf(proxy string) *servers {
	i, ok := slices.BinarySearchFunc(p.backends, proxy, func(s servers, proxy string) int { return strings.Compare(s.proxy, proxy) })
	if !ok {
		return nil
	}
	return &p.backends[i]
}

// stateSamples writes the samples that a part has of a column of states.
func (e *Encoder) stateSamples(p *part, t *scope, f *family, c *column, head []byte, written *bool) int {
	n := 0
	table := t.group.Tables[c.table]
	r := &t.rows[c.table]
	current := f.results && e.opt.CheckStates == CurrentState
	for _, at := range r.all {
		var numbers []int // by rank; nil for a state
		rank := int64(-1)
		if c.of != nil {
			s := p.serversOf(table.Entity(at.number).Name)
			if s == nil {
				continue
			}
			numbers = c.of(s)
		} else {
			sums, counts := table.Cells(at.number)
			if counts[c.column] == 0 {
				continue
			}
			rank = sums[c.column]
		}
		b := e.buf
		for i := range c.states {
			s := &c.states[i]
			if current && s.rank != rank {
				continue
			}
			if !*written {
				b = append(b, head...)
				*written = true
			}
			b = append(b, f.name...)
			b = append(b, r.text[at.from:at.to]...)
			b = appendExtra(b, s.label, at.from == at.to)
			switch {
			case numbers != nil:
				b = strconv.AppendInt(b, int64(numbers[s.rank]), 10)
			case s.rank == rank:
				b = append(b, '1')
			default:
				b = append(b, '0')
			}
			b = append(b, '\n')
			n++
		}
		e.buf = b
		if len(b) >= pieceSize {
			e.flush()
		}
	}
	return n
}

// texts returns the number of samples of what processes say of themselves in words, and
// writes them if they are to be written.
func (e *Encoder) texts(s *Selection, write bool) (n int) {
	if !s.Scopes[metric.Daemon] {
		return 0
	}
	for _, of := range catalogue.AllSeries() {
		if of.Label != "version" && of.Label != "node" && of.Label != "desc" || s.Family != nil && !s.Family(of.Name) {
			continue
		}
		written := false
		for i := range e.parts {
			p := &e.parts[i]
			if p.Old || slices.ContainsFunc(p.Labels, func(l Label) bool { return l.Name == of.Label }) {
				continue // a label can't be there twice
			}
			for _, t := range p.Batch.Texts {
				if t.Field != of.Field {
					continue
				}
				if n++; !write {
					continue
				}
				if !written {
					e.buf = appendHead(e.buf, of.Name, textHelp[of.Label], catalogue.Gauge)
					written = true
				}
				e.buf = append(e.buf, of.Name...)
				from := len(e.buf)
				e.buf = append(appendLabel(e.buf, Label{of.Label, t.Value}), p.labels...)
				e.buf[from] = '{'
				e.buf = append(e.buf, "} 1\n"...)
			}
		}
	}
	if len(e.buf) >= pieceSize {
		e.flush()
	}
	return n
}

// textHelp has the texts of families of texts, by their label.
var textHelp = map[string]string{
	"version": "Version of HAProxy",
	"node":    "Name that HAProxy gives its node",
	"desc":    "Description that HAProxy gives itself",
}
