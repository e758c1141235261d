package aggregate

import (
	"cmp"
	"maps"
	"math"
	"math/big"
	"slices"

	"haproxystats/internal/catalogue"
	"haproxystats/internal/haproxy"
	"haproxystats/internal/metric"
)

// daemon collects the replies to `show info`, one for each process. They are few and
// small, so all are kept until the batch is made: percentiles need them.
type daemon struct {
	processes []process
	names     map[string]string // of fields that were shown before, so that each is allocated once
	seen      map[string]bool   // the fields of the reply in hand
	layout    daemonLayout
	nodes     *metric.Builder      // one row: the processes of nodes, combined; nil before there are any
	usages    []usage              // of these processes
	said      map[metric.Text]bool // by these processes
	epoch     int64                // of the batch
}

// maxFieldNames bounds the names of fields that are remembered.
const maxFieldNames = 4096

// daemonLayout has the columns of the fields that processes show, and the node's
// builder with these columns.
type daemonLayout struct {
	shown   []string        // the fields of all processes, one process after another
	nodes   []metric.Column // with values
	columns []metric.Column
	place   map[string]int // of a column, by its name
	others  map[string]int // of a column that is not for Graphite
	node    *metric.Builder
}

// process has the reply of one HAProxy process.
type process struct {
	socket  string
	number  string // Process_num, or empty
	version string
	node    string
	nbproc  string
	texts   []metric.Text
	// stopping reports whether it finishes the work of its last clients.
	stopping bool
	life     life
	values   []infoValue
	// repeated is the socket through which the process has answered before, if any.
	repeated bool
	first    string
	// uses are the values for percentages of limits: those of the current worker.
	uses []infoValue
	// silent reports whether it has not answered, and has only totals.
	silent bool
	// began is the start of the first of the workers before it whose counters it has, too;
	// 0 if there is none.
	began int64
}

// infoValue is one number of `show info`.
type infoValue struct {
	field string
	n     int64
	wide  *big.Rat // set if n can't hold the number
}

// Fields that the code needs by name.
const (
	fieldIdle   = "Idle_pct"
	fieldPid    = "Pid"
	fieldStart  = "Start_time_sec"
	fieldUptime = "Uptime_sec"
	fieldNbproc = "Nbproc"
	fieldNumber = "Process_num"
)

func (d *daemon) reset() {
	d.processes = d.processes[:0]
	d.usages = d.usages[:0]
	clear(d.said)
	switch {
	case d.nodes == nil:
	case len(d.nodes.Columns()) > maxFieldNames:
		d.nodes = nil
	default:
		d.nodes.Reset()
	}
}

// add reads one reply. Of a repeated key the first one counts.
func (d *daemon) add(socket string, s *haproxy.InfoScanner) {
	p := process{socket: socket}
	if n := len(d.processes); n > 0 {
		p.values = make([]infoValue, 0, len(d.processes[n-1].values))
	}
	if d.seen == nil {
		d.seen = make(map[string]bool)
	}
	clear(d.seen)
	for s.Next() {
		if d.seen[string(s.Key())] {
			continue
		}
		field := d.name(s.Key())
		d.seen[field] = true
		p.learn(field, string(s.Value()))
		if n, ok := haproxy.Number(s.Value()); ok {
			p.values = append(p.values, infoValue{field: field, n: unsigned(field, n)})
		} else if wide, ok := haproxy.WideNumber(s.Value()); ok {
			p.values = append(p.values, infoValue{field: field, wide: wide})
		}
	}
	if len(p.values) > 0 {
		d.processes = append(d.processes, p)
	}
}

// name returns the name of a field.
func (d *daemon) name(field []byte) string {
	if name, known := d.names[string(field)]; known {
		return name
	}
	if d.names == nil || len(d.names) >= maxFieldNames {
		d.names = make(map[string]string)
	}
	name := string(field)
	d.names[name] = name
	return name
}

// learn records a field that identifies the process.
func (p *process) learn(field, value string) {
	switch field {
	case fieldNumber:
		p.number = value
	case "Version":
		p.version = value
	case "node":
		p.node = value
	case fieldNbproc:
		p.nbproc = value
	case "Stopping":
		p.stopping = value != "0"
	}
	if value != "" && isText(field) {
		p.texts = append(p.texts, metric.Text{Field: field, Value: value})
	}
	p.life.learn(field, value)
}

