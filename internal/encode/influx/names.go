package influx

import (
	"unicode/utf8"

	"haproxystats/internal/encode"
	"haproxystats/internal/metric"
)

// measurements has the measurement of each scope.
var measurements = [metric.NumScopes]string{
	metric.Daemon:     "haproxy_process",
	metric.Process:    "haproxystats_process",
	metric.Frontend:   "haproxy",
	metric.Backend:    "haproxy",
	metric.Server:     "haproxy",
	metric.ServerName: "haproxystats_server_name",
	metric.Self:       "haproxystats",
	metric.Listener:   "haproxy",

	metric.StickTable:      "haproxy_sticktable",
	metric.Resolver:        "haproxy_resolver",
	metric.Certificate:     "haproxystats_certificate",
	metric.ServerProcesses: "haproxystats_server_processes",
	metric.Socket:          "haproxystats_socket",
}

// telegraf has the names of fields that telegraf renames.
var telegraf = map[string]string{
	"act":        "active_servers",
	"bck":        "backup_servers",
	"cli_abrt":   "cli_abort",
	"srv_abrt":   "srv_abort",
	"hrsp_1xx":   "http_response.1xx",
	"hrsp_2xx":   "http_response.2xx",
	"hrsp_3xx":   "http_response.3xx",
	"hrsp_4xx":   "http_response.4xx",
	"hrsp_5xx":   "http_response.5xx",
	"hrsp_other": "http_response.other",
}

// reserved are the names that a field can't have: those of tags, and "time".
var reserved = []string{"cluster", "host", "name", "nameserver", "process", "proxy", "resolver", "server", "socket", "subject", "sv", "time", "type"}

// field is a column as lines have it.
type field struct {
	name  string // with a comma before it and an equals sign after it
	float bool
}

// fieldsOf returns the fields of the group's columns.
func fieldsOf(g *encode.Group) []field {
	names := encode.Spell(g, func(dst []byte, name string) []byte {
		if renamed, ok := telegraf[name]; ok && isOfProxies(g.Scope) {
			name = renamed
		}
		return appendKey(dst, name)
	}, reserved...)
	var fields []field
	for _, t := range g.Tables {
		for _, c := range t.Columns() {
			name := names[len(fields)]
			fields = append(fields, field{"," + name + "=", g.Scope == metric.Self && c.Unit == "seconds" || isOfProxies(g.Scope) && shares[c.Name]})
		}
	}
	return fields
}

// shares are the metrics of states that are shares of one, or of all servers: as
// integers they would say nothing.
var shares = map[string]bool{"going": true, "health": true, "up": true, "check_ok": true, "percent_up": true}

// isOfProxies reports whether the fields of a scope are those of `show stat`.
func isOfProxies(s metric.Scope) bool {
	switch s {
	case metric.Frontend, metric.Backend, metric.Server, metric.ServerName, metric.Listener:
		return true
	}
	return false
}

// appendTags appends the tags of an entity but for the cluster, which comes first: sorted
// tags save InfluxDB the work.
func (e *Encoder) appendTags(b []byte, s metric.Scope, n metric.Entity) []byte {
	b = appendTag(b, ",host=", e.host)
	var proxy, sv, kind string
	switch s {
	case metric.Daemon, metric.Self:
	case metric.Process:
		b = appendName(b, ",process=", n.Name)
	case metric.Frontend:
		proxy, sv, kind = n.Name, "FRONTEND", "frontend"
	case metric.Backend:
		proxy, sv, kind = n.Name, "BACKEND", "backend"
	case metric.Server:
		proxy, sv, kind = n.Parent, n.Name, "server"
	case metric.ServerName:
		sv = n.Name
	case metric.Listener:
		proxy, sv, kind = n.Parent, n.Name, "listener"
	case metric.ServerProcesses:
		proxy, sv, kind = n.Parent, n.Name, "server"
	case metric.StickTable:
		b = appendName(b, ",name=", n.Name)
		kind = n.Parent
	case metric.Resolver:
		b = appendName(b, ",nameserver=", n.Name)
		b = appendName(b, ",resolver=", n.Parent)
	case metric.Certificate:
		b = appendName(b, ",name=", n.Name)
		b = appendTag(b, ",server=", e.host)
		return appendName(b, ",subject=", n.Parent)
	case metric.Socket:
		b = appendTag(b, ",server=", e.host)
		return appendName(b, ",socket=", n.Name)
	}
	b = appendName(b, ",proxy=", proxy)
	b = appendTag(b, ",server=", e.host)
	b = appendName(b, ",sv=", sv)
	return appendName(b, ",type=", kind)
}

// appendTag appends a tag, unless its value is empty: line protocol has no such tags.
func appendTag(b []byte, key string, value []byte) []byte {
	if len(value) == 0 {
		return b
	}
	return append(append(b, key...), value...)
}

func appendName(b []byte, key, name string) []byte {
	if name == "" {
		return b
	}
	return appendValue(append(b, key...), name)
}

// appendKey appends the name of a field. Line protocol has no empty ones.
func appendKey(b []byte, name string) []byte {
	if name == "" {
		return append(b, '_')
	}
	return appendValue(b, name)
}

// appendValue appends the value of a tag.
func appendValue(b []byte, s string) []byte {
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c == ',' || c == ' ' || c == '=':
			b = append(b, '\\', c)
		case c < ' ' || c == 0x7f || c == '\\':
			b = encode.AppendByte(b, c)
		case c < utf8.RuneSelf:
			b = append(b, c)
		default:
			if n := encode.NextText(s[i:]); n > 0 {
				b = append(b, s[i:i+n]...)
				i += n
				continue
			}
			b = encode.AppendByte(b, c)
		}
		i++
	}
	return b
}
