package harness

import (
	"fmt"
	"hash/fnv"
	"strings"
)

// Root begins every path, as [Site.Configure] sets it up.
const Root = "ft.haproxy."

// self begins the paths of the program's own metrics, whose values nobody can
// foretell.
const self = Root + "haproxystats."

// Shape is the size of the replies of a [Source].
type Shape struct {
	Sockets   int // 0: 2
	Frontends int // 0: 1
	Backends  int // 0: 2
	Servers   int // in each backend; 0: 3
}

func (s Shape) orDefault() Shape {
	for field, otherwise := range map[*int]int{&s.Sockets: 2, &s.Frontends: 1, &s.Backends: 2, &s.Servers: 3} {
		if *field == 0 {
			*field = otherwise
		}
	}
	return s
}

// The fields that have values. All are summed over the processes.
var (
	infoFields = []string{"CumConns", "CumReq", "Maxconn"}
	statFields = []string{"bin", "bout", "stot", "hrsp_5xx"}
)

// roundField carries the round in which a socket was asked; per process it
// arrives as it is.
const roundField = "Uptime_sec"

// kind is how the value of a path follows from the rounds.
type kind int

const (
	sum      kind = iota // of the values of all sockets
	mean                 // of the rounds of all sockets
	round                // of one socket
	one                  // the value of one socket
	constant             // the same in each round
)

// expectation says what belongs to a path.
type expectation struct {
	path   string
	kind   kind
	socket int
	key    string
	number float64
}

// value is the number that a socket tells in a round: any whole number whose
// sums are exact.
func value(socket int, key string, round int64) int64 {
	h := fnv.New64a()
	fmt.Fprintf(h, "%d/%s", socket, key)
	x := h.Sum64() + uint64(round)*0x9e3779b97f4a7c15
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	x ^= x >> 31
	return int64(x & (1<<40 - 1))
}

// expectations returns what arrives of every snapshot, each path once.
func (s Shape) expectations() []expectation {
	all := []expectation{{path: Root + "daemon." + roundField, kind: mean}}
	for _, f := range infoFields {
		all = append(all, expectation{path: Root + "daemon." + f, key: f})
	}
	for n := range s.Sockets {
		at := fmt.Sprintf("%sdaemon.process.%d.", Root, n+1)
		all = append(all, expectation{path: at + roundField, kind: round, socket: n})
		for _, f := range infoFields {
			all = append(all, expectation{path: at + f, kind: one, socket: n, key: f})
		}
	}
	for _, r := range s.rows() {
		for _, f := range statFields {
			all = append(all, expectation{path: Root + r.path + f, key: r.key(f)})
		}
	}
	for b := range s.Backends {
		all = append(all, expectation{
			path: fmt.Sprintf("%sbackend.be%d.TotalServers", Root, b+1), kind: constant, number: float64(s.Servers),
		})
	}
	return all
}

// row is one of `show stat`.
type row struct {
	proxy, server string
	kind          string // HAProxy's word: the number in column type
	path          string
}

func (r row) key(field string) string { return r.proxy + "/" + r.server + "/" + field }

func (s Shape) rows() []row {
	var rows []row
	for f := range s.Frontends {
		name := fmt.Sprintf("fe%d", f+1)
		rows = append(rows, row{name, "FRONTEND", "0", "frontend." + name + "."})
	}
	for b := range s.Backends {
		name := fmt.Sprintf("be%d", b+1)
		for n := range s.Servers {
			server := fmt.Sprintf("s%d", n+1)
			rows = append(rows, row{name, server, "2", "backend." + name + ".server." + server + "."})
		}
		rows = append(rows, row{name, "BACKEND", "1", "backend." + name + "."})
	}
	return rows
}

// Replies returns what a socket answers in a round.
func (s Shape) Replies(socket int, round int64) (info, stat []byte) {
	var b strings.Builder
	fmt.Fprintf(&b, "Name: HAProxy\nVersion: 2.6.12-1\nProcess_num: %d\n%s: %d\n", socket+1, roundField, round)
	for _, f := range infoFields {
		fmt.Fprintf(&b, "%s: %d\n", f, value(socket, f, round))
	}
	b.WriteString("\n")
	info = []byte(b.String())

	b.Reset()
	b.WriteString("# pxname,svname," + strings.Join(statFields, ",") + ",type,\n")
	for _, r := range s.rows() {
		b.WriteString(r.proxy + "," + r.server + ",")
		for _, f := range statFields {
			fmt.Fprintf(&b, "%d,", value(socket, r.key(f), round))
		}
		b.WriteString(r.kind + ",\n")
	}
	b.WriteString("\n")
	return info, []byte(b.String())
}
