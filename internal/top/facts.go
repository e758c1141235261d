package top

import (
	"bytes"
	"slices"
	"strings"

	"haproxystats/internal/haproxy"
	"haproxystats/internal/snapshot"
)

// Facts is what one process says of a row.
type Facts struct {
	// Socket is the name of the process's socket.
	Socket string
	// Fields are the columns of `show stat` with a value, in HAProxy's order, or the lines of
	// `show info`.
	Fields []Fact
}

// Fact is a field and its value, as HAProxy spells them.
type Fact struct{ Field, Value string }

// Get returns the value of a field; empty if there is none.
func (f Facts) Get(field string) string {
	for _, fact := range f.Fields {
		if fact.Field == field {
			return fact.Value
		}
	}
	return ""
}

var rowTypes = map[Kind]haproxy.RowType{Frontend: haproxy.FrontendRow, Backend: haproxy.BackendRow, Server: haproxy.ServerRow}

// FactsOf returns what each process says of a row, in the order of their sockets.
func (n *Reading) FactsOf(r *Row) []Facts {
	var all []Facts
	for _, socket := range n.Sockets() {
		if r.Kind == Process {
			if r.Info == nil || r.Info.Socket != socket || r.State == Old {
				continue
			}
			all = append(all, infoFacts(socket, n.files[socket+snapshot.InfoSuffix]))
			continue
		}
		if f := statFacts(socket, n.files[socket+snapshot.StatSuffix], r); len(f.Fields) > 0 {
			all = append(all, f)
		}
	}
	return all
}

func infoFacts(socket string, reply []byte) Facts {
	f := Facts{Socket: socket}
	var s haproxy.InfoScanner
	s.Reset(bytes.NewReader(reply))
	for s.Next() {
		f.Fields = append(f.Fields, Fact{string(s.Key()), string(s.Value())})
	}
	return f
}

func statFacts(socket string, reply []byte, r *Row) Facts {
	f := Facts{Socket: socket}
	var s haproxy.StatScanner
	if s.Reset(bytes.NewReader(reply)) != nil {
		return f
	}
	proxy, service := r.Name, strings.ToUpper(r.Kind.String())
	if r.Kind == Server {
		proxy, service = r.Parent, r.Name
	}
	s.Select(rowTypes[r.Kind], []int{})
	for s.Step() {
		row := s.Row()
		if string(row.Proxy) != proxy || string(row.Service) != service {
			continue
		}
		for i, name := range s.Columns() {
			if value := s.Text(i); len(value) > 0 && name != "" && name != "-" {
				f.Fields = append(f.Fields, Fact{name, string(value)})
			}
		}
		break
	}
	return f
}

// serverFacts are the fields of a server that come first, with words for them.
var serverFacts = []struct{ field, words string }{
	{"status", "state"},
	{"lastchg", "since"},
	{"check_status", "last check"},
	{"check_code", "its code"},
	{"check_duration", "its duration"},
	{"check_desc", "in words"},
	{"last_chk", "its answer"},
	{"agent_status", "last agent check"},
	{"agent_desc", "in words"},
	{"last_agt", "its answer"},
	{"tracked", "tracks"},
	{"addr", "address"},
	{"cookie", "cookie"},
	{"weight", "weight"},
	{"throttle", "slow start"},
	{"bck", "backup"},
	{"mode", "mode"},
	{"algo", "balance"},
	{"downtime", "time down"},
	{"chkdown", "down transitions"},
	{"chkfail", "failed checks"},
	{"hanafail", "failures observed"},
	{"lastsess", "last session"},
	{"scur", "sessions"},
	{"smax", "most sessions"},
	{"slim", "limit of sessions"},
	{"stot", "sessions in all"},
	{"qcur", "queue"},
	{"qmax", "longest queue"},
	{"qlimit", "limit of the queue"},
	{"qtime", "queue time"},
	{"ctime", "connect time"},
	{"rtime", "response time"},
	{"ttime", "total time"},
	{"req_tot", "requests in all"},
	{"hrsp_2xx", "responses 2xx"},
	{"hrsp_3xx", "responses 3xx"},
	{"hrsp_4xx", "responses 4xx"},
	{"hrsp_5xx", "responses 5xx"},
	{"ereq", "bad requests"},
	{"econ", "failed connections"},
	{"eresp", "bad responses"},
	{"wretr", "retries"},
	{"wredis", "redispatches"},
	{"cli_abrt", "aborted by clients"},
	{"srv_abrt", "aborted by servers"},
}

// identities are fields that say nothing that the heading does not.
var identities = []string{"pxname", "svname", "type", "pid", "iid", "sid", "srid"}

// Told returns the facts for people: the important ones first and in words, then the others
// by their names.
func (f Facts) Told() []Fact {
	var told []Fact
	known := slices.Clone(identities)
	for _, s := range serverFacts {
		known = append(known, s.field)
		if v := f.Get(s.field); v != "" {
			told = append(told, Fact{s.words, inWords(s.field, v)})
		}
	}
	for _, fact := range f.Fields {
		if !slices.Contains(known, fact.Field) && fact.Value != "0" {
			told = append(told, fact)
		}
	}
	for i := range told {
		told[i] = Fact{Clean(told[i].Field), Clean(told[i].Value)}
	}
	return told
}

// inWords returns a value with its unit.
func inWords(field, value string) string {
	n, ok := haproxy.Number([]byte(value))
	switch field {
	case "status":
		return reason(value)
	case "lastchg", "downtime", "lastsess":
		if ok && n >= 0 {
			return Age(float64(n))
		}
		if ok {
			return "never"
		}
	case "check_duration", "qtime", "ctime", "rtime", "ttime":
		return value + " ms"
	case "bck":
		if value == "1" {
			return "yes"
		}
		return "no"
	case "check_status", "agent_status":
		return strings.TrimPrefix(value, "* ") + running(value)
	}
	return value
}

func running(status string) string {
	if strings.HasPrefix(status, "* ") {
		return " (the next check runs)"
	}
	return ""
}

// reason returns a server's status with what it means.
func reason(status string) string {
	s, err := haproxy.ParseServerStatus(status)
	if err != nil {
		return status
	}
	why := ""
	switch {
	case s.NoCheck:
		why = "it has no health check"
	case s.State == haproxy.ServerMaint && s.Reason == haproxy.MaintTracked:
		why = "the server that it tracks is in maintenance"
	case s.State == haproxy.ServerMaint && s.Reason == haproxy.MaintResolution:
		why = "its name has no address"
	case s.State == haproxy.ServerMaint:
		why = "by an operator, an agent or the configuration"
	case s.State == haproxy.ServerDrain:
		why = "it takes no new clients"
	case s.State == haproxy.ServerNOLB:
		why = "its check has answered 404"
	case s.Going < 0:
		why = "checks fail, it goes down soon"
	case s.Going > 0:
		why = "checks succeed, it comes up soon"
	}
	if why == "" {
		return status
	}
	return status + ": " + why
}
