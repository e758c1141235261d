package aggregate

import (
	"haproxystats/internal/haproxy"
	"haproxystats/internal/metric"
)

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
	if p.uncounted == nil {
		return
	}
	left := p.uncounted.Table()
	for _, row := range left.Rows() {
		e := left.Entity(row)
		at := p.totals.Row(metric.Entity{Name: e.Parent, Group: e.Group})
		n := int64(1)
		if have, ok := p.totals.At(at, 0); ok {
			n += have.Int
			p.totals.Replace(at, 0, n)
			continue
		}
		p.totals.Touch(at)
		p.totals.Add(at, 0, n)
	}
}
