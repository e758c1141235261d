package encode

import (
	"slices"
	"strings"

	"haproxystats/internal/metric"
)

// Columns keeps what an encoder has made of the columns of groups, which hardly ever
// change: a T for each group.
type Columns[T any] struct {
	groups []columnsOf[T]
}

type columnsOf[T any] struct {
	scope   metric.Scope
	columns [][]metric.Column
	made    T
}

// Of returns what build makes of the columns of the group at place i of its batch.
func (c *Columns[T]) Of(i int, g *Group, build func(*Group) T) T {
	for len(c.groups) <= i {
		c.groups = append(c.groups, columnsOf[T]{})
	}
	have := &c.groups[i]
	if !have.of(g) {
		have.scope, have.columns = g.Scope, have.columns[:0]
		for _, t := range g.Tables {
			have.columns = append(have.columns, t.Columns())
		}
		have.made = build(g)
	}
	return have.made
}

// of reports whether the columns are those of the group. Nobody changes columns in place,
// and these are held, so that the same address means the same columns.
func (c *columnsOf[T]) of(g *Group) bool {
	if c.scope != g.Scope || len(c.columns) != len(g.Tables) {
		return false
	}
	for i, t := range g.Tables {
		columns := t.Columns()
		if len(columns) != len(c.columns[i]) || len(columns) > 0 && &columns[0] != &c.columns[i][0] {
			return false
		}
	}
	return true
}

// Spell returns the names of the columns of all tables of the group, one after another,
// each as spell appends it; empty for one that is only for Graphite. A reserved name gets an underscore at its end, and so does a
// name that an earlier table of the group has.
func Spell(g *Group, spell func(dst []byte, name string) []byte, reserved ...string) []string {
	used := make(map[string]bool)
	var names []string
	for _, t := range g.Tables {
		for _, c := range t.Columns() {
			if !c.Outputs.ForOthers() {
				names = append(names, "")
				continue
			}
			name := string(spell(nil, c.Name))
			// One that looks like a reserved name with an underscore gets a second one, so
			// that no name depends on which others there are.
			if slices.Contains(reserved, strings.TrimRight(name, "_")) {
				name += "_"
			}
			for used[name] {
				name += "_"
			}
			used[name] = true
			names = append(names, name)
		}
	}
	return names
}
