package faults

import (
	"io"
	"maps"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"haproxystats/test/faults/harness"
)

// rows are a reply to `show stat`, field by field, without its end mark.
func rows(stat []byte) (all [][]string) {
	for line := range strings.Lines(strings.TrimRight(string(stat), "\n")) {
		all = append(all, strings.Split(strings.TrimSuffix(line, "\n"), ","))
	}
	return all
}

// reply undoes rows.
func reply(rows [][]string) []byte {
	var b strings.Builder
	for _, r := range rows {
		b.WriteString(strings.Join(r, ",") + "\n")
	}
	return []byte(b.String() + "\n")
}

// insert puts a column before that of a number, with one field for all rows.
func insert(at int, name, field string) func([][]string) [][]string {
	return func(rows [][]string) [][]string {
		for i, r := range rows {
			cell := field
			if i == 0 {
				cell = name
			}
			rows[i] = slices.Insert(r, at, cell)
		}
		return rows
	}
}

// odd are names that some reader takes for something else.
var odd = []string{"null", "NA", "1", "-1", "nan", "None", "True", "0x10", "FRONTEND", "BACKEND", "1e5", "#", "''"}

// awkward are changes to a reply to `show stat` that leave what the source says
// as it is.
var awkward = map[string]func([][]string) [][]string{
	"columns in another order": func(rows [][]string) [][]string {
		for i, r := range rows {
			r = r[:len(r)-1] // behind the last comma
			slices.Reverse(r)
			if i == 0 {
				r[len(r)-1] = "pxname"
				r[0] = "# " + r[0]
			}
			rows[i] = append(r, "")
		}
		return rows
	},
	"unknown columns":          insert(2, "colour", "blue"),
	"a column without a name":  insert(3, "", "7"),
	"a column called -":        insert(3, "-", ""),
	"a column twice":           insert(6, "bin", "1"),
	"a column is missing":      insert(6, "gone", ""),
	"text that is not UTF-8":   insert(6, "last_chk", "\"\xff\xfe\x80\""),
	"text with a NUL":          insert(6, "last_chk", "\"a\x00b\""),
	"text with carriage marks": insert(6, "last_chk", "\"a\r\nb\r\""),
	"text with quotes":         insert(6, "last_chk", `"say ""no"", they say"`),
	"text without end":         insert(6, "last_chk", strings.Repeat("x", 4000)),
	"numbers that are none":    insert(6, "qcur", "-"),
	"numbers without end":      insert(6, "qcur", strings.Repeat("9", 400)),
	"a row of 10 MB": func(rows [][]string) [][]string {
		return append(rows, []string{"huge" + strings.Repeat("e", 10<<20), "FRONTEND", "1", "1", "1", "1", "0", ""})
	},
	"rows too short and too long": func(rows [][]string) [][]string {
		return append(rows, []string{"short"}, []string{"short", "FRONTEND"}, []string{""}, slices.Repeat([]string{"long"}, 1000))
	},
	"odd names": func(rows [][]string) [][]string {
		for _, name := range odd {
			rows = append(rows,
				[]string{name, "FRONTEND", "1", "2", "3", "4", "0", ""},
				[]string{name, name, "1", "2", "3", "4", "2", ""},
				[]string{name, "BACKEND", "1", "2", "3", "4", "1", ""})
		}
		return rows
	},
}

// TestReplyIsAwkward changes replies in ways that real ones may be, and wants
// all that the source says to arrive, and nothing that nobody said.
func TestReplyIsAwkward(t *testing.T) {
	t.Parallel()
	row := harness.Begin(t, "awkward replies and names", "0 crashes; known columns right; nothing invented")
	s := harness.NewSite(t)
	src := s.Source(harness.Shape{})
	graphite := s.Graphite(src)
	conf := s.Configure(harness.Config{Port: graphite.Port(), LocalStore: true})
	watch := s.WatchQueue(s.Incoming())
	feeder := s.Feeder(src, s.Incoming())
	process := s.Start(harness.Process, conf)

	// Both sockets say the same of odd names.
	allowed := make(map[string]float64)
	for _, name := range odd {
		for i, field := range []string{"bin", "bout", "stot", "hrsp_5xx"} {
			value := 2 * float64(i+1)
			allowed[harness.Root+"frontend."+name+"."+field] = value
			allowed[harness.Root+"backend."+name+"."+field] = value
			allowed[harness.Root+"backend."+name+".server."+name+"."+field] = value
		}
		allowed[harness.Root+"backend."+name+".TotalServers"] = 1
	}
	seen := make(map[string]bool)
	graphite.Received.Allow(func(path string, value float64) bool {
		want, ok := allowed[path]
		seen[path] = true
		return ok && value == want
	})
	for range harness.Count(1, 100) {
		for name, change := range awkward {
			feeder.FeedEdited(func(info, stat []byte) ([]byte, []byte) { return info, reply(change(rows(stat))) })
			row.Inject(1)
			s.Must(graphite.Received.WaitWhole(s.Ctx, feeder.Epochs()...))
			if process.Says("panic") {
				t.Errorf("%s: a worker panicked", name)
			}
		}
	}
	graphite.Received.Allow(nil)
	for path := range allowed {
		if !seen[path] {
			t.Errorf("%s has not arrived", path)
		}
	}
	row.Result("%d names that are not valid", len(odd))
	row.Result("%v", s.Settle(harness.Settlement{
		Graphite: graphite, Queue: watch, Feeder: feeder, Programs: []*harness.Program{process},
	}))
}

