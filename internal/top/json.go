package top

import (
	"encoding/json"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"haproxystats/internal/printable"
)

// WriteJSON writes the rows that a query selects of each kind as one document. docs/top.md
// describes it.
func (m *Model) WriteJSON(w io.Writer, kinds []Kind, q Query) error {
	d := document{buf: []byte("{\n")}
	d.member("time", m.At.UTC().Format(time.RFC3339))
	if m.Elapsed > 0 {
		d.number("seconds", m.Elapsed.Seconds())
	} else {
		d.raw("seconds", "null")
	}
	d.text(`  "summary": {`)
	m.Summary.append(&d)
	d.text("},\n")
	for _, k := range kinds {
		if m.Reading.NotCollected(k) != "" {
			d.raw(k.Plural(), "null")
			continue
		}
		d.text(`  "` + k.Plural() + `": [`)
		q.Kind = k
		for i, r := range m.Rows(q) {
			if i > 0 {
				d.text(",")
			}
			d.text("\n    {")
			r.append(&d)
			d.text("}")
		}
		d.text("\n  ],\n")
	}
	d.text(`  "faults": [`)
	for i, f := range m.Reading.Faults {
		if i > 0 {
			d.text(",")
		}
		d.quote(f)
	}
	d.text("]\n}\n")
	_, err := printable.JSON(w).Write(d.buf)
	return err
}

// document is JSON that is being written. Rows are many, so no value becomes an object.
type document struct {
	buf   []byte
	first bool
}

func (d *document) text(s string) { d.buf = append(d.buf, s...) }

func (d *document) quote(s string) {
	b, _ := json.Marshal(strings.ToValidUTF8(s, "\uFFFD")) // a string has no error
	d.buf = append(d.buf, b...)
}

// member, number and raw write a line of the outermost object.
func (d *document) member(name, value string) {
	d.text(`  "` + name + `": `)
	d.quote(value)
	d.text(",\n")
}

func (d *document) number(name string, v float64) { d.raw(name, formatJSON(v)) }

func (d *document) raw(name, value string) { d.text(`  "` + name + `": ` + value + ",\n") }

// begin begins an object in one line.
func (d *document) begin() { d.first = true }

// key writes a key of it.
func (d *document) key(name string) {
	if !d.first {
		d.text(", ")
	}
	d.first = false
	d.text(`"` + name + `": `)
}

func (d *document) keyText(name, value string) {
	d.key(name)
	d.quote(value)
}

func (d *document) keyNumber(name string, v float64) {
	d.key(name)
	d.text(formatJSON(v))
}

func formatJSON(v float64) string {
	if !Known(v) || math.IsInf(v, 0) {
		return "null"
	}
	return strconv.FormatFloat(math.Round(v*1000)/1000, 'f', -1, 64)
}

// jsonNames are the names of metrics: those of the keys, with the unit where it is not plain.
var jsonNames = func() (names [numMetrics]string) {
	units := map[Unit]string{PerSecond: "_per_second", Bytes: "_bytes_per_second", Millis: "_ms", Percent: "_percent", Seconds: "_seconds"}
	for i, d := range descriptions {
		names[i] = strings.ReplaceAll(d.Key, "-", "_") + units[d.Unit]
	}
	names[SessionRate] = "sessions_per_second"
	return names
}()

func (r *Row) append(d *document) {
	d.begin()
	if r.Kind == Server {
		d.keyText("backend", r.Parent)
	}
	d.keyText("name", r.Name)
	d.keyText("state", r.State.String())
	switch r.Kind {
	case Process:
		if i := r.Info; i != nil {
			if i.Problem != "" {
				d.keyText("problem", i.Problem)
				d.keyText("hint", i.Hint)
				return
			}
			d.keyText("version", i.Version)
			d.key("pid")
			pid, err := strconv.ParseInt(i.Pid, 10, 64)
			if err != nil {
				d.text("null")
			} else {
				d.text(strconv.FormatInt(pid, 10))
			}
		}
	case Backend:
		for _, s := range []struct {
			name string
			n    float64
		}{
			{"servers_up", r.Servers.Up},
			{"servers_down", r.Servers.Down},
			{"servers_maint", r.Servers.Maint},
			{"servers_drain", r.Servers.Drain},
			{"servers_nolb", r.Servers.NoLB},
		} {
			d.keyNumber(s.name, s.n)
		}
	case Server:
		if r.Check != "" {
			d.keyText("check", r.Check)
		}
	}
	if r.Kind != Process {
		d.keyNumber("processes", float64(r.Seen))
		d.keyNumber("processes_agree", float64(r.Agree))
	}
	for _, m := range MetricsOf(r.Kind) {
		d.keyNumber(jsonNames[m], r.Values[m])
	}
}

func (s *Summary) append(d *document) {
	d.begin()
	d.keyNumber("processes", float64(s.Processes))
	d.keyNumber("processes_old", float64(s.Old))
	d.keyNumber("sockets_silent", float64(s.Silent))
	for _, m := range MetricsOf(Process) {
		if m != Since {
			d.keyNumber(jsonNames[m], s.Values[m])
		}
	}
}
