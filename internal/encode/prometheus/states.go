package prometheus

import (
	"slices"
	"strconv"

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

// statesOf returns states with their labels.
func statesOf(all []series.State) []state {
	labelled := make([]state, len(all))
	for i, s := range all {
		labelled[i] = state{appendLabel(nil, Label{"state", s.Name}), s.Rank}
	}
	return labelled
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
	for _, s := range series.StatesOf(g) {
		all = append(all, family{
			name: s.Exporter.Name, rank: rank(s.Exporter), head: appendHead(nil, s.Exporter.Name, s.Help, catalogue.Gauge),
			results: s.Results,
			columns: []column{{table: s.Table, column: s.Column, states: statesOf(s.All), of: s.Count}},
		})
	}
	return all
}

// stateSamples writes the samples that a part has of a column of states.
func (e *Encoder) stateSamples(p *part, t *scope, f *family, c *column, head []byte, written *bool) int {
	n := 0
	table := t.group.Tables[c.table]
	r := &t.rows[c.table]
	current := f.results && e.opt.CheckStates == series.CurrentState
	for _, at := range r.all {
		var numbers []int // by rank; nil for a state
		rank := int64(-1)
		if c.of != nil {
			s := series.ServersOf(p.backends, table.Entity(at.number).Name)
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
