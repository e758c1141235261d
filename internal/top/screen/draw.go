package screen

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"haproxystats/internal/top"
)

var (
	plain   = look{}
	dim     = look{style: top.Dim}
	heading = look{style: top.Heading, bold: true}
	bad     = look{style: top.Bad, bold: true}
	warning = look{style: top.Warning, bold: true}
	accent  = look{style: top.Accent}
	bar     = look{reversed: true}
)

// helpText says what the keys do.
var helpText = []struct{ keys, text string }{
	{"1 2 3 4 5", "overview, processes, frontends, backends, servers"},
	{"Tab", "next of these"},
	{"↑ ↓ PgUp PgDn", "move; Home and End go to the ends"},
	{"Enter", "open a backend's servers, or the facts of a row"},
	{"Esc", "back; without a page to go back to, clear the filter"},
	{"/", "filter by typing: words in names, or states such as down"},
	{"!", "only rows that need attention"},
	{"< >", "sort by the column to the left or to the right"},
	{"r", "sort the other way round"},
	{"Space", "pause; HAProxy is not asked meanwhile"},
	{"?", "this help"},
	{"q", "quit"},
	{"", ""},
	{"REQ/s", "requests a second; sessions where the mode is not http"},
	{"ERR/s", "bad requests of frontends; failed connections and bad"},
	{"", "responses of backends and servers"},
	{"RTIME", "average response time of the last 1024 requests"},
	{"UP↓ DOWN↑", "checks fail or succeed, and the state changes soon"},
	{"DOWN 1/2", "one of two processes sees it in that state"},
	{"-", "not known, as rates just after a reload"},
}

// draw draws everything.
func (v *view) draw(c *canvas) {
	if c.width == 0 || c.height == 0 {
		return
	}
	v.refresh()
	y := v.drawHead(c)
	bottom := c.height
	if c.height >= 7 {
		bottom--
		v.drawFoot(c, bottom)
	}
	switch {
	case v.help:
		v.drawHelp(c, y, bottom)
	case v.model.Reading == nil:
		if v.trouble == nil && y < bottom {
			c.put(0, y, top.Fit("Waiting for "+top.Clean(v.source), c.width, false), dim)
		}
	case v.page().facts:
		v.drawFacts(c, y, bottom)
	default:
		v.drawTable(c, y, bottom)
	}
}

// drawHead draws the lines above the body, and returns the line of the body.
func (v *view) drawHead(c *canvas) int {
	y := 0
	if c.height >= 10 {
		at := ""
		if v.model.Reading != nil {
			at = v.model.At.Format(time.TimeOnly)
		}
		x := c.put(0, y, "haproxystats top ", heading)
		x = c.put(x, y, at+" ", plain)
		c.put(x, y, top.Fit(top.Clean(v.source), c.width-x, false), dim)
		y++
	}
	if c.height >= 6 && v.model.Reading != nil {
		x := c.put(0, y, cut(v.model.Headline(), c.width), plain)
		if room := min(40, c.width-x-2); room >= 8 {
			c.put(x+2, y, top.Sparkline(v.model.History(room)), accent)
		}
		y++
	}
	if c.height >= 12 && v.model.Reading != nil {
		v.drawCounts(c, y)
		y++
	}
	switch {
	case v.trouble != nil:
		y = v.drawTrouble(c, y)
	case v.paused:
		c.fill(c.put(0, y, cut("PAUSED: Space goes on", c.width), warning), y, plain)
		y++
	case v.model.Reading != nil && len(v.model.Reading.Replaced) > 0:
		text := fmt.Sprintf("reload or restart at %s: what it had counted does not go on", strings.Join(v.model.Reading.Replaced, ", "))
		c.put(0, y, cut(top.Clean(text), c.width), warning)
		y++
	case v.model.Reading != nil && len(v.model.Reading.Faults) > 0:
		c.put(0, y, cut(top.Clean("not used in whole: "+v.model.Reading.Faults[0]), c.width), warning)
		y++
	}
	if v.typing || v.query.Filter != "" || v.query.Problems {
		x := 0
		if v.query.Problems {
			x = c.put(x, y, "needs attention  ", warning)
		}
		if v.typing || v.query.Filter != "" {
			x = c.put(x, y, "/"+v.query.Filter, look{style: top.Accent, bold: true})
			if v.typing {
				c.put(x, y, " ", look{reversed: true})
			}
		}
		y++
	}
	return y
}