// unsigned corrects a counter of 32 bits: HAProxy 1.5 shows its upper half as
// negative numbers.
func unsigned(field string, n int64) int64 {
	if n >= 0 || n < math.MinInt32 {
		return n
	}
	if f, _ := catalogue.LookupInfo(field); f.Nature != catalogue.Counter32 {
		return n
	}
	return n + 1<<32
}

func (d *daemon) merge(o *daemon, opt Options) {
	d.processes = append(d.processes, o.processes...)
	if o.nodes != nil {
		d.addNodes(o.nodes.Table(), opt)
		d.usages = append(d.usages, o.usages...)
	}
	d.addTexts(slices.Collect(maps.Keys(o.said)))
}

// tables returns the node's metrics and, if asked for, those of each process.
func (d *daemon) tables(opt Options) []*metric.Table {
	processes := d.counted()
	var nodes *metric.Table
	if d.nodes != nil {
		if t := d.nodes.Table(); len(t.Rows()) > 0 {
			nodes = t
		}
	}
	if len(processes) == 0 && nodes == nil {
		return nil
	}
	d.arrange(processes, nodes, opt)
	node, place, others := d.layout.node, d.layout.place, d.layout.others
	row := node.Row(metric.Entity{})
	usages := slices.Clone(d.usages)
	for _, u := range usages {
		u.add(node, row, place[columnCPU])
	}
	if nodes != nil {
		node.Merge(nodes)
	}
	for _, p := range processes {
		node.Touch(row)
		p.fill(node, row, place, others, d.epoch)
		if u, ok := p.cpu(); ok {
			usages = append(usages, u)
		}
	}
	addDistribution(usages, node, row, place)
	if opt.Percentages {
		addPercentages(node, row, place, processes)
	}
	out := []*metric.Table{node.Table()}
	if !opt.PerProcess {
		return out
	}
	processes = slices.DeleteFunc(slices.Clone(processes), func(p *process) bool { return p.silent })
	// Labels change with the processes, so this builder's rows don't stay.
	each := metric.NewBuilder(metric.Process, d.layout.columns)
	for i, label := range labels(processes) {
		row := each.Row(metric.Entity{Name: label})
		each.Touch(row)
		processes[i].fill(each, row, place, others, d.epoch)
		if opt.Percentages {
			addPercentages(each, row, place, processes[i:i+1])
		}
	}
	return append(out, each.Table())
}

// arrange makes the layout for the processes and those of nodes, unless that of the last
// batch serves. nodes may be nil.
func (d *daemon) arrange(processes []*process, nodes *metric.Table, opt Options) {
	shown := withValues(nodes)
	if l := &d.layout; l.node != nil && l.serves(processes) && slices.EqualFunc(l.nodes, shown, sameColumn) {
		l.node.Reset()
		return
	}
	columns := processColumns(processes, shown, opt)
	l := daemonLayout{nodes: shown, columns: columns, place: places(columns), others: otherPlaces(columns), node: metric.NewBuilder(metric.Daemon, columns)}
	for _, p := range processes {
		for _, v := range p.values {
			l.shown = append(l.shown, v.field)
		}
	}
	d.layout = l
}

// withValues returns the columns of the first row that have values. t may be nil.
func withValues(t *metric.Table) []metric.Column {
	if t == nil {
		return nil
	}
	var columns []metric.Column
	_, counts := t.Cells(t.Rows()[0])
	for i, c := range t.Columns() {
		if counts[i] > 0 {
			columns = append(columns, c)
		}
	}
	return columns
}

// serves reports whether the processes show the same fields as those that the layout
// was made for.
func (l *daemonLayout) serves(processes []*process) bool {
	shown := l.shown
	for _, p := range processes {
		if len(p.values) > len(shown) {
			return false
		}
		for i, v := range p.values {
			if v.field != shown[i] {
				return false
			}
		}
		shown = shown[len(p.values):]
	}
	return len(shown) == 0
}

