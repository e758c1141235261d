package aggregate

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"haproxystats/internal/haproxy"
)

// Duplicate is a process that has answered through two sockets.
type Duplicate struct {
	First, Next string // sockets; the reply of Next is not counted
	Pid         string
}

// Missing is an HAProxy with several processes, some of which have not answered.
type Missing struct {
	Node     string
	Nbproc   int // processes of this HAProxy, by its configuration
	Answered int
	Missing  int
	// Numbers are the numbers of the missing processes, from 1.
	Numbers []int
}

// Outdated is a process whose HAProxy is older than the oldest version that the
// catalogue knows.
type Outdated struct{ Socket, Version string }

// life identifies one life of a process, as far as its reply to `show info` can.
type life struct {
	// facts are fields that don't change during the life of a process. The Pid alone is
	// not enough: in containers it is always the same.
	facts string
	pid   string
	// started reports whether the facts include the start time. Before HAProxy 2.4 they
	// don't, and the uptime is used.
	started   bool
	uptime    int64
	hasUptime bool
}

// isFact reports whether a field of `show info` keeps its value during the life of a
// process, whatever the socket.
func isFact(field string) bool {
	switch field {
	case "Name", "Version", "Release_date", "node", "description", "Nbproc", "Nbthread", "Process_num", fieldPid,
		fieldStart, "BootTime_ms", "Hard_maxconn", "Ulimit-n", "Maxsock", "Maxpipes":
		return true
	}
	return false
}

// learn records one field.
func (l *life) learn(field, value string) {
	if isFact(field) {
		l.facts += field + ": " + value + "\n"
	}
	switch field {
	case fieldPid:
		l.pid = value
	case fieldStart:
		l.started = true
	case fieldUptime:
		n, ok := haproxy.Number([]byte(value))
		l.uptime, l.hasUptime = n, ok
	}
}

// is reports whether both may be one life. The replies of a round are a moment
// apart, so their uptimes may differ by a second.
func (l *life) is(o *life) bool {
	if l.pid == "" || l.facts != o.facts {
		return false
	}
	if l.started {
		return true
	}
	apart := l.uptime - o.uptime
	return l.hasUptime && o.hasUptime && apart >= -1 && apart <= 1
}

// twins finds the replies that one process has given through several sockets. Equal
// replies to `show info` are a suspicion. The rows of `show stat` must describe the
// same proxies and servers, too, because two replicas on one machine may have
// started in the same second.
type twins struct {
	ready bool
	// suspects has, for each socket whose process may have answered before, the earlier
	// sockets of that process.
	suspects map[string][]string
	rows     map[string]uint64 // by socket: the hash of the rows
	spare    *proxies
}

func (t *twins) reset() { t.ready = false }

// find looks for suspects.
func (t *twins) find(processes []process) {
	t.ready = true
	t.suspects, t.rows = nil, nil
	byFacts := make(map[string][]*process)
	for i := range processes {
		p := &processes[i]
		for _, before := range byFacts[p.life.facts] {
			if p.life.is(&before.life) {
				t.suspect(before.socket)
				t.suspect(p.socket, before.socket)
			}
		}
		byFacts[p.life.facts] = append(byFacts[p.life.facts], p)
	}
}

func (t *twins) suspect(socket string, before ...string) {
	if t.suspects == nil {
		t.suspects = make(map[string][]string)
		t.rows = make(map[string]uint64)
	}
	t.suspects[socket] = append(t.suspects[socket], before...)
}

// Stat adds replies to `show stat`, which have one header, each of one process.
func (a *Aggregator) Stat(sockets []string, replies []*haproxy.StatScanner) {
	t := &a.twins
	if !t.ready {
		t.find(a.daemon.processes)
	}
	together := a.together[:0]
	accounts := a.inStep[:0]
	for i, s := range replies {
		if before, suspect := t.suspects[sockets[i]]; suspect {
			a.addSuspect(sockets[i], before, s)
		} else {
			together, accounts = append(together, s), append(accounts, a.beside(sockets[i]))
		}
	}
	for i := 0; i < len(together); i += maxInStep {
		end := min(len(together), i+maxInStep)
		a.proxies.addInStep(together[i:end], accounts[i:end])
	}
	clear(together)
	clear(accounts)
	a.together, a.inStep = together[:0], accounts[:0]
}

