package aggregate

import (
	"bytes"
	"slices"
	"strconv"

	"haproxystats/internal/catalogue"
	"haproxystats/internal/haproxy"
	"haproxystats/internal/metric"
)

// columnStatus is the column without which a reply tells no states.
const columnStatus = "status"

// withStates returns the header of a reply and the names of the metrics that follow from
// its texts.
func withStates(header []string) []string {
	if !slices.Contains(header, columnStatus) {
		return header
	}
	all := slices.Clip(header)
	for _, f := range catalogue.StateFields() {
		all = append(all, f.Name)
	}
	return all
}

// stateLayout says what follows from the texts of rows of one type. Its values stand
// behind those of the selected fields.
type stateLayout struct {
	selection selection
	names     []string
	texts     []int // columns of the header that are read as text
	// status and the others are positions in texts; -1: the header has no such column.
	status, check, weight, backup int
	parsed                        map[string]serverStatus
}

// serverStatus is a parsed status; known is false if the text is none.
type serverStatus struct {
	haproxy.ServerStatus
	known bool
}

// maxStatuses bounds the texts of states that are remembered.
const maxStatuses = 1024

// listenerStates are the metrics of a frontend that follow from the rows of its
// listeners, and the texts that they count.
var listenerStates = []listenerState{
	{"listeners_waiting", "WAITING"}, {"listeners_open", "OPEN"}, {"listeners_full", "FULL"},
}

type listenerState struct{ name, status string }

// listenerCounts counts the listeners of one frontend.
type listenerCounts struct {
	proxy []byte
	seen  bool
	n     [3]int64 // by listenerStates
}

// add counts a listener.
func (c *listenerCounts) add(row *haproxy.Row) {
	if !c.seen || !bytes.Equal(c.proxy, row.Proxy) {
		c.proxy, c.seen, c.n = append(c.proxy[:0], row.Proxy...), true, [3]int64{}
	}
	word, _, _ := bytes.Cut(text(row, 0), []byte(" "))
	for i, s := range listenerStates {
		if string(word) == s.status {
			c.n[i]++
		}
	}
}

// addTo adds the counts to the row of their frontend, if that is the last one read.
func (c *listenerCounts) addTo(t *metric.Builder, last *entry) {
	if !c.seen {
		return
	}
	c.seen = false
	if last.typ != haproxy.FrontendRow || last.row < 0 || last.proxy != string(c.proxy) {
		return
	}
	for i, s := range listenerStates {
		column := slices.IndexFunc(t.Columns(), func(c metric.Column) bool { return c.Name == s.name })
		if column >= 0 {
			t.Add(last.row, column, c.n[i])
		}
	}
}

func isListenerState(name string) bool {
	for _, l := range listenerStates {
		if l.name == name {
			return true
		}
	}
	return false
}

// newStateLayout returns what follows from states for rows of the selection's scope. The
// texts of servers are read for the counts of their backends, too.
func newStateLayout(s selection, header []string) stateLayout {
	l := stateLayout{selection: s, status: -1, check: -1, weight: -1, backup: -1, parsed: make(map[string]serverStatus)}
	if !slices.Contains(header, columnStatus) {
		return l
	}
	for _, f := range catalogue.StateFields() {
		if f.IsMetric(s.scope) && s.wants(f.Name) && !isListenerState(f.Name) && !slices.Contains(header, f.Name) {
			l.names = append(l.names, f.Name)
		}
	}
	return l
}

// read makes the layout read the texts that it needs.
func (l *stateLayout) read(header []string, server bool) {
	if l.status = l.text(header, columnStatus); server {
		l.check, l.weight, l.backup = l.text(header, "check_status"), l.text(header, "weight"), l.text(header, "bck")
	}
}

// text makes the layout read a text, and returns its position among those of a row; -1 if
// the header has no such column.
func (l *stateLayout) text(header []string, name string) int {
	column := slices.Index(header, name)
	if column < 0 {
		return -1
	}
	if at := slices.Index(l.texts, column); at >= 0 {
		return at
	}
	l.texts = append(l.texts, column)
	return len(l.texts) - 1
}

// readStates makes the layouts of a header read texts as far as any metric needs them.
func (l *layouts) readStates() {
	f, b, s := &l.byType[haproxy.FrontendRow].states, &l.byType[haproxy.BackendRow].states, &l.byType[haproxy.ServerRow].states
	if len(f.names) > 0 {
		f.read(l.header, false)
	}
	l.listenerStatus = -1
	if slices.ContainsFunc(listenerStates, func(s listenerState) bool { return f.selection.wants(s.name) }) {
		l.listenerStatus = slices.Index(l.header, columnStatus)
	}
	if len(b.names) > 0 {
		b.read(l.header, false)
	}
	if len(s.names) > 0 || len(b.names) > 0 {
		s.read(l.header, true)
	}
	l.countsServers = len(b.names) > 0
}