// counted returns the processes in the order of their sockets, each once.
func (d *daemon) counted() []*process {
	var processes []*process
	for i := range d.processes {
		if p := &d.processes[i]; !p.repeated {
			processes = append(processes, p)
		}
	}
	slices.SortFunc(processes, func(a, b *process) int { return cmp.Compare(a.socket, b.socket) })
	return processes
}

// processColumns returns columns and those of the fields that any process shows, in the
// order of the catalogue, followed by the derived ones.
func processColumns(processes []*process, columns []metric.Column, opt Options) []metric.Column {
	columns = slices.Clone(columns)
	seen := make(map[string]bool)
	for _, p := range processes {
		for _, v := range p.values {
			if name := v.field; !seen[name] && isMetric(v.field, catalogue.Daemon, opt.Classic, opt.Learned) {
				seen[name] = true
				columns = add(columns, infoColumns(v.field, opt)...)
			}
		}
	}
	columns = addOthers(columns, processes, opt)
	slices.SortFunc(columns, compareColumns(catalogue.InfoFields()))
	return append(columns, derivedColumns(opt)...)
}

// addOthers adds columns that only other outputs than Graphite have: the numbers of
// processes, and the start times if a process is too old to show its own: its age tells.
func addOthers(columns []metric.Column, processes []*process, opt Options) []metric.Column {
	if !opt.Series || opt.Classic {
		return columns
	}
	if slices.ContainsFunc(processes, func(p *process) bool { return p.number != "" }) {
		columns = add(columns, numberColumn())
	}
	if !slices.ContainsFunc(processes, func(p *process) bool { return !p.life.started && p.life.hasUptime }) {
		return columns
	}
	all := infoColumns(fieldStart, opt)
	return add(columns, all[len(all)-1])
}

// numberColumn returns the column of the numbers of processes.
func numberColumn() metric.Column {
	f, _ := catalogue.LookupInfo(fieldNumber)
	return metric.Column{Name: fieldNumber, Combine: metric.Max, Help: f.Help, Outputs: metric.ExceptGraphite}
}

// fillOthers adds to a row what outputs other than Graphite combine by another rule.
func (p *process) fillOthers(t *metric.Builder, row int, others map[string]int, epoch int64) {
	for _, v := range p.values {
		column, ok := others[v.field]
		switch {
		case !ok:
		case v.field == fieldNbproc: // the number of processes that have answered
			t.Add(row, column, 1)
		case v.wide != nil:
			t.AddRat(row, column, v.wide)
		default:
			t.Add(row, column, v.n)
		}
	}
	if column, ok := others[fieldStart]; ok && !p.life.started && p.life.hasUptime {
		t.Add(row, column, epoch-p.life.uptime)
	}
}

// isStopping reports whether the current worker of a socket finishes the work of its last
// clients.
func (d *daemon) isStopping(socket string) bool {
	return slices.ContainsFunc(d.processes, func(p process) bool { return p.socket == socket && p.stopping })
}

// fill adds the process's numbers to a row.
func (p *process) fill(t *metric.Builder, row int, place, others map[string]int, epoch int64) {
	if len(others) > 0 {
		p.fillOthers(t, row, others, epoch)
	}
	for _, v := range p.values {
		if column, ok := place[v.field]; ok {
			if v.wide != nil {
				t.AddRat(row, column, v.wide)
			} else {
				t.Add(row, column, v.n)
			}
		}
	}
	if u, ok := p.cpu(); ok {
		u.add(t, row, place[columnCPU])
	}
}

// cpu returns the CPU usage of the process, and false if it is not known.
func (p *process) cpu() (usage, bool) {
	for _, v := range p.values {
		if v.field == fieldIdle {
			return busy(v.n, v.wide), true
		}
	}
	return usage{}, false
}

// hundred is 100 percent.
var hundred = big.NewRat(100, 1)

// busy returns the CPU usage of a process that is idle for n percent, or for wide if that
// is not nil. HAProxy's own measure sometimes exceeds 100.
func busy(n int64, wide *big.Rat) usage {
	if wide == nil {
		return usage{whole: 100 - min(max(n, 0), 100)}
	}
	switch {
	case wide.Sign() < 0:
		return usage{whole: 100}
	case wide.Cmp(hundred) > 0:
		return usage{}
	}
	return usage{exact: new(big.Rat).Sub(hundred, wide)}
}