// drawCounts draws how many rows are in each state. What does not fit in whole is left out: a
// number without its state, or half of it, says something else.
func (v *view) drawCounts(c *canvas, y int) {
	s := &v.model.Summary
	x, full := 0, false
	part := func(text string, l look) {
		if full = full || x+top.Width(text) > c.width-1; !full {
			x = c.put(x, y, text, l)
		}
	}
	for i, k := range []top.Kind{top.Frontend, top.Backend, top.Server} {
		if i > 0 {
			part("  ", plain)
		}
		if v.model.Reading.NotCollected(k) != "" {
			part(k.Plural()+" not collected", dim)
			continue
		}
		part(fmt.Sprintf("%s %d:", k.Plural(), s.Count(k)), dim)
		for _, n := range s.Counts(k) {
			part(fmt.Sprintf(" %d %s", n.Rows, n.State), look{style: n.Style})
		}
	}
	if full {
		c.put(x, y, "…", dim)
	}
}

// drawTrouble draws why there is no reading, with what to do about it.
func (v *view) drawTrouble(c *canvas, y int) int {
	text := v.trouble.Error()
	var p *top.Problem
	hint := ""
	if errors.As(v.trouble, &p) {
		text, hint = p.Err.Error(), p.Hint
	}
	if age := v.now().Sub(v.since); age >= time.Second {
		text += fmt.Sprintf(" (for %s)", top.Age(age.Seconds()))
	}
	lines := wrap(top.Clean(text), c.width)
	if hint != "" {
		lines = append(lines, wrap(top.Clean(hint), c.width)...)
	}
	most := max(1, c.height/2)
	if v.model.Reading == nil {
		most = c.height
	}
	for i, l := range lines[:min(len(lines), most)] {
		look := bad
		if i >= len(lines)-len(wrap(top.Clean(hint), c.width)) && hint != "" {
			look = plain
		}
		c.put(0, y, l, look)
		y++
	}
	return y
}

// drawFoot draws the line of keys.
func (v *view) drawFoot(c *canvas, y int) {
	keys := "? help  1-5 view  Enter open  / filter  <> sort  ! problems  Space pause  q quit"
	switch {
	case v.help:
		keys = "any key closes the help"
	case v.typing:
		keys = "Enter keeps the filter  Esc drops it"
	case len(v.pages) > 1:
		keys = "Esc back  ? help  Enter open  / filter  <> sort  Space pause  q quit" // 80 columns have no room for all
	}
	c.fill(c.put(0, y, cut(keys, c.width), bar), y, bar)
}

func (v *view) drawHelp(c *canvas, y, bottom int) {
	for _, h := range helpText {
		if y == bottom {
			return
		}
		c.put(0, y, h.keys, accent)
		c.put(15, y, cut(h.text, c.width-15), plain)
		y++
	}
}

// drawTable draws the rows that fit: the others cost nothing.
func (v *view) drawTable(c *canvas, y, bottom int) {
	p := v.page()
	v.shown = top.Columns(p.kinds, c.width, v.widest, p.backend == "")
	if bottom-y >= 2 {
		v.drawTitles(c, y)
		y++
	}
	v.fits = max(1, bottom-y)
	cursor := v.cursor()
	switch {
	case cursor < 0 || !p.moved:
		p.offset = 0
	case cursor < p.offset:
		p.offset = cursor
	case cursor >= p.offset+v.fits:
		p.offset = cursor - v.fits + 1
	}
	p.offset = max(0, min(p.offset, len(v.items)-v.fits))
	if v.rows == 0 && y < bottom {
		c.put(0, y, cut(v.nothing(), c.width), dim)
		return
	}
	for i := p.offset; i < len(v.items) && y < bottom; i++ {
		if it := v.items[i]; it.row == nil {
			c.put(0, y, cut(it.title, c.width), heading)
		} else {
			v.drawRow(c, y, it.row, i == cursor)
		}
		y++
	}
}

// notCollected says why there are no rows of a kind that is not collected.
func (v *view) notCollected(k top.Kind) string {
	name := k.Plural()
	return strings.ToUpper(name[:1]) + name[1:] + " are " + v.model.Reading.NotCollected(k)
}

// nothing says why there is no row.
func (v *view) nothing() string {
	if v.model.Reading != nil && len(v.page().kinds) == 1 {
		if k := v.page().kinds[0]; v.model.Reading.NotCollected(k) != "" {
			return v.notCollected(k)
		}
	}
	switch {
	case v.query.Filter != "":
		return "No row matches the filter: Esc clears it"
	case v.query.Problems:
		return "Nothing needs attention"
	case v.page().backend != "":
		return "The backend is gone: Esc goes back"
	}
	return "HAProxy has none"
}

func (v *view) drawTitles(c *canvas, y int) {
	x := 0
	for i := range v.shown {
		col := &v.shown[i]
		if i > 0 {
			x = c.put(x, y, " ", dim)
		}
		title, l := col.Title, dim
		if col.Sorts && col.Key == v.query.Key {
			mark := "▼"
			if v.query.Reverse != (v.query.Key == top.ByName) {
				mark = "▲"
			}
			title, l = title+mark, heading
		}
		x = c.put(x, y, top.Fit(title, col.Width, col.Right), l)
	}
}

