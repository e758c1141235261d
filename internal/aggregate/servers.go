package aggregate

import (
	"haproxystats/internal/haproxy"
	"haproxystats/internal/metric"
)

// countServers fills TotalServers: the number of different server names in each
// backend with servers. The rows of servers are ordered by backend.
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
}
