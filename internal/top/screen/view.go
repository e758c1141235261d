package screen

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"haproxystats/internal/top"
)

// identity is a row, whatever its place.
type identity struct {
	kind         top.Kind
	parent, name string
}

func identityOf(r *top.Row) identity { return identity{r.Kind, r.Parent, r.Name} }

// item is a line of the body: a row, or the title of a section.
type item struct {
	title string
	row   *top.Row
}

// page is what is on the screen: a table, the servers of a backend, or the facts of a row.
type page struct {
	kinds   []top.Kind
	backend string
	facts   bool
	of      identity // of the facts
	// at is the row under the cursor; moved reports whether the user has chosen it. Until
	// then the cursor is on the first row.
	at     identity
	moved  bool
	offset int // the first line of the body that is shown
}

// view is the state of the screen.
type view struct {
	model   *top.Model
	pages   []page // the last one is shown
	query   top.Query
	typing  bool // the filter
	before  string
	help    bool
	paused  bool
	source  string
	trouble error
	since   time.Time // of the trouble
	now     func() time.Time

	fresh  bool // the items are those of the model and the query
	items  []item
	rows   int // of the items
	widest top.Widths
	under  int    // the item that was last under the cursor
	facts  []line // of the page
	fits   int    // lines of the body
	shown  []top.Column
	quit   bool
	stopIt bool // the user wants to stop the program for a while
}

// line is a line of text.
type line struct {
	label, text string
	style       top.Style
}

func newView(o top.ShowOptions) *view {
	return &view{
		model: top.NewModel(), pages: []page{{kinds: o.Kinds}}, query: o.Query, source: o.Source.Names(), now: time.Now,
	}
}

func (v *view) page() *page { return &v.pages[len(v.pages)-1] }

// take takes a reading, or why there is none.
func (v *view) take(n *top.Reading, err error) {
	if err != nil {
		if v.trouble == nil {
			v.since = v.now()
		}
		v.trouble = err
		return
	}
	v.trouble = nil
	v.model.Take(n)
	v.fresh = false
}

// refresh makes the items of the page, unless they are there.
func (v *view) refresh() {
	if v.fresh {
		return
	}
	v.fresh = true
	v.list()
	v.rows, v.widest = 0, top.Widths{}
	for _, it := range v.items {
		if it.row != nil {
			v.rows++
			v.widest.Add(it.row, v.page().backend == "")
		}
	}
}

// list lists the items of the page.
func (v *view) list() {
	p := v.page()
	v.items, v.facts = v.items[:0], nil
	if v.model.Reading == nil {
		return
	}
	if p.facts {
		v.facts = v.factLines(p.of)
		return
	}
	q := v.query
	if p.backend != "" {
		if r := v.model.Find(top.Backend, "", p.backend); r != nil {
			v.items = append(v.items, item{title: "BACKEND"}, item{row: r})
		}
		if why := v.model.Reading.NotCollected(top.Server); why != "" {
			v.items = append(v.items, item{title: "SERVERS " + why})
			return
		}
		q.Kind, q.Backend = top.Server, p.backend
		rows := v.model.Rows(q)
		v.items = append(v.items, item{title: fmt.Sprintf("SERVERS %d", len(rows))})
		for _, r := range rows {
			v.items = append(v.items, item{row: r})
		}
		return
	}
	for _, k := range p.kinds {
		if why := v.model.Reading.NotCollected(k); why != "" && len(p.kinds) > 1 {
			v.items = append(v.items, item{title: strings.ToUpper(k.Plural()) + " " + why})
			continue
		}
		q.Kind = k
		rows := v.model.Rows(q)
		if len(p.kinds) > 1 {
			v.items = append(v.items, item{title: fmt.Sprintf("%s %d", strings.ToUpper(k.Plural()), len(rows))})
		}
		for _, r := range rows {
			v.items = append(v.items, item{row: r})
		}
	}
}

// cursor returns the index of the item under the cursor, -1 if there is no row.
func (v *view) cursor() int {
	p := v.page()
	is := func(i int) bool { return v.items[i].row != nil && identityOf(v.items[i].row) == p.at }
	if p.moved {
		if v.under < len(v.items) && is(v.under) {
			return v.under
		}
		for i := range v.items {
			if is(i) {
				v.under = i
				return i
			}
		}
	}
	return v.nextRow(0, 1)
}

// nextRow returns the index of the next row from i on, in a direction; -1 if there is none.
func (v *view) nextRow(i, step int) int {
	for ; i >= 0 && i < len(v.items); i += step {
		if v.items[i].row != nil {
			return i
		}
	}
	return -1
}

// move moves the cursor by so many lines.
func (v *view) move(by int) {
	v.refresh()
	p := v.page()
	if p.facts {
		p.offset = max(0, min(p.offset+by, len(v.facts)-v.fits))
		return
	}
	at := v.cursor()
	if at < 0 || by == 0 {
		return
	}
	step := 1
	if by < 0 {
		step = -1
	}
	to := max(0, min(at+by, len(v.items)-1))
	next := v.nextRow(to, step)
	if next < 0 {
		next = v.nextRow(to, -step)
	}
	p.at, p.moved, v.under = identityOf(v.items[next].row), true, next
	if next == v.nextRow(0, 1) {
		p.moved, p.offset = false, 0 // at the top, the busiest row stays under the cursor
	}
}