// addSuspect adds the reply of a process that may have answered through one of the
// sockets before.
func (a *Aggregator) addSuspect(socket string, before []string, s *haproxy.StatScanner) {
	t := &a.twins
	s.HashRows()
	if !slices.ContainsFunc(before, func(b string) bool { _, counted := t.rows[b]; return counted }) {
		a.proxies.add(s, a.beside(socket))
		t.rows[socket] = s.RowHash()
		return
	}
	// The end of the reply decides whether it counts.
	if t.spare == nil {
		p := newProxies(a.opt)
		t.spare = &p
	}
	t.spare.reset()
	t.spare.only = a.proxies.only
	t.spare.add(s, a.beside(socket))
	hash := s.RowHash()
	for _, b := range before {
		if rows, counted := t.rows[b]; counted && rows == hash {
			a.daemon.repeats(socket, b)
			return
		}
	}
	t.rows[socket] = hash
	a.proxies.merge(t.spare)
}

// settle decides about suspects whose rows have not come: nothing disproves the
// suspicion, so they count as one process.
func (a *Aggregator) settle() {
	t := &a.twins
	if !t.ready {
		t.find(a.daemon.processes)
	}
	for socket, before := range t.suspects {
		if _, counted := t.rows[socket]; !counted && len(before) > 0 {
			a.daemon.repeats(socket, before[0])
		}
	}
	a.addAccounts()
}

// repeats records that a socket belongs to the process that has answered through
// another.
func (d *daemon) repeats(socket, first string) {
	for i := range d.processes {
		if p := &d.processes[i]; p.socket == socket && !p.repeated {
			p.repeated, p.first = true, first
		}
	}
}

// Duplicates returns the sockets whose replies were not counted, because their
// process had answered through another socket.
func (a *Aggregator) Duplicates() []Duplicate {
	a.settle()
	var found []Duplicate
	for _, p := range a.daemon.processes {
		if p.repeated {
			found = append(found, Duplicate{p.first, p.socket, p.life.pid})
		}
	}
	slices.SortFunc(found, func(a, b Duplicate) int { return cmp.Compare(a.Next, b.Next) })
	return found
}

// Processes returns the number of processes that have answered.
func (a *Aggregator) Processes() int {
	a.settle()
	return len(a.daemon.counted())
}

// maxNbproc exceeds the number of processes that HAProxy can have, which is 64.
const maxNbproc = 1024

// Missing returns the missing processes of each HAProxy with several processes
// (nbproc above 1, before HAProxy 2.5), as the other processes show. Two HAProxy
// with the same number of processes on a node count as one.
func (a *Aggregator) Missing() []Missing {
	a.settle()
	type group struct {
		node   string
		nbproc int
	}
	answered := make(map[group][]int)
	for _, p := range a.daemon.processes {
		n, err := strconv.Atoi(p.nbproc)
		if err != nil || n < 2 || n > maxNbproc || p.repeated {
			continue
		}
		number, _ := strconv.Atoi(p.number)
		answered[group{p.node, n}] = append(answered[group{p.node, n}], number)
	}
	var found []Missing
	for g, numbers := range answered {
		// There are as many HAProxy as there are processes with the same number.
		times := make(map[int]int)
		instances := (len(numbers) + g.nbproc - 1) / g.nbproc
		for _, n := range numbers {
			if n > 0 {
				times[n]++
				instances = max(instances, times[n])
			}
		}
		m := Missing{Node: g.node, Nbproc: g.nbproc, Answered: len(numbers), Missing: instances*g.nbproc - len(numbers)}
		if m.Missing == 0 {
			continue
		}
		for n := 1; n <= g.nbproc; n++ {
			if times[n] < instances {
				m.Numbers = append(m.Numbers, n)
			}
		}
		found = append(found, m)
	}
	slices.SortFunc(found, func(a, b Missing) int {
		return cmp.Or(cmp.Compare(a.Node, b.Node), cmp.Compare(a.Nbproc, b.Nbproc), cmp.Compare(a.Answered, b.Answered))
	})
	return found
}

// The oldest version that the catalogue knows.
const oldestMajor, oldestMinor = 1, 6

// Outdated returns the processes older than HAProxy 1.6, which are read as far as
// possible.
func (a *Aggregator) Outdated() []Outdated {
	var found []Outdated
	for _, p := range a.daemon.processes {
		if isOutdated(p.version) {
			found = append(found, Outdated{p.socket, p.version})
		}
	}
	return found
}

func isOutdated(version string) bool {
	majorText, rest, _ := strings.Cut(version, ".")
	minorText, _, _ := strings.Cut(rest, ".")
	minorText, _, _ = strings.Cut(minorText, "-")
	major, err1 := strconv.Atoi(majorText)
	minor, err2 := strconv.Atoi(minorText)
	return err1 == nil && err2 == nil && (major < oldestMajor || major == oldestMajor && minor < oldestMinor)
}