func (v *view) drawRow(c *canvas, y int, r *top.Row, selected bool) {
	x := 0
	for i := range v.shown {
		col := &v.shown[i]
		if i > 0 {
			x = c.put(x, y, " ", look{reversed: selected})
		}
		text, style := col.Cell(r)
		if col.Trend {
			text = top.Fit(top.Sparkline(r.History(col.Width)), col.Width, true)
		}
		x = c.put(x, y, top.Fit(text, col.Width, col.Right), look{style: style, reversed: selected})
	}
	// Why a socket is silent is worth more than numbers that are not known.
	if r.Info != nil && r.Info.Problem != "" && len(v.shown) > 2 {
		x = v.shown[0].Width + 1 + v.shown[1].Width + 1
		c.fill(x, y, look{reversed: selected})
		c.put(x, y, cut(top.Clean(r.Info.Problem), c.width-x), look{style: top.Bad, reversed: selected})
		return
	}
	if selected {
		c.fill(x, y, look{reversed: true})
	}
}

// factLines returns what is known of a row.
func (v *view) factLines(of identity) []line {
	name := of.name
	if of.kind == top.Server {
		name = of.parent + "/" + of.name
	}
	lines := []line{{label: strings.ToUpper(of.kind.String()) + " " + top.Clean(name), style: top.Heading}}
	r := v.model.Find(of.kind, of.parent, of.name)
	if r == nil {
		return append(lines, line{text: "It is gone: Esc goes back", style: top.Warning})
	}
	if r.Info != nil && r.Info.Problem != "" {
		lines = append(lines, line{"why", top.Clean(r.Info.Problem), top.Bad})
		if r.Info.Hint != "" {
			lines = append(lines, line{"what to do", top.Clean(r.Info.Hint), top.Plain})
		}
		return lines
	}
	all := v.model.Reading.FactsOf(r)
	if len(all) != 1 {
		lines = append(lines, line{"state", r.StateText(), top.StyleOf(r)})
	}
	var rates []string
	for _, m := range top.MetricsOf(of.kind) {
		d := m.Describe()
		if v := r.Value(m); top.Known(v) && (d.Unit == top.PerSecond || d.Unit == top.Bytes) {
			rates = append(rates, d.Title+" "+top.Format(v, d.Unit))
		}
	}
	const inLine = 4 // rates, which 80 columns have room for
	for i := 0; i < len(rates); i += inLine {
		label := ""
		if i == 0 {
			label = "rates"
		}
		lines = append(lines, line{label, strings.Join(rates[i:min(i+inLine, len(rates))], "  "), top.Plain})
	}
	lines = append(lines, line{"REQ/s trend", "\x00", top.Accent})
	for _, f := range all {
		if len(all) > 1 {
			lines = append(lines, line{}, line{label: "PROCESS " + top.Clean(f.Socket), style: top.Heading})
		}
		for _, fact := range f.Told() {
			style := top.Plain
			if fact.Field == "state" {
				style = top.StyleOf(r)
			}
			lines = append(lines, line{fact.Field, fact.Value, style})
		}
	}
	return lines
}

// labelWidth is the width of the first column of facts.
const labelWidth = 20

func (v *view) drawFacts(c *canvas, y, bottom int) {
	p := v.page()
	v.fits = max(1, bottom-y)
	p.offset = max(0, min(p.offset, len(v.facts)-v.fits))
	width := min(labelWidth, c.width/2)
	for _, l := range v.facts[p.offset:] {
		if y >= bottom {
			return
		}
		if l.text == "" {
			c.put(0, y, cut(l.label, c.width), look{style: l.style, bold: true})
			y++
			continue
		}
		x := c.put(0, y, top.Fit(l.label, width, false)+" ", dim)
		text := l.text
		if text == "\x00" {
			r := v.model.Find(p.of.kind, p.of.parent, p.of.name)
			text = top.Sparkline(r.History(c.width - x))
		}
		c.put(x, y, cut(text, c.width-x), look{style: l.style})
		y++
	}
}

// cut returns text that is no wider than width.
func cut(text string, width int) string {
	if top.Width(text) <= width {
		return text
	}
	return strings.TrimRight(top.Fit(text, width, false), " ")
}

// wrap returns text as lines that are no wider than width, broken at spaces where there are
// some.
func wrap(text string, width int) []string {
	if width < 1 || text == "" {
		return nil
	}
	var lines []string
	now := ""
	for _, word := range strings.Fields(text) {
		switch {
		case now == "":
			now = word
		case top.Width(now)+1+top.Width(word) <= width:
			now += " " + word
		default:
			lines, now = append(lines, now), word
		}
		for top.Width(now) > width {
			r := []rune(now)
			n := len(r)
			for n > 1 && top.Width(string(r[:n])) > width {
				n--
			}
			lines, now = append(lines, string(r[:n])), string(r[n:])
		}
	}
	return append(lines, now)
}
