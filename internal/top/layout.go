package top

import (
	"fmt"
	"slices"
	"strings"
)

// Style is the meaning of a text's look; the screen gives it a colour.
type Style uint8

// The styles.
const (
	Plain Style = iota
	Dim
	Heading
	Good
	Warning
	Bad
	Accent
)

// Column is a column of a table.
type Column struct {
	// Key is what its heading sorts by; none for columns that nothing is sorted by.
	Key   Key
	Sorts bool
	Title string
	Width int
	Right bool
	// Trend reports whether it has sparklines.
	Trend bool
	// text returns the text of a row's cell, and how it looks.
	text func(*Row) (string, Style)
	// kinds are those that have the column, and rank says which columns go first where the
	// terminal is narrow: the highest.
	kinds []Kind
	rank  int
}

// Cell returns the text of a row's cell, and how it looks.
func (c *Column) Cell(r *Row) (string, Style) { return c.text(r) }

const (
	minName  = 8
	maxName  = 48
	minState = 8
	minTrend = 8
	maxTrend = 40
	gap      = 1
)

// Widths are the widths that the widest name and the widest state of rows need.
type Widths struct{ Name, State int }

// Add adds a row, with the backend of a server in its name if full is set.
func (w *Widths) Add(r *Row, full bool) {
	name := Width(Clean(r.Name))
	if full && r.Kind == Server {
		name += Width(Clean(r.Parent)) + len("/")
	}
	w.Name = max(w.Name, name)
	if r.Agree < r.Seen { // else a state fits anyway
		w.State = max(w.State, Width(r.StateText()))
	}
}

var everyKind = []Kind{Process, Frontend, Backend, Server}

// metricColumns are the columns of metrics, in their order, with their ranks.
var metricColumns = []struct {
	metric Metric
	rank   int
	kinds  []Kind
}{
	{Sessions, 2, everyKind},
	{SessionLimit, 14, []Kind{Process, Frontend, Server}},
	{Queue, 7, []Kind{Backend, Server}},
	{SessionRate, 12, everyKind},
	{Requests, 1, everyKind},
	{Responses4xx, 9, []Kind{Frontend, Backend, Server}},
	{Responses5xx, 3, []Kind{Frontend, Backend, Server}},
	{Errors, 4, []Kind{Frontend, Backend, Server}},
	{Retries, 15, []Kind{Backend, Server}},
	{Aborts, 16, []Kind{Backend, Server}},
	{BytesIn, 11, []Kind{Frontend, Backend, Server}},
	{BytesOut, 10, everyKind},
	{QueueTime, 18, []Kind{Backend, Server}},
	{ConnectTime, 17, []Kind{Backend, Server}},
	{ResponseTime, 5, []Kind{Backend, Server}},
	{TotalTime, 13, []Kind{Backend, Server}},
	{CPU, 6, []Kind{Process}},
	{Weight, 19, []Kind{Server}},
	{Since, 8, []Kind{Process, Backend, Server}},
}

// trendRank is the rank of the sparklines: they take what the more important columns leave.
const trendRank = 6

// Columns returns the columns of a table with rows of these kinds, from left to right, that
// fit into a width; all of them if it is 0. The first one is the name, which is that of a
// server with its backend if full is set.
func Columns(kinds []Kind, width int, needed Widths, full bool) []Column {
	name := Column{Key: ByName, Sorts: true, Title: "NAME", Width: max(needed.Name, minName), text: nameCell(full)}
	state := Column{Key: ByState, Sorts: true, Title: "STATE", Width: max(needed.State, minState), text: stateCell, rank: 0}
	detail := Column{Title: detailTitle(kinds), Width: 9, text: detailCell, rank: 7}
	all := []Column{state, detail}
	for _, c := range metricColumns {
		if slices.ContainsFunc(c.kinds, func(k Kind) bool { return slices.Contains(kinds, k) }) {
			d := c.metric.Describe()
			all = append(all, Column{Key: ByMetric(c.metric), Sorts: true, Title: d.Title, Width: 7, Right: true, text: metricCell(c.metric, c.kinds), kinds: c.kinds, rank: c.rank})
		}
	}
	if width == 0 {
		return append([]Column{name}, all...)
	}
	name.Width = min(name.Width, maxName, max(minName, width/3))
	left := width - name.Width
	trend := false
	kept := make(map[int]bool)
	order := make([]int, 0, len(all))
	for i := range all {
		order = append(order, i)
	}
	slices.SortStableFunc(order, func(a, b int) int { return all[a].rank - all[b].rank })
	for _, i := range order {
		if !trend && all[i].rank >= trendRank && left >= minTrend+gap {
			trend = true
			left -= minTrend + gap
		}
		if left < all[i].Width+gap {
			break
		}
		kept[i] = true
		left -= all[i].Width + gap
	}
	if !trend && len(kept) == len(all) && left >= minTrend+gap {
		trend = true
		left -= minTrend + gap
	}
	columns := []Column{name}
	for i, c := range all {
		if kept[i] {
			columns = append(columns, c)
		}
	}
	if trend {
		more := min(left, maxTrend-minTrend)
		left -= more
		columns = append(columns, Column{Title: "TREND", Width: minTrend + more, Trend: true, text: func(*Row) (string, Style) { return "", Accent }})
	}
	// The name takes the rest, as far as it needs it.
	columns[0].Width += min(left, max(0, needed.Name-columns[0].Width))
	if len(columns) == 1 {
		columns[0].Width = max(1, width)
	}
	return columns
}