// open opens what is under the cursor: the servers of a backend, else facts.
func (v *view) open() {
	v.refresh()
	p := v.page()
	if p.facts {
		return
	}
	at := v.cursor()
	if at < 0 {
		return
	}
	r := v.items[at].row
	p.at, p.moved = identityOf(r), true
	if r.Kind == top.Backend && p.backend == "" {
		v.pages = append(v.pages, page{backend: r.Name, kinds: []top.Kind{top.Backend, top.Server}})
	} else {
		v.pages = append(v.pages, page{facts: true, of: identityOf(r)})
	}
	v.fresh = false
}

// back closes the page; it reports whether there was another one before.
func (v *view) back() bool {
	if len(v.pages) == 1 {
		return false
	}
	v.pages = v.pages[:len(v.pages)-1]
	v.fresh = false
	return true
}

// show shows a table of all rows of some kinds.
func (v *view) show(kinds []top.Kind) {
	v.pages = []page{{kinds: kinds}}
	v.fresh = false
}

// nextView shows the table after the one that is shown.
func (v *view) nextView(step int) {
	at := 0 // the overview
	if kinds := v.pages[0].kinds; len(kinds) == 1 {
		at = int(kinds[0]) + 1
	}
	v.showNumber((at + step + len(top.Kinds()) + 1) % (len(top.Kinds()) + 1))
}

// showNumber shows the overview for 0, else the table of a kind.
func (v *view) showNumber(n int) {
	if n == 0 {
		v.show(top.Kinds())
	} else {
		v.show(top.Kinds()[n-1 : n])
	}
}

// sortBy sorts by the column beside the one that is sorted by.
func (v *view) sortBy(step int) {
	var keys []top.Key
	for _, c := range v.shown {
		if c.Sorts {
			keys = append(keys, c.Key)
		}
	}
	if len(keys) == 0 {
		return
	}
	at := slices.Index(keys, v.query.Key)
	if at < 0 && step < 0 {
		at = 0
	}
	v.query.Key = keys[(at+step+len(keys))%len(keys)]
	v.fresh = false
}

// key is a key that was pressed: a character, or the name of another key.
type key struct {
	char rune
	name string
}

// The names of keys.
const (
	keyUp, keyDown, keyPageUp, keyPageDown = "up", "down", "page up", "page down"
	keyHome, keyEnd, keyEnter, keyEscape   = "home", "end", "enter", "escape"
	keyBack, keyLeft, keyRight, keyTab     = "backspace", "left", "right", "tab"
	keyBackTab, keyInterrupt, keyStop      = "back tab", "interrupt", "stop"
	keyClear, keyHelp                      = "clear", "help"
)

// press handles a key.
func (v *view) press(k key) {
	switch {
	case k.name == keyInterrupt:
		v.quit = true
	case k.name == keyStop:
		v.stopIt = true
	case v.help:
		v.help = false
		v.quit = k.char == 'q'
	case v.typing:
		v.typeFilter(k)
	default:
		v.command(k)
	}
}

// typeFilter handles a key while the filter is typed. The table follows each.
func (v *view) typeFilter(k key) {
	switch {
	case k.name == keyEnter:
		v.typing = false
	case k.name == keyEscape:
		v.typing, v.query.Filter = false, v.before
	case k.name == keyBack && v.query.Filter == "":
		v.typing = false
	case k.name == keyBack:
		r := []rune(v.query.Filter)
		v.query.Filter = string(r[:len(r)-1])
	case k.name == keyClear:
		v.query.Filter = ""
	case k.name == keyUp || k.name == keyDown || k.name == keyPageUp || k.name == keyPageDown:
		v.command(k)
		return
	case k.char >= ' ' && len(v.query.Filter) < maxFilter:
		v.query.Filter += top.Clean(string(k.char))
	}
	v.page().moved, v.page().offset = false, 0
	v.fresh = false
}

const maxFilter = 200

// command handles a key that is a command.
func (v *view) command(k key) {
	switch {
	case k.name == keyUp || k.char == 'k':
		v.move(-1)
	case k.name == keyDown || k.char == 'j':
		v.move(1)
	case k.name == keyPageUp || k.char == 'b':
		v.move(-max(1, v.fits-1))
	case k.name == keyPageDown || k.char == 'f':
		v.move(max(1, v.fits-1))
	case k.name == keyHome || k.char == 'g':
		v.page().moved, v.page().offset = false, 0
	case k.name == keyEnd || k.char == 'G':
		v.refresh()
		v.move(len(v.items) + len(v.facts))
	case k.name == keyEnter || k.name == keyRight || k.char == 'l':
		v.open()
	case k.name == keyBack || k.name == keyLeft:
		v.back()
	case k.name == keyEscape:
		if !v.back() && v.query.Filter != "" {
			v.query.Filter, v.fresh = "", false
		}
	case k.name == keyTab:
		v.nextView(1)
	case k.name == keyBackTab:
		v.nextView(-1)
	case k.name == keyHelp || k.char == '?' || k.char == 'h':
		v.help = true
	case k.char >= '1' && k.char <= '5':
		v.showNumber(int(k.char - '1'))
	case k.char == '/':
		if v.page().facts {
			v.back()
		}
		v.typing, v.before = true, v.query.Filter
	case k.char == '<' || k.char == ',':
		v.sortBy(-1)
	case k.char == '>' || k.char == '.':
		v.sortBy(1)
	case k.char == 'r':
		v.query.Reverse, v.fresh = !v.query.Reverse, false
	case k.char == '!':
		v.query.Problems, v.fresh = !v.query.Problems, false
	case k.char == ' ' || k.char == 'p':
		v.paused = !v.paused
	case k.char == 'q':
		v.quit = true
	}
}
