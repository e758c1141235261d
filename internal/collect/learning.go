package collect

import (
	"bytes"
	"fmt"
	"io"
	"regexp"
	"slices"
	"time"

	"haproxystats/internal/catalogue"
	"haproxystats/internal/haproxy"
)

const (
	// maxRows bounds the rows whose fields are asked for in a round.
	maxRows = 8
	// lookFor is the time for which rows are read to find fields that no row has shown
	// before: in the first rounds, and then every lookEvery.
	lookFor    = time.Hour
	lookEvery  = time.Minute
	lookRounds = 3
	// tellRounds is the number of snapshots that carry an answer, because one may get lost,
	// and tellEvery the time after which they do so again: who has lost it learns it then.
	tellRounds = 3
	tellEvery  = time.Hour
	// maxHeader bounds a header, and maxTyped the answers that are kept, in bytes.
	maxHeader = 64 << 10
	maxTyped  = 256 << 10
	// maxUnknown bounds the fields that are asked for.
	maxUnknown = 256
)

// fieldName matches the names of fields that can be learned.
var fieldName = regexp.MustCompile(`^[A-Za-z0-9_ -]{1,64}$`)

// learning finds out of what kind the fields are that the catalogue lacks.
type learning struct {
	version string
	header  []byte // of `show stat`
	began   time.Time
	rounds  int
	looked  time.Time
	columns []string // of the header that are not known

	askInfo bool
	ask     []rowID
	// done are the fields that were answered, with the letter of the row.
	done map[typedField]bool

	info, stat []byte // the answers
	told       int    // how many snapshots carry them
	toldAt     time.Time
}

// typedField is a field of rows of one type.
type typedField struct {
	row  byte
	name string
}

// rowID identifies a row: by the letter of its type, and the numbers of proxy and service.
type rowID struct {
	row      byte
	iid, sid string
}

// rowBits are the bits of the types of rows in commands, by their letters.
var rowBits = map[byte]int{'F': 1, 'B': 2, 'S': 4, 'L': 8}

// questions returns what is asked in a round. The answer about `show info` may have texts of
// several lines, so it is the last one.
func (l *learning) questions() []question {
	var all []question
	for _, id := range l.ask {
		all = append(all, question{fmt.Sprintf("show stat %s %d %s typed desc", id.iid, rowBits[id.row], id.sid), func(answer []byte) {
			l.stat = l.keep(l.stat, answer)
		}})
	}
	if l.askInfo {
		all = append(all, question{"show info typed desc", func(answer []byte) {
			l.askInfo = false
			l.info = l.keep(l.info, answer)
		}})
	}
	l.ask = nil
	return all
}

// keep adds an answer to those that are kept, if it has a field that is not known.
func (l *learning) keep(all, answer []byte) []byte {
	news := false
	for _, t := range haproxy.ReadTyped(answer) {
		if f := (typedField{t.Row, t.Name}); isUnknown(f) && !l.done[f] {
			l.done[f], news = true, true
		}
	}
	if !news || len(all)+len(answer) > maxTyped {
		return all
	}
	l.told = 0
	all = append(all, answer...)
	if !bytes.HasSuffix(all, []byte("\n")) {
		all = append(all, '\n')
	}
	return all
}

// isUnknown reports whether the catalogue lacks a field. The row is 0 for one of `show
// info`.
func isUnknown(f typedField) bool {
	lookup := catalogue.LookupStat
	if f.row == 0 {
		lookup = catalogue.LookupInfo
	}
	_, known := lookup(f.name)
	return !known && f.name != "-" && fieldName.MatchString(f.name)
}

// texts returns the answers that this snapshot carries.
func (l *learning) texts(now time.Time) (info, stat []byte) {
	if len(l.info)+len(l.stat) == 0 {
		return nil, nil
	}
	if l.told >= tellRounds && now.Sub(l.toldAt) < tellEvery {
		return nil, nil
	}
	l.told++
	l.toldAt = now
	return l.named(l.info), l.named(l.stat)
}

// named returns answers with a line before them that has HAProxy's version.
func (l *learning) named(answers []byte) []byte {
	if len(answers) == 0 {
		return nil
	}
	return append([]byte(haproxy.TypedVersion+l.version+"\n"), answers...)
}

// rows passes on a reply to `show stat` and looks for rows that have unknown fields.
type rows struct {
	socket  *socket
	to      io.Writer
	now     time.Time
	header  []byte // until it is complete
	known   bool   // the header is complete
	scanner *haproxy.StatScanner
	iid     int // positions among the texts that are selected
	found   map[typedField]bool
}

// rows returns what a reply to `show stat` is written to.
func (s *socket) rows(to io.Writer, now time.Time) *rows {
	return &rows{socket: s, to: to, now: now, known: !s.collector.opt.Learn}
}

