package samples

import (
	"slices"

	"haproxystats/internal/catalogue"
	"haproxystats/internal/encode"
	"haproxystats/internal/encode/series"
	"haproxystats/internal/metric"
)

// state is a state with its label.
type state struct {
	tag  *Tag
	rank int64 // the value of a column in that state
}

// statesOf returns states with their labels.
func (w *Walk) statesOf(all []series.State) []state {
	labelled := make([]state, len(all))
	for i, s := range all {
		labelled[i] = state{w.tag(Label{"state", s.Name}), s.Rank}
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
func (w *Walk) stateFamilies(g *encode.Group) (all []Family) {
	for _, s := range series.StatesOf(g) {
		all = append(all, Family{
			Name: s.Exporter.Name, Help: s.Help, Scope: g.Scope, Exporter: s.Exporter,
			rank: rank(s.Exporter), results: s.Results,
			columns: []column{{table: s.Table, column: s.Column, scale: 1, states: w.statesOf(s.All), of: s.Count}},
		})
	}
	return all
}

// stateSamples visits the samples that a part has of a column of states.
func (w *Walk) stateSamples(p *part, f *Family, c *column) (n int, err error) {
	s := &w.sample
	s.Exact, s.Empty = true, false
	current := f.results && w.opt.CheckStates == series.CurrentState
	for at, row := range s.Rows.Numbers {
		var numbers []int // by rank; nil for a state
		rank := int64(-1)
		if c.of != nil {
			of := series.ServersOf(p.backends, s.Rows.Table.Entity(row).Name)
			if of == nil {
				continue
			}
			numbers = c.of(of)
		} else {
			sums, counts := s.Rows.Table.Cells(row)
			if counts[c.column] == 0 {
				continue
			}
			rank = sums[c.column]
		}
		s.At = at
		for i := range c.states {
			state := &c.states[i]
			if current && state.rank != rank {
				continue
			}
			switch {
			case numbers != nil:
				s.Int = int64(numbers[state.rank])
			case state.rank == rank:
				s.Int = 1
			default:
				s.Int = 0
			}
			s.Tag, s.Slot = state.tag, c.slot+i
			n++
			if err := w.visit(s); err != nil {
				return n, err
			}
		}
	}
	return n, nil
}

// textFamily is a family of what processes say of themselves in words.
type textFamily struct {
	Family
	field, label string
}

// textHelp has the texts of families of texts, by their label.
var textHelp = map[string]string{
	"version": "Version of HAProxy",
	"node":    "Name that HAProxy gives its node",
	"desc":    "Description that HAProxy gives itself",
}

// textFamilies returns the families of texts.
func (w *Walk) textFamilies() (all []textFamily) {
	for _, of := range catalogue.AllSeries() {
		if help, ok := textHelp[of.Label]; ok {
			f := textFamily{Family{Name: of.Name, Help: help}, of.Field, of.Label}
			f.Head = w.style.Head(&f.Family)
			all = append(all, f)
		}
	}
	return all
}

// eachText calls f with each sample of what processes say of themselves in words, until f
// returns an error.
func (w *Walk) eachText(f func(*Sample) error) error {
	if !w.wanted.Scopes[metric.Daemon] {
		return nil
	}
	for i := range w.texts {
		of := &w.texts[i]
		if !w.wants(&of.Family) {
			continue
		}
		for k := range w.parts {
			p := &w.parts[k]
			if p.Old || slices.ContainsFunc(p.Labels, func(l Label) bool { return l.Name == of.label }) {
				continue // a label can't be there twice
			}
			for _, t := range p.Batch.Texts {
				if t.Field != of.field {
					continue
				}
				label := Label{of.label, t.Value}
				err := f(&Sample{
					Family: &of.Family, Tag: &Tag{label, w.style.Text(label)},
					Rows: &p.text, Slot: -1, Exact: true, Int: 1, Scale: 1,
				})
				if err != nil {
					return err
				}
			}
		}
	}
	return nil
}
