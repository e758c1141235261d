package phases

import (
	"slices"

	"haproxystats/internal/catalogue"
	"haproxystats/internal/haproxy"
)

// parser is a consumer of snapshots that asks for the columns of the classic
// metric set, as the aggregator does, and makes nothing of them.
type parser struct {
	header  []string
	columns [3][]int // of the header, by row type
	rows    int
}

// Info reads all pairs.
func (p *parser) Info(_ string, s *haproxy.InfoScanner) {
	for s.Next() {
		haproxy.Number(s.Value())
	}
}

// Stat reads all rows.
func (p *parser) Stat(_ []string, replies []*haproxy.StatScanner) {
	for _, s := range replies {
		p.choose(s)
		for s.Next() {
			p.rows++
		}
	}
}

// choose selects the columns.
func (p *parser) choose(s *haproxy.StatScanner) {
	header := s.Columns()
	if !slices.Equal(p.header, header) {
		p.header = header
		p.columns = columnsOf(header)
	}
	for t, columns := range p.columns {
		s.Select(haproxy.RowType(t), columns)
	}
}

// columnsOf returns the columns by row type.
func columnsOf(header []string) (byType [3][]int) {
	for t, scope := range map[haproxy.RowType]catalogue.Scopes{
		haproxy.FrontendRow: catalogue.Frontend,
		haproxy.BackendRow:  catalogue.Backend,
		haproxy.ServerRow:   catalogue.Server,
	} {
		for i, name := range header {
			if f, ok := catalogue.LookupStat(name); ok && f.IsClassic(scope) {
				byType[t] = append(byType[t], i)
			}
		}
	}
	return byType
}