// text returns a text of the row, empty if it has none.
func text(row *haproxy.Row, at int) []byte {
	if at < 0 || at >= len(row.Texts) {
		return nil
	}
	return row.Texts[at]
}

// maintReasons has why servers are in maintenance, by [appendServer].
type maintReasons map[string]haproxy.MaintReason

// appendServer appends the name of a server among all backends. HAProxy's names have no
// slash.
func appendServer[T string | []byte](b []byte, backend, server T) []byte {
	return append(append(append(b, backend...), '/'), server...)
}

// Servers takes why servers of a socket are in maintenance. It implements
// reply.Accountant.
func (a *Aggregator) Servers(socket string, servers []haproxy.ServerAdmin) {
	reasons := make(maintReasons)
	for _, s := range servers {
		if s.Reason != haproxy.NotInMaint {
			reasons[string(appendServer(nil, s.Backend, s.Server))] = s.Reason
		}
	}
	if a.maint == nil {
		a.maint = make(map[string]maintReasons)
	}
	a.maint[socket] = reasons
}

// ProxiesOnly says that nothing is known of servers and listeners, so that nothing follows
// from their absence. It implements reply.Accountant.
func (a *Aggregator) ProxiesOnly() { a.proxies.only = true }

// stateCounts counts the servers of one backend.
type stateCounts struct {
	// unknown reports whether no server is known, so that none is counted.
	unknown bool
	// maint has the reasons that the texts of the rows don't tell.
	maint  maintReasons
	name   []byte // of a server
	proxy  []byte
	counts [2][numCounts]int64 // of active servers, and of backup servers
}

// What is counted of the servers of a backend.
const (
	countUp = iota
	countDown
	countMaint
	countDrain
	countNOLB
	countNoCheck
	countGoingDown
	countGoingUp
	numCounts
)

// countNames has the names behind "active_" and "backup_".
var countNames = [numCounts]string{"up", "down", "maint", "drain", "nolb", "nocheck", "going_down", "going_up"}

// countPlaces has the count for each metric of a backend.
var countPlaces = func() map[string][2]int {
	m := make(map[string][2]int)
	for i, name := range countNames {
		m["active_"+name], m["backup_"+name] = [2]int{0, i}, [2]int{1, i}
	}
	return m
}()

var countOfState = map[haproxy.ServerState]int{
	haproxy.ServerUp: countUp, haproxy.ServerDown: countDown, haproxy.ServerMaint: countMaint,
	haproxy.ServerDrain: countDrain, haproxy.ServerNOLB: countNOLB,
}

// add counts a server.
func (c *stateCounts) add(s *serverStatus, backup bool) {
	n := &c.counts[0]
	if backup {
		n = &c.counts[1]
	}
	n[countOfState[s.State]]++
	switch {
	case s.NoCheck:
		n[countNoCheck]++
	case s.Going < 0:
		n[countGoingDown]++
	case s.Going > 0:
		n[countGoingUp]++
	}
}

// percentUp returns the numerator and the denominator of the share of servers that are
// up. Servers in maintenance, such as the spare ones of a server-template, don't count.
func (c *stateCounts) percentUp() (up, all int64) {
	for _, n := range c.counts {
		up += n[countUp]
		all += n[countUp] + n[countDown] + n[countDrain] + n[countNOLB]
	}
	return up, all
}

// begin begins to count the servers of a proxy, unless it is the one in hand.
func (c *stateCounts) begin(proxy []byte) {
	if !bytes.Equal(proxy, c.proxy) {
		c.proxy = append(c.proxy[:0], proxy...)
		c.counts = [2][numCounts]int64{}
	}
}

// count counts the server of a row of which only the texts have been read.
func (l *stateLayout) count(row *haproxy.Row, c *stateCounts) {
	c.begin(row.Proxy)
	if s := l.parse(text(row, l.status)); s.known {
		backup, ok := haproxy.Number(text(row, l.backup))
		c.add(&s, ok && backup > 0)
	}
}

// derive appends to the values of a row what follows from its texts. It counts servers
// in c, and takes the counts at the row of their backend, which follows them.
func (l *stateLayout) derive(row *haproxy.Row, c *stateCounts) {
	c.begin(row.Proxy)
	if len(l.texts) == 0 {
		return
	}
	switch status := text(row, l.status); row.Type {
	case haproxy.ServerRow:
		l.deriveServer(row, c, status)
	case haproxy.BackendRow:
		l.deriveBackend(row, c, status)
	case haproxy.FrontendRow:
		for range l.names { // the state
			n, ok := frontendState(status)
			appendValue(row, n, ok)
		}
	}
}

// appendValue appends a value, or none if ok is false.
func appendValue(row *haproxy.Row, n int64, ok bool) {
	present := byte(0)
	if ok {
		present = 1
	} else {
		n = 0
	}
	row.Values, row.Present = append(row.Values, n), append(row.Present, present)
}

