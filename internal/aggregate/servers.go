package aggregate

import (
	"haproxystats/internal/haproxy"
	"haproxystats/internal/metric"
)

// totalServers is the metric of a backend that counts its servers.
const totalServers = "TotalServers"

// countServers fills TotalServers: the number of different server names in each
// backend with servers, also of those that are left out by their own names. The rows of
// servers are ordered by backend.
func (p *proxies) countServers() {
	p.totals.Reset()
	servers := p.scopes[haproxy.ServerRow].table.Table()
	rows := servers.Rows()
	for i := 0; i < len(rows); {
		first := servers.Entity(rows[i])
		n := 1
		for i+n < len(rows) && servers.Entity(rows[i+n]).Parent == first.Parent {
			n++
		}
		at := p.totals.Row(metric.Entity{Name: first.Parent, Group: first.Group})
		p.totals.Touch(at)
		p.totals.Add(at, 0, int64(n))
		i += n
	}
	if p.uncounted != nil {
		left := p.uncounted.Table()
		for _, row := range left.Rows() {
			e := left.Entity(row)
			at := p.totals.Row(metric.Entity{Name: e.Parent, Group: e.Group})
			p.setTotal(at, p.total(at)+1)
		}
	}
	if p.nodeTotals != nil {
		t := p.nodeTotals.Table()
		for _, row := range t.Rows() {
			at := p.totals.Row(t.Entity(row))
			if v, ok := t.At(row, 0); ok && v.Int > p.total(at) {
				p.setTotal(at, v.Int)
			}
		}
	}
}

// total returns how many servers of a backend have been counted.
func (p *proxies) total(row int) int64 {
	v, _ := p.totals.At(row, 0)
	return v.Int
}

func (p *proxies) setTotal(row int, n int64) {
	if p.totals.IsTouched(row) {
		p.totals.Replace(row, 0, n)
		return
	}
	p.totals.Touch(row)
	p.totals.Add(row, 0, n)
}
