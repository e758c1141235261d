package aggregate

import (
	"cmp"
	"math/big"
	"slices"

	"haproxystats/internal/catalogue"
	"haproxystats/internal/haproxy"
	"haproxystats/internal/metric"
)

// daemon collects the replies to `show info`, one a process. They are few and
// small, so each is kept until the batch is made: percentiles need them all.
type daemon struct {
	processes []process
}

// process is what one HAProxy process says of itself.
type process struct {
	socket string
	number string // Process_num, or empty
	values []infoValue
}

// infoValue is one number of `show info`.
type infoValue struct {
	field string
	n     int64
	wide  *big.Rat // set where n can't hold the number
}

// The fields that metrics are derived from.
const (
	fieldNumber = "Process_num"
	fieldIdle   = "Idle_pct"
)

func (d *daemon) reset() { d.processes = d.processes[:0] }

// add reads one reply. The first of a key that comes twice counts.
func (d *daemon) add(socket string, s *haproxy.InfoScanner) {
	p := process{socket: socket}
	seen := make(map[string]bool)
	for s.Next() {
		if seen[string(s.Key())] {
			continue
		}
		field := string(s.Key())
		seen[field] = true
		if field == fieldNumber {
			p.number = string(s.Value())
		}
		if n, ok := haproxy.Number(s.Value()); ok {
			p.values = append(p.values, infoValue{field: field, n: n})
		} else if wide, ok := haproxy.WideNumber(s.Value()); ok {
			p.values = append(p.values, infoValue{field: field, wide: wide})
		}
	}
	if len(p.values) > 0 {
		d.processes = append(d.processes, p)
	}
}

func (d *daemon) merge(o *daemon) { d.processes = append(d.processes, o.processes...) }

// tables returns the node's metrics and, if asked for, those of each process.
func (d *daemon) tables(opt Options) []*metric.Table {
	if len(d.processes) == 0 {
		return nil
	}
	slices.SortFunc(d.processes, func(a, b process) int { return cmp.Compare(a.socket, b.socket) })
	columns := d.columns(opt)
	place := places(columns)
	node := metric.NewBuilder(metric.Daemon, columns)
	row := node.Row(metric.Entity{})
	for i := range d.processes {
		node.Touch(row)
		d.processes[i].fill(node, row, place)
	}
	d.addDistribution(node, row, place)
	if opt.Percentages {
		addPercentages(node, row, place)
	}
	out := []*metric.Table{node.Table()}
	if !opt.PerProcess {
		return out
	}
	each := metric.NewBuilder(metric.Process, columns)
	for i, label := range d.labels() {
		row := each.Row(metric.Entity{Name: label})
		each.Touch(row)
		d.processes[i].fill(each, row, place)
		if opt.Percentages {
			addPercentages(each, row, place)
		}
	}
	return append(out, each.Table())
}

// columns returns the metrics of the fields that any process shows, in the
// order of the catalogue, and behind them the derived ones.
func (d *daemon) columns(opt Options) []metric.Column {
	var columns []metric.Column
	seen := make(map[string]bool)
	for _, p := range d.processes {
		for _, v := range p.values {
			if name := columnName(v.field); !seen[name] && catalogue.IsMetric(v.field, catalogue.Daemon, opt.Classic) {
				seen[name] = true
				columns = append(columns, infoColumn(v.field))
			}
		}
	}
	slices.SortFunc(columns, compareColumns(catalogue.InfoFields()))
	return append(columns, derivedColumns(opt)...)
}

// fill adds the process's numbers to a row.
func (p *process) fill(t *metric.Builder, row int, place map[string]int) {
	for _, v := range p.values {
		if column, ok := place[columnName(v.field)]; ok {
			if v.wide != nil {
				t.AddRat(row, column, v.wide)
			} else {
				t.Add(row, column, v.n)
			}
		}
	}
	if busy, ok := p.cpu(); ok {
		t.Add(row, place[columnCPU], busy)
	}
}

// cpu returns how busy the process is, in percent.
func (p *process) cpu() (int64, bool) {
	for _, v := range p.values {
		if v.field == fieldIdle && v.wide == nil {
			busy := 100 - v.n
			return busy, v.n >= 0 || busy > 0 // an int64 may not hold it
		}
	}
	return 0, false
}
