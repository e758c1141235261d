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

// LearnedColumns returns the columns of fields that HAProxy itself has explained.
func LearnedColumns() []metric.Column {
	return []metric.Column{{
		Name: "fields", Combine: metric.Max, Nature: metric.Gauge, Outputs: metric.ExceptGraphite,
		Help: "Fields that this version does not know, and HAProxy has explained",
	}}
}

// learnedFields returns the table of the fields that HAProxy itself has explained, or nil if
// there are none.
func (a *Aggregator) learnedFields() *metric.Table {
	if a.opt.Learned == nil || len(a.opt.Learned.Fields()) == 0 {
		return nil
	}
	to := metric.NewBuilder(metric.Learned, LearnedColumns())
	for _, f := range a.opt.Learned.Fields() {
		row := to.Row(metric.Entity{Parent: f.Rows, Name: f.Field})
		to.Touch(row)
		to.Add(row, 0, 1)
	}
	return to.Table()
}
