package truth

import (
	"fmt"
	"hash/fnv"
	"io"
	"math"
	"slices"

	"haproxystats/internal/catalogue"
	"haproxystats/internal/haproxy"
)

// Key names a row across instances. The numbers iid and sid move with every change of
// the configuration.
type Key struct {
	Type           haproxy.RowType
	Proxy, Service string
}

// keyOf returns the key of a row.
func keyOf(row *haproxy.Row) Key { return Key{row.Type, string(row.Proxy), string(row.Service)} }

// rows has a number for each row and column. An absent number is 0.
type rows struct {
	columns []string
	keys    []Key
	index   map[Key]int
	values  []int64 // of one row after another
}

// row returns the number of a row, which it makes if necessary.
func (r *rows) row(k Key) int {
	if i, ok := r.index[k]; ok {
		return i
	}
	if r.index == nil {
		r.index = make(map[Key]int)
	}
	i := len(r.keys)
	r.index[k] = i
	r.keys = append(r.keys, k)
	n := len(r.values)
	r.values = slices.Grow(r.values, len(r.columns))[:n+len(r.columns)]
	clear(r.values[n:])
	return i
}

// reserve makes room for so many rows.
func (r *rows) reserve(n int) {
	r.keys, r.index = make([]Key, 0, n), make(map[Key]int, n)
	r.values = make([]int64, 0, n*len(r.columns))
}

// at returns the values of a row.
func (r *rows) at(i int) []int64 {
	return r.values[i*len(r.columns) : (i+1)*len(r.columns) : (i+1)*len(r.columns)]
}

// find returns the values of a row, or nil.
func (r *rows) find(k Key) []int64 {
	if r == nil {
		return nil
	}
	if i, ok := r.index[k]; ok {
		return r.at(i)
	}
	return nil
}

// places returns for each of the names its number in columns, or -1.
func places(names, columns []string) []int {
	at := make(map[string]int, len(columns))
	for i, c := range columns {
		at[c] = i
	}
	found := make([]int, len(names))
	for i, n := range names {
		p, ok := at[n]
		if !ok {
			p = -1
		}
		found[i] = p
	}
	return found
}

// widen adds the missing ones of the columns at the end.
func (r *rows) widen(columns []string) {
	all := slices.Clip(r.columns)
	for _, c := range columns {
		if !slices.Contains(all, c) {
			all = append(all, c)
		}
	}
	if len(all) == len(r.columns) {
		return
	}
	values := make([]int64, len(r.keys)*len(all))
	for i := range r.keys {
		copy(values[i*len(all):], r.at(i))
	}
	r.columns, r.values = all, values
}

// plus adds two numbers. A sum beyond the range, which HAProxy's counters never reach,
// ends at its limit.
func plus(a, b int64) int64 {
	sum := a + b
	if (a^sum)&(b^sum) < 0 {
		if a < 0 {
			return math.MinInt64
		}
		return math.MaxInt64
	}
	return sum
}

// Columns that the account needs by name.
const (
	columnSessions = "stot"
	columnIn       = "bin"
	columnOut      = "bout"
	columnConns    = "conn_tot"
	columnDown     = "chkdown"
	columnAge      = "lastchg"
	columnType     = "type"
	// ColumnDowntime is derived from the time of the last change: it goes back, and
	// jumps. Of it the current instance alone counts.
	ColumnDowntime = "downtime"
)

// counterColumns returns the positions in a header of the counters of a row type, in
// ascending order.
func counterColumns(header []string, t haproxy.RowType) []int {
	scope := Scopes[t]
	var columns []int
	seen := make(map[string]bool)
	for i, name := range header {
		f, known := catalogue.LookupStat(name)
		if known && !seen[name] && f.IsCounter() && f.In&scope != 0 {
			columns = append(columns, i)
		}
		seen[name] = true // the first of a repeated column counts
	}
	return columns
}

// Scopes are those of the rows, by their types.
var Scopes = [...]catalogue.Scopes{
	haproxy.FrontendRow: catalogue.Frontend,
	haproxy.BackendRow:  catalogue.Backend,
	haproxy.ServerRow:   catalogue.Server,
	haproxy.ListenerRow: catalogue.Listener,
}

// Stat has the counters of a reply to `show stat`.
type Stat struct {
	rows
	// module marks the columns of modules (SSL, HTTP/1 ...), which `clear counters`
	// clears.
	module []bool
	ids    []uint32 // of each row: which server or proxy of the instance it is
}

// Len returns the number of rows.
func (s *Stat) Len() int { return len(s.keys) }

// IsEmpty reports whether the reply has no row. HAProxy 2.4 and before send the header
// only while they stop.
func (s *Stat) IsEmpty() bool { return s == nil || len(s.keys) == 0 }

// Value returns a counter of a row.
func (s *Stat) Value(k Key, column string) (int64, bool) {
	v := s.find(k)
	i := slices.Index(s.columns, column)
	if v == nil || i < 0 {
		return 0, false
	}
	return v[i], true
}

// ReadStat reads a reply to `show stat` of about so many rows. Rows of one name are added
// up.
func ReadStat(r io.Reader, rows int) (*Stat, error) {
	var sc haproxy.StatScanner
	if err := sc.Reset(r); err != nil {
		return nil, fmt.Errorf("read show stat: %w", err)
	}
	header := sc.Columns()
	s := &Stat{}
	behind := slices.Index(header, "-")
	var place [len(Scopes)][]int
	for i := range Scopes {
		t := haproxy.RowType(i)
		columns := counterColumns(header, t)
		for _, c := range columns {
			at := slices.Index(s.columns, header[c])
			if at < 0 {
				at = len(s.columns)
				s.columns = append(s.columns, header[c])
				s.module = append(s.module, behind >= 0 && c > behind)
			}
			place[t] = append(place[t], at)
		}
		sc.Select(t, columns)
		sc.SelectTexts(t, identityColumns(header))
	}
	s.reserve(rows)
	for sc.Next() {
		row := sc.Row()
		known := len(s.keys)
		i := s.row(keyOf(row))
		if i == known {
			s.ids = append(s.ids, identityOf(row))
		}
		values := s.at(i)
		for n, at := range place[row.Type] {
			if row.Values[n] > 0 { // no counter is negative
				values[at] = plus(values[at], row.Values[n])
			}
		}
	}
	if err := sc.Err(); err != nil {
		return nil, fmt.Errorf("read show stat: %w", err)
	}
	if !sc.Complete() {
		return nil, fmt.Errorf("read show stat: %w", ErrIncomplete)
	}
	return s, nil
}

// identityColumns returns the positions of the columns that tell one server of an
// instance from another that takes its name.
func identityColumns(header []string) []int {
	var columns []int
	for _, name := range []string{"sid", "srid"} {
		if i := slices.Index(header, name); i >= 0 {
			columns = append(columns, i)
		}
	}
	return columns
}

// identityOf returns a number for these columns of a row.
func identityOf(row *haproxy.Row) uint32 {
	h := fnv.New32a()
	for _, text := range row.Texts {
		h.Write(text)
		h.Write([]byte{','})
	}
	return h.Sum32()
}

// position returns the number of a column, or -1.
func (r *rows) position(column string) int { return slices.Index(r.columns, column) }

// get returns element i, or 0.
func get(values []int64, i int) int64 {
	if i < 0 || i >= len(values) {
		return 0
	}
	return values[i]
}
