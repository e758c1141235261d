package phases

import (
	"haproxystats/internal/catalogue"
	"haproxystats/internal/haproxy"
)

// parser is a consumer of snapshots that asks for the columns of the classic
// metric set, as the aggregator does, and makes nothing of them.
type parser struct {
	header []string // for which the columns have been selected
	rows   int
}

// Info reads all pairs.
func (p *parser) Info(_ string, s *haproxy.InfoScanner) {
	for s.Next() {
		haproxy.Number(s.Value())
	}
}

// Stat reads all rows.
func (p *parser) Stat(_ string, s *haproxy.StatScanner) {
	p.choose(s)
	for s.Next() {
		p.rows++
	}
}

// choose selects the columns, once for every header.
func (p *parser) choose(s *haproxy.StatScanner) {
	header := s.Columns()
	if p.header != nil && &p.header[0] == &header[0] {
		return
	}
	p.header = header
	for t, scope := range map[haproxy.RowType]catalogue.Scopes{
		haproxy.FrontendRow: catalogue.Frontend,
		haproxy.BackendRow:  catalogue.Backend,
		haproxy.ServerRow:   catalogue.Server,
	} {
		var columns []int
		for i, name := range header {
			if f, ok := catalogue.LookupStat(name); ok && f.IsClassic(scope) {
				columns = append(columns, i)
			}
		}
		s.Select(t, columns)
	}
}