// Write implements [io.Writer].
func (r *rows) Write(p []byte) (int, error) {
	if !r.known {
		r.begin(p)
	} else if r.scanner != nil {
		r.feed(p)
	}
	return r.to.Write(p)
}

// begin takes bytes of the header and, once that is complete, decides whether to look at the
// rows.
func (r *rows) begin(p []byte) {
	line, rest, ok := bytes.Cut(p, []byte("\n"))
	r.header = append(r.header, line...) // not p, most of which are rows
	if !ok && len(r.header) <= maxHeader {
		return
	}
	r.known = true
	if !ok {
		return
	}
	s, l := r.socket, &r.socket.learning
	if v, _ := s.info.identity(); v.text != l.version || !bytes.Equal(l.header, r.header) {
		l.begin(v.text, bytes.Clone(r.header), &s.info, r.now)
	}
	if l.looks(r.now) {
		l.rounds++
		l.looked = r.now
		r.found = make(map[typedField]bool)
		r.scanner = new(haproxy.StatScanner)
		r.scanner.Begin()
		r.feed(append(r.header, '\n'))
		r.feed(rest)
	}
	r.header = nil
}

// begin begins with another HAProxy.
func (l *learning) begin(version string, header []byte, info *infoReply, now time.Time) {
	*l = learning{version: version, header: header, began: now, done: make(map[typedField]bool)}
	for _, name := range bytes.Split(bytes.TrimPrefix(bytes.TrimPrefix(header, []byte("#")), []byte(" ")), []byte(",")) {
		if isUnknown(typedField{'F', string(name)}) && len(l.columns) < maxUnknown && !slices.Contains(l.columns, string(name)) {
			l.columns = append(l.columns, string(name))
		}
	}
	info.each(func(name string, value []byte) {
		if _, number := haproxy.Number(value); number && isUnknown(typedField{0, name}) {
			l.askInfo = true
		}
	})
}

// looks reports whether to look at the rows of a reply.
func (l *learning) looks(now time.Time) bool {
	switch {
	case len(l.columns) == 0, now.Sub(l.began) >= lookFor:
		return false
	case l.rounds < lookRounds:
		return true
	}
	return now.Sub(l.looked) >= lookEvery
}

// feed reads rows.
func (r *rows) feed(p []byte) {
	for len(p) > 0 && r.scanner != nil {
		p = r.scanner.Feed(p)
		r.read()
	}
}

// read reads the rows that have come.
func (r *rows) read() {
	if r.iid == 0 {
		ok, err := r.scanner.Header()
		if err != nil {
			r.scanner = nil
		}
		if err != nil || !ok || !r.choose() {
			return
		}
	}
	for r.scanner.Next() {
		r.see(r.scanner.Row())
	}
}

// letters has the letter of each type of rows.
var letters = [...]byte{haproxy.FrontendRow: 'F', haproxy.BackendRow: 'B', haproxy.ServerRow: 'S', haproxy.ListenerRow: 'L'}

// choose selects the columns that are read.
func (r *rows) choose() bool {
	header := r.scanner.Columns()
	var columns []int
	for _, name := range r.socket.learning.columns {
		columns = append(columns, slices.Index(header, name))
	}
	iid, sid := slices.Index(header, "iid"), slices.Index(header, "sid")
	if iid < 0 || sid < 0 || slices.Contains(columns, -1) {
		r.scanner = nil
		return false
	}
	r.iid = len(columns)
	columns = append(columns, iid, sid)
	for t := range letters {
		r.scanner.Select(haproxy.RowType(t), nil)
		r.scanner.SelectTexts(haproxy.RowType(t), columns)
	}
	return true
}

// see takes down a row if it has a field that no other one has shown.
func (r *rows) see(row *haproxy.Row) {
	l := &r.socket.learning
	if len(row.Texts) < r.iid+2 || len(l.ask) >= maxRows {
		return
	}
	news := false
	for i, name := range l.columns {
		if f := (typedField{letters[row.Type], name}); len(row.Texts[i]) > 0 && !l.done[f] && !r.found[f] {
			r.found[f], news = true, true
		}
	}
	id := rowID{letters[row.Type], string(row.Texts[r.iid]), string(row.Texts[r.iid+1])}
	_, ok1 := haproxy.Number([]byte(id.iid))
	_, ok2 := haproxy.Number([]byte(id.sid))
	if news && ok1 && ok2 {
		l.ask = append(l.ask, id)
	}
}

// finish reads the rest of the rows.
func (r *rows) finish() {
	if r.scanner != nil && r.iid > 0 {
		r.scanner.Finish()
		for r.scanner.Next() {
			r.see(r.scanner.Row())
		}
	}
}
