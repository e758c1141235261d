// Package encode has what the encoders of records share. A record is what one
// [Message] carries: a line or an object about one entity, or some hundred data points.
//
// Encoders are pure: a batch in, bytes out. Each maps names in its own way, but all of
// them visit the entities by [Groups] and make valid UTF-8 of names by [AppendText].
package encode

import (
	"cmp"
	"math"
	"strings"

	"haproxystats/internal/metric"
)

// Message is one encoded record.
type Message struct {
	// Scope is the scope of all the metrics in the record.
	Scope metric.Scope
	// Proxy is the frontend or backend that the record is about, as HAProxy spells it;
	// empty if the record is about none, or about several.
	Proxy string
	// Metrics is the number of metrics in the record.
	Metrics int
	// Value is the record. It is valid until emit returns.
	Value []byte
}

// Host says how records name the host that a batch is about.
type Host struct {
	// Name is the host of a batch that names neither a node nor a cluster.
	Name string
	// FQDN takes the whole name; else the part before the first dot.
	FQDN bool
}

// Of returns the name of the host that the batch is about, empty for a batch about a
// cluster.
func (h Host) Of(b *metric.Batch) string {
	name := b.Node
	if name == "" && b.Cluster == "" {
		name = h.Name
	}
	if !h.FQDN {
		name, _, _ = strings.Cut(name, ".")
	}
	return name
}

// Group has the tables of one scope in a batch. Several tables have different columns of
// the same entities.
type Group struct {
	Scope  metric.Scope
	Tables []*metric.Table
	next   []int // per table: how many rows were visited
}

// Groups appends the groups of a batch to old, in the order of the scopes' first tables.
// It uses the memory of groups that old has beyond its length.
func Groups(old []Group, b *metric.Batch) []Group {
	for _, t := range b.Tables {
		g := find(old, t.Scope())
		if g == nil {
			if len(old) < cap(old) {
				old = old[:len(old)+1]
			} else {
				old = append(old, Group{})
			}
			g = &old[len(old)-1]
			g.Scope, g.Tables, g.next = t.Scope(), g.Tables[:0], g.next[:0]
		}
		g.Tables, g.next = append(g.Tables, t), append(g.next, 0)
	}
	return old
}

func find(groups []Group, s metric.Scope) *Group {
	for i := range groups {
		if groups[i].Scope == s {
			return &groups[i]
		}
	}
	return nil
}

// Row is an entity with its row in each table of its group; -1 in a table that has none.
type Row struct {
	metric.Entity
	At []int
}

// Each calls f with each entity, ordered by parent and name, until f returns an error.
// The row is valid during the call.
func (g *Group) Each(f func(*Row) error) error {
	clear(g.next)
	r := Row{At: make([]int, len(g.Tables))}
	for g.step(&r) {
		if err := f(&r); err != nil {
			return err
		}
	}
	return nil
}

// step moves to the next entity, and reports whether there is one.
func (g *Group) step(r *Row) bool {
	found := false
	for i, t := range g.Tables {
		r.At[i] = -1
		if g.next[i] == len(t.Rows()) {
			continue
		}
		row := t.Rows()[g.next[i]]
		e := t.Entity(row)
		order := -1
		if found {
			order = cmp.Or(cmp.Compare(e.Parent, r.Parent), cmp.Compare(e.Name, r.Name))
		}
		if order > 0 {
			continue
		}
		if order < 0 {
			for k := range i {
				r.At[k] = -1
			}
			r.Entity, found = e, true
		}
		r.At[i] = row
	}
	for i, row := range r.At {
		if row >= 0 {
			g.next[i]++
		}
	}
	return found
}

// Cell is a cell that has a value.
type Cell struct {
	// Name is the number of the column among those of all tables of the group, as in
	// [Spell].
	Name int
	// Table, Row and Column are where the cell is.
	Table       *metric.Table
	Row, Column int
	// Sum is the value if Plain, else [metric.Table.At] has it.
	Sum   int64
	Plain bool
}

// Value returns the value of the cell, and whether it has one.
func (c Cell) Value() (metric.Value, bool) {
	if c.Plain {
		return metric.Value{Int: c.Sum, Exact: true}, true
	}
	return c.Table.At(c.Row, c.Column)
}

// Cells calls f with each cell of an entity that has a value, until f returns an error. It
// leaves out the columns that are only for Graphite, and the states of texts, whose numbers
// say nothing without their names.
func (g *Group) Cells(r *Row, f func(Cell) error) error {
	first := 0
	for i, t := range g.Tables {
		columns := t.Columns()
		c := Cell{Name: first, Table: t, Row: r.At[i]}
		if first += len(columns); c.Row < 0 {
			continue
		}
		sums, counts := t.Cells(c.Row)
		sums, counts = sums[:len(columns)], counts[:len(columns)]
		for c.Column = range columns {
			if n := counts[c.Column]; n > 0 && isShown(&columns[c.Column]) {
				c.Sum = sums[c.Column]
				c.Plain = n == 1 || n != metric.Wide && !columns[c.Column].Combine.IsMean()
				if err := f(c); err != nil {
					return err
				}
			}
			c.Name++
		}
	}
	return nil
}

func isShown(c *metric.Column) bool {
	return c.Outputs == metric.EveryOutput || c.Outputs == metric.ExceptGraphite && c.Nature != metric.State
}

// Whole returns a value as an integer of 64 bits: means are rounded, and a larger number
// is capped.
func Whole(v metric.Value) int64 {
	switch {
	case v.Exact:
		return v.Int
	case v.Float >= math.MaxInt64:
		return math.MaxInt64
	case v.Float <= math.MinInt64:
		return math.MinInt64
	}
	return int64(math.Round(v.Float))
}

// Proxy returns the frontend or backend that an entity is or belongs to; empty if there
// is none.
func Proxy(s metric.Scope, e metric.Entity) string {
	switch s {
	case metric.Frontend, metric.Backend:
		return e.Name
	case metric.Server, metric.Listener, metric.ServerProcesses:
		return e.Parent
	}
	return ""
}

// Labels returns what records call the parent and the name of the entities of a scope;
// empty for what they do not have.
func Labels(s metric.Scope) (parent, name string) { return labels[s].parent, labels[s].name }

var labels = [metric.NumScopes]struct{ parent, name string }{
	metric.Process:         {"", "process"},
	metric.Frontend:        {"", "proxy"},
	metric.Backend:         {"", "proxy"},
	metric.Server:          {"proxy", "server"},
	metric.ServerName:      {"", "server"},
	metric.Listener:        {"proxy", "listener"},
	metric.StickTable:      {"type", "name"},
	metric.Resolver:        {"resolver", "nameserver"},
	metric.Certificate:     {"subject", "certificate"},
	metric.ServerProcesses: {"proxy", "server"},
	metric.Socket:          {"", "socket"},
	metric.Learned:         {"rows", "field"},
}