// hostile are names that would break a line, a path or a directory.
var hostile = []string{
	"a\nb", "a\r\nb 1 2", "a b", "a;tag=1", "a\tb", "../../etc", "..", ".", "", " ", "a/b", "a\x00b", "\xff\xfe", "a\u2028b", "a\u00a0b",
	"\u202eevil", "a\x1b[31mb", "x 1 1\nft.haproxy.daemon.CumConns 1 1", strings.Repeat("n", 4096), strings.Repeat("ä", 2048),
}

// quoted returns a name as a field of a reply; one that no field can hold as
// it is stands in quotes.
func quoted(name string) string {
	if strings.ContainsAny(name, "\",\r\n") {
		return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
	}
	return name
}

// TestNamesAreHostile has proxies and servers of such names, and wants every line
// to match the grammar and all that the source says.
func TestNamesAreHostile(t *testing.T) {
	t.Parallel()
	row := harness.Begin(t, "hostile names of proxies and servers", "every line matches the grammar; what else is said arrives")
	s := harness.NewSite(t)
	src := s.Source(harness.Shape{})
	graphite := s.Graphite(src)
	conf := s.Configure(harness.Config{Port: graphite.Port(), LocalStore: true, Set: harness.Options{
		"process": {"aggr-server-metrics": "yes", "metric-set": "all"},
	}})
	watch := s.WatchQueue(s.Incoming())
	feeder := s.Feeder(src, s.Incoming())
	foreign := 0
	graphite.Received.Allow(func(path string, _ float64) bool {
		foreign++
		return strings.HasPrefix(path, harness.Root)
	})
	for range harness.Count(1, 100) {
		for _, name := range hostile {
			field := quoted(name)
			feeder.FeedEdited(func(info, stat []byte) ([]byte, []byte) {
				return info, reply(append(rows(stat),
					[]string{field, "FRONTEND", "1", "2", "3", "4", "0", ""},
					[]string{field, field, "1", "2", "3", "4", "2", ""},
					[]string{"hostile", field, "1", "2", "3", "4", "2", ""},
					[]string{field, "BACKEND", "1", "2", "3", "4", "1", ""}))
			})
			row.Inject(1)
		}
		process := s.Start(harness.Process, conf)
		s.Must(graphite.Received.WaitWhole(s.Ctx, feeder.Epochs()...))
		watch.WaitEmpty()
		process.End(stopSignal)
	}
	process := s.Start(harness.Process, conf)
	found := s.Settle(harness.Settlement{
		Graphite: graphite, Queue: watch, Feeder: feeder, Programs: []*harness.Program{process}, LocalStore: true,
	})
	graphite.Kill()
	if foreign < len(hostile) {
		t.Errorf("%d lines of hostile names arrived, want more", foreign)
	}
	row.Result("%d lines of them; %v", foreign, found)
}

// forward makes a stats socket whose connections are handed on to another: a link
// would be known for the other's name.
func forward(s *harness.Site, path, to string) {
	s.T.Helper()
	listener, err := net.Listen("unix", path)
	s.Must(err)
	var open sync.WaitGroup
	open.Go(func() {
		for {
			from, err := listener.Accept()
			if err != nil {
				return // closed, at the end of the test
			}
			open.Go(func() { hand(from, to) })
		}
	})
	s.T.Cleanup(func() {
		_ = listener.Close()
		open.Wait()
	})
}

// hand copies what comes from a connection to a socket, and back, until the socket
// has said everything.
func hand(from net.Conn, to string) {
	defer from.Close()
	socket, err := net.Dial("unix", to)
	if err != nil {
		return
	}
	defer socket.Close()
	var asking sync.WaitGroup
	asking.Go(func() { _, _ = io.Copy(socket, from) })
	_, _ = io.Copy(from, socket)
	_ = from.Close()
	asking.Wait()
}

// TestSocketNamesAreHostile has stats sockets of such names, whose processes all
// call themselves number one, so that their metrics are named by the socket.
func TestSocketNamesAreHostile(t *testing.T) {
	t.Parallel()
	row := harness.Begin(t, "hostile names of sockets", "every line matches the grammar; no snapshot is given up")
	s := harness.NewSite(t)
	src := s.Source(harness.Shape{Sockets: 1})
	const longest = 107 // bytes of a socket's path
	for _, name := range append(hostile, "\xff\xfd", "a\u00e4", strings.Repeat("\xe4", 60)) {
		path := filepath.Join(src.Dir, name)
		if filepath.Dir(path) != src.Dir || len(path) > longest || strings.Contains(name, "\x00") {
			continue // no file has that name, or no socket
		}
		forward(s, path, src.Socket(0).Path)
		row.Inject(1)
	}
	graphite := s.Graphite(nil)
	paths := make(map[string]bool)
	graphite.Received.Allow(func(path string, _ float64) bool {
		paths[path] = true
		return strings.HasPrefix(path, harness.Root)
	})
	conf := s.Configure(harness.Config{Source: src, Port: graphite.Port(), LocalStore: true})
	watch := s.WatchQueue(s.Incoming())
	pull := s.Start(harness.Pull, conf)
	process := s.Start(harness.Process, conf)
	watch.WaitCame(3)
	pull.End(stopSignal)
	watch.WaitEmpty()
	process.End(stopSignal)
	graphite.Kill()
	processes := make(map[string]bool)
	for path := range paths {
		if process, found := strings.CutPrefix(path, harness.Root+"daemon.process."); found {
			processes[process[:strings.LastIndexByte(process, '.')]] = true
		}
	}
	for _, problem := range graphite.Received.Problems() {
		t.Error(problem)
	}
	// Two of them are not the same, but in a path.
	row.Result("%d lines, %d processes", graphite.Received.Lines(), len(processes))
	if len(processes) < 8 {
		t.Errorf("processes %q", slices.Sorted(maps.Keys(processes)))
	}
	s.NoLeaks(s.Base())
}
