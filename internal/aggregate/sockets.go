package aggregate

import "haproxystats/internal/metric"

// Down takes the names of the sockets that have failed in the round.
func (a *Aggregator) Down(sockets []string) { a.down = sockets }

// SocketColumns returns the columns of sockets.
func SocketColumns() []metric.Column {
	return []metric.Column{{
		Name: "up", Combine: metric.Min, Nature: metric.State, Outputs: metric.ExceptGraphite,
		Help: "1 if the stats socket has answered in the last round, 0 if it has failed",
	}}
}

// sockets returns the table of the sockets, or nil if none was asked.
func (a *Aggregator) sockets() *metric.Table {
	to := metric.NewBuilder(metric.Socket, SocketColumns())
	add := func(socket string, up int64) {
		row := to.Row(metric.Entity{Name: socket})
		to.Touch(row)
		to.Add(row, 0, up)
	}
	for i := range a.daemon.processes {
		if p := &a.daemon.processes[i]; !p.silent {
			add(p.socket, 1)
		}
	}
	for _, socket := range a.down {
		add(socket, 0)
	}
	if t := to.Table(); len(t.Rows()) > 0 {
		return t
	}
	return nil
}