func nameCell(full bool) func(*Row) (string, Style) {
	return func(r *Row) (string, Style) {
		if full {
			return Clean(r.FullName()), Plain
		}
		return Clean(r.Name), Plain
	}
}

// stateStyles are the looks of states.
var stateStyles = [numStates]Style{
	Unknown: Dim, Up: Good, Full: Warning, NoLB: Warning, Drain: Warning, Maint: Warning, Paused: Warning, Old: Dim, Down: Bad, Silent: Bad,
}

// StateText returns the state with its direction, and the number of processes that see it if
// they disagree.
func (r *Row) StateText() string {
	text := r.State.String()
	switch {
	case r.Agree < r.Seen:
		return fmt.Sprintf("%s %d/%d", text, r.Agree, r.Seen)
	case r.Going < 0:
		return text + "↓"
	case r.Going > 0:
		return text + "↑"
	}
	return text
}

func stateCell(r *Row) (string, Style) {
	style := stateStyles[r.State]
	if style == Good && r.IsProblem() {
		style = Warning
	}
	return r.StateText(), style
}

func detailTitle(kinds []Kind) string {
	if len(kinds) == 1 {
		return map[Kind]string{Process: "VERSION", Frontend: "FULL", Backend: "SERVERS", Server: "CHECK"}[kinds[0]]
	}
	return "INFO"
}

// detailCell has what only one kind has: the servers of a backend that are up, the last check
// of a server, the version of a process, the share of a frontend's limit that is in use.
func detailCell(r *Row) (string, Style) {
	switch r.Kind {
	case Process:
		if r.Info == nil || r.Info.Version == "" {
			return missing, Dim
		}
		version, _, _ := strings.Cut(r.Info.Version, "-")
		return Clean(version), Plain
	case Frontend:
		if v, limit := r.Values[Sessions], r.Values[SessionLimit]; Known(v) && limit > 0 {
			share := 100 * v / limit
			style := Plain
			if share >= 80 {
				style = Warning
			}
			return Format(share, Percent), style
		}
	case Backend:
		if all := r.Servers.All(); all > 0 {
			style := Plain
			if r.Servers.Down > 0 {
				style = Warning
			}
			if r.Servers.Up == 0 {
				style = Bad
			}
			return fmt.Sprintf("%s/%s up", Format(r.Servers.Up, Count), Format(all, Count)), style
		}
	case Server:
		switch {
		case r.Check == "":
			return missing, Dim
		case strings.HasSuffix(r.Check, "OK") || r.Check == "L7OKC":
			return r.Check, Plain
		}
		return r.Check, Bad
	}
	return missing, Dim
}

// metricCell returns the function for the cells of a metric.
func metricCell(m Metric, kinds []Kind) func(*Row) (string, Style) {
	unit := m.Describe().Unit
	return func(r *Row) (string, Style) {
		if !slices.Contains(kinds, r.Kind) {
			return "", Plain
		}
		v := r.Values[m]
		text := Format(v, unit)
		switch {
		case !Known(v) || v == 0:
			return text, Dim
		case text == "0": // less than is shown
			return text, Dim
		case m == Responses5xx || m == Errors:
			return text, Bad
		case m == Queue || m == Responses4xx || m == Retries || m == Aborts:
			return text, Warning
		}
		return text, Plain
	}
}

// StyleOf returns how the state of a row looks.
func StyleOf(r *Row) Style {
	_, style := stateCell(r)
	return style
}

// MetricsOf returns the metrics of a kind, in the order of their columns.
func MetricsOf(k Kind) []Metric {
	var all []Metric
	for _, c := range metricColumns {
		if slices.Contains(c.kinds, k) {
			all = append(all, c.metric)
		}
	}
	return all
}