// shareDigits is the number of decimals of a share.
const shareDigits = 6

// appendShare appends n times scale of all, which is above 0.
func appendShare(row *haproxy.Row, n, all, scale int64) {
	if n*scale%all == 0 {
		appendValue(row, n*scale/all, true)
		return
	}
	share := strconv.AppendFloat(nil, float64(n*scale)/float64(all), 'f', shareDigits, 64)
	row.Odd = append(row.Odd, haproxy.OddValue{Index: len(row.Values), Raw: share})
	row.Plain = false
	appendValue(row, 0, false)
}

func (l *stateLayout) deriveServer(row *haproxy.Row, c *stateCounts, status []byte) {
	s := l.parse(status)
	if s.known {
		backup, ok := haproxy.Number(text(row, l.backup))
		c.add(&s, ok && backup > 0)
	}
	if len(l.names) == 0 {
		return
	}
	check := checkResult(text(row, l.check))
	for _, name := range l.names {
		switch name {
		case "state":
			appendValue(row, int64(s.State), s.known)
		case "going":
			appendValue(row, int64(s.Going), s.known)
		case "health":
			if s.known && s.Of > 0 {
				appendShare(row, int64(min(max(s.Have, 0), s.Of)), int64(s.Of), 1)
			} else {
				appendValue(row, int64(s.Health()), s.known)
			}
		case "maint_reason":
			appendValue(row, int64(c.reason(row, s.Reason)), s.known)
		case "up":
			weight, ok := haproxy.Number(text(row, l.weight))
			appendValue(row, one(s.State == haproxy.ServerUp && (!ok || weight > 0)), s.known)
		case "check_ok":
			good, known := checkOK(check)
			appendValue(row, one(good), known)
		case "check_result":
			appendValue(row, int64(check), check >= 0)
		}
	}
}

// reason returns why the server is in maintenance, which the text tells unless it was
// forced: then it may be so by the configuration.
func (c *stateCounts) reason(row *haproxy.Row, told haproxy.MaintReason) haproxy.MaintReason {
	if told != haproxy.MaintForced || len(c.maint) == 0 {
		return told
	}
	c.name = appendServer(c.name[:0], row.Proxy, row.Service)
	if known, ok := c.maint[string(c.name)]; ok {
		return known
	}
	return told
}

// one returns 1 for true.
func one(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// parse parses the status of a server.
func (l *stateLayout) parse(status []byte) serverStatus {
	if s, ok := l.parsed[string(status)]; ok {
		return s
	}
	parsed, err := haproxy.ParseServerStatus(string(status))
	s := serverStatus{parsed, err == nil}
	if len(l.parsed) >= maxStatuses {
		clear(l.parsed)
	}
	l.parsed[string(status)] = s
	return s
}

// checkResults has the number of each result of a check.
var checkResults = func() map[string]int {
	m := make(map[string]int)
	for i, name := range haproxy.CheckResults {
		m[name] = i
	}
	return m
}()

// running stands before the result of the last check while the next one runs.
var running = []byte("* ")

// checkResult returns the number of a result, -1 if there is none.
func checkResult(status []byte) int {
	if n, ok := checkResults[string(bytes.TrimPrefix(status, running))]; ok {
		return n
	}
	return -1
}

// checkOK reports whether a result is that of a check that succeeded, and whether it
// tells so at all.
func checkOK(result int) (ok, known bool) {
	if result < 0 {
		return false, false
	}
	switch haproxy.CheckResults[result] {
	case "UNK", "INI", "CHECKED":
		return false, false
	case "L4OK", "L6OK", "L7OK", "L7OKC", "PROCOK":
		return true, true
	}
	return false, true
}

func (l *stateLayout) deriveBackend(row *haproxy.Row, c *stateCounts, status []byte) {
	for _, name := range l.names {
		switch name {
		case "state":
			word, _, _ := bytes.Cut(status, []byte(" "))
			up := string(word) == "UP"
			appendValue(row, one(up), up || string(word) == "DOWN")
		case "percent_up":
			if up, all := c.percentUp(); all > 0 {
				appendShare(row, up, all, 100)
			} else {
				appendValue(row, 0, false)
			}
		default:
			at := countPlaces[name]
			appendValue(row, c.counts[at[0]][at[1]], !c.unknown)
		}
	}
	c.counts = [2][numCounts]int64{}
}

// frontendState returns the number of a frontend's state.
func frontendState(status []byte) (n int64, ok bool) {
	word, _, _ := bytes.Cut(status, []byte(" "))
	switch string(word) {
	case "STOP":
		return 0, true
	case "OPEN", "FULL":
		return 1, true
	case "PAUSED":
		return 2, true
	}
	return 0, false
}
