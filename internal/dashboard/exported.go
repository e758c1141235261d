package dashboard

import (
	"fmt"
	"strings"

	"haproxystats/internal/aggregate"
	"haproxystats/internal/app"
	"haproxystats/internal/encode"
	"haproxystats/internal/encode/samples"
	"haproxystats/internal/metric"
	"haproxystats/internal/reply"
	"haproxystats/internal/selfstat"
	"haproxystats/internal/sink/scrape"
	"haproxystats/internal/window"
)

// Exported has all metrics that can be scraped, and what their series are called.
type Exported struct {
	Catalogue
	names map[metric.Scope]map[string]samples.Name
}

// ofEndpoint is the scope of what the endpoint says beside the batches.
const ofEndpoint = windowSelf + 1

// endpointSeries are those of them that dashboards and rules use.
var endpointSeries = []metric.Column{
	{Name: "haproxy_up", Help: "1 if the last snapshot is fresh and all sockets have answered, else 0"},
	{Name: "haproxystats_series", Unit: "series", Help: "Series of HAProxy in an answer"},
	{Name: "haproxystats_series_dropped", Unit: "series", Help: "Series of HAProxy that an answer leaves out because of `max-series`"},
	{Name: "haproxystats_scrapes_total", Unit: "answers", Nature: metric.Counter, Help: "Answers over HTTP, by their status"},
	{Name: "haproxystats_scrape_seconds_total", Unit: "seconds", Nature: metric.Counter, Help: "Time for answers with metrics"},
	{Name: "haproxystats_scrape_bytes_total", Unit: "bytes", Nature: metric.Counter, Help: "Size of answers with metrics, as they were sent"},
	{Name: "haproxystats_scrape_failures_total", Unit: "answers", Nature: metric.Counter, Help: "Answers with metrics that were not read to their end"},
	{Name: "process_resident_memory_bytes", Unit: "bytes", Help: "Resident memory of the program"},
	{Name: "process_cpu_seconds_total", Unit: "seconds", Nature: metric.Counter, Help: "Processor time of the program"},
}

// Series returns what can be scraped: the metrics of a snapshot in which HAProxy fills every
// known field, and those that haproxystats has of itself, with every sink.
func Series() (Exported, error) {
	a := aggregate.New(aggregate.Options{Percentages: true, PerProcess: true, Series: true})
	a.Reset()
	var r reply.Reader
	report, err := r.Read(everything(), a)
	if err != nil {
		return Exported{}, fmt.Errorf("read the snapshot with every field: %w", err)
	}
	if len(report.BadFiles) > 0 {
		return Exported{}, fmt.Errorf("read the snapshot with every field: %w", report.BadFiles[0])
	}
	x := Exported{make(Catalogue), make(map[metric.Scope]map[string]samples.Name)}
	own := make(map[string]samples.Own)
	self, central := selfstat.Columns(), append(selfstat.CentralColumns(), selfstat.TopicColumns()...)
	for _, s := range app.Sinks() {
		of := s.CentralColumns()
		for i, c := range s.Columns() {
			self, central = append(self, c), append(central, of[i])
			name := samples.Own{Field: strings.TrimPrefix(c.Name, s.Prefix()), Sink: s.Name}
			own[c.Name], own[of[i].Name] = name, name
		}
	}
	e := &samples.Options{Own: own}
	tables := append(a.Batch(0).Tables, metric.NewBuilder(metric.Daemon, aggregate.WorkerColumns()).Table())
	for _, s := range []metric.Scope{metric.StickTable, metric.Resolver, metric.Certificate} {
		tables = append(tables, metric.NewBuilder(s, aggregate.CollectedColumns(s)).Table())
	}
	for _, g := range encode.Groups(nil, &metric.Batch{Tables: tables}) {
		x.add(g.Scope, e, g)
	}
	for scope, columns := range map[metric.Scope][]metric.Column{metric.Self: append(self, central...), windowSelf: window.SelfColumns()} {
		g := encode.Group{Scope: metric.Self, Tables: []*metric.Table{metric.NewBuilder(metric.Self, columns).Table()}}
		x.add(scope, e, g)
	}
	for _, c := range endpointSeries {
		x.Catalogue.add(ofEndpoint, c)
	}
	return x, nil
}

// add adds the columns of a group that have series.
func (x Exported) add(s metric.Scope, e *samples.Options, g encode.Group) {
	if x.names[s] == nil {
		x.names[s] = make(map[string]samples.Name)
	}
	names := e.Names(&g)
	for _, t := range g.Tables {
		for _, c := range t.Columns() {
			if n, ok := names[c.Name]; ok && c.Outputs.ForOthers() {
				x.Catalogue.add(s, c)
				x.names[s][c.Name] = n
			}
		}
	}
}

// series returns what the series of a field are called, and whether it is a counter.
func (x Exported) series(l line, field string) (samples.Name, metric.Column, error) {
	c, err := x.Lookup(l.scope, field)
	if err != nil {
		return samples.Name{}, c, err
	}
	if l.scope == ofEndpoint {
		return samples.Name{Family: c.Name, Scale: 1}, c, nil
	}
	n, ok := x.names[l.scope][c.Name]
	if !ok {
		return n, c, fmt.Errorf("the %s metric %s has no series", l.scope, field)
	}
	if total, counted := scrape.Total(c.Name); l.scope == metric.Self && counted {
		n.Family, c.Nature = total, metric.Counter
	}
	if l.sinks {
		n.Label = samples.Label{}
	}
	return n, c, nil
}

// baseUnits has the units of series whose scale differs from that of their column.
var baseUnits = map[float64]map[string]unit{
	0.001:   {"milliseconds": {"seconds", "s"}},
	1 << 20: {"megabytes": {"bytes", "bytes"}},
}

// draw finds the fields of a panel, and the unit of their series.
func (x Exported) draw(p panel) (drawn, error) {
	d, err := x.Catalogue.draw(p)
	if err != nil {
		return d, err
	}
	for _, l := range p.lines {
		n, c, err := x.series(l, l.fields[0])
		if err != nil {
			return d, fmt.Errorf("panel %q: %w", p.title, err)
		}
		if n.Scale == 1 || d.unit.words == "percent" || d.unit.words == "percent of the mean" {
			continue
		}
		base, ok := baseUnits[n.Scale][c.Unit]
		switch {
		case !ok && d.unit != base:
			return d, fmt.Errorf("panel %q: %s is in units of %v %s, which have no name", p.title, n.Family, n.Scale, c.Unit)
		case p.alarm != alarm{} && base != d.unit:
			return d, fmt.Errorf("panel %q: its alarm is in %s, and %s is in %s", p.title, d.unit.words, n.Family, base.words)
		}
		d.unit = base
	}
	return d, nil
}

// help returns the description of the panel, in Markdown.
func (x Exported) help(d drawn) string {
	var parts []string
	if d.why != "" {
		parts = append(parts, d.why)
	}
	seen := make(map[string]bool)
	for _, q := range d.queries {
		fields := append([]string(nil), q.fields...)
		for _, o := range q.only {
			fields = append(fields, o.field)
		}
		if q.of != "" {
			fields = append(fields, q.of)
		}
		for _, field := range fields {
			n, c, err := x.series(q.line, field)
			if err != nil || seen[n.Family+n.Label.Value] {
				continue
			}
			seen[n.Family+n.Label.Value] = true
			text := "`" + n.Family + "`: " + c.Help + "."
			if v := since(q.scope, c.Name); v != "" {
				text += " Since HAProxy " + v + "."
			}
			parts = append(parts, text)
		}
	}
	return strings.Join(parts, "\n\n")
}
