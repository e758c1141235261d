package influx

import (
	"cmp"
	"slices"
	"unicode/utf8"

	"haproxystats/internal/catalogue"
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
	metric.Learned:         "haproxystats_learned",
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

// fields are those of a group.
type fields struct {
	columns []field
	idle    []idle
	texts   []text
}

// idle is a column that is shown as 0 where it has no value.
type idle struct {
	name          string // as that of a field
	table, column int
}

// isEmpty reports whether a row has no value in the column.
func (c *idle) isEmpty(g *encode.Group, r *encode.Row) bool {
	row := r.At[c.table]
	if row < 0 {
		return false
	}
	_, counts := g.Tables[c.table].Cells(row)
	return counts[c.column] == 0
}

// field is a column as lines have it.
type field struct {
	name  string // with a comma before it and an equals sign after it
	float bool
}

// text is a field that is a string.
type text struct {
	name          string // as that of a field
	table, column int
	words         []string // by the number in the column
}

// fieldsOf returns the fields of the group's columns.
func (e *Encoder) fieldsOf(g *encode.Group) (all fields) {
	names := encode.Spell(g, func(dst []byte, name string) []byte {
		if renamed, ok := telegraf[name]; ok && !e.opt.KeepNames && isOfProxies(g.Scope) {
			name = renamed
		}
		return appendKey(dst, name)
	}, e.reserved...)
	for i, t := range g.Tables {
		for k, c := range t.Columns() {
			name := "," + names[len(all.columns)] + "="
			all.columns = append(all.columns, field{name, g.Scope == metric.Self && c.Unit == "seconds" || isOfProxies(g.Scope) && shares[c.Name]})
			if e.opt.Idle && c.Outputs.ForOthers() && showsZero(g.Scope, c) {
				all.idle = append(all.idle, idle{name, i, k})
			}
			if c.Outputs.ForOthers() && c.Nature == metric.State && slices.Contains(e.opt.Texts, c.Name) {
				if words := wordsOf(g.Scope, c.Name); words != nil {
					all.texts = append(all.texts, text{name, i, k, words})
				}
			}
		}
	}
	return all
}

// showsZero reports whether HAProxy shows 0 where a row has no value in the column: in the
// average times of what is idle, and in what only proxies with HTTP have.
func showsZero(s metric.Scope, c metric.Column) bool {
	switch s {
	case metric.Frontend:
		return catalogue.IsHTTPOnly(catalogue.Frontend, c.Name)
	case metric.Backend:
		return c.Combine == metric.MeanOfActive || catalogue.IsHTTPOnly(catalogue.Backend, c.Name)
	}
	return c.Combine == metric.MeanOfActive
}

// wordsOf returns the words for the numbers of a column; nil if it is no text.
func wordsOf(s metric.Scope, column string) []string {
	switch s {
	case metric.Frontend:
		words := slices.Clone(catalogue.States(catalogue.Frontend, column))
		for i, word := range words {
			// The exporter's words; `show stat` and telegraf have others.
			words[i] = cmp.Or(map[string]string{"UP": "OPEN", "DOWN": "STOP"}[word], word)
		}
		return words
	case metric.Listener:
		return catalogue.States(catalogue.Listener, column)
	case metric.Backend:
		return catalogue.States(catalogue.Backend, column)
	case metric.Server:
		return catalogue.States(catalogue.Server, column)
	}
	return nil
}

// word returns the word of a row; empty for none.
func (t *text) word(g *encode.Group, r *encode.Row) string {
	row := r.At[t.table]
	if row < 0 {
		return ""
	}
	sums, counts := g.Tables[t.table].Cells(row)
	if v := sums[t.column]; counts[t.column] > 0 && v >= 0 && v < int64(len(t.words)) {
		return t.words[v]
	}
	return ""
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

// The tags of lines, in their order: sorted tags save InfluxDB the work.
const (
	tagCluster = iota
	tagHost
	tagName
	tagNameserver
	tagProcess
	tagProxy
	tagResolver
	tagServer
	tagSocket
	tagSubject
	tagSV
	tagType
	numTags
)

// tagNames has the names of tags, and originalTags those of HAProxy.
var (
	tagNames = [numTags]string{
		"cluster", "host", "name", "nameserver", "process", "proxy", "resolver", "server", "socket", "subject", "sv", "type",
	}
	originalTags = [numTags]string{
		"cluster", "host", "name", "nameserver", "process", "pxname", "resolver", "server", "socket", "subject", "svname", "type",
	}
)

// tags appends tags.
type tags struct {
	names [numTags]string
	keys  [numTags]string // with a comma before each and an equals sign after it
	// extra has the constant tags in front of each tag, and behind the last.
	extra [numTags + 1][]byte
	// fixedHost and fixedServer are values that do not depend on the batch; nil for none.
	fixedHost, fixedServer []byte

	cluster, host, server []byte // of the batch
}

func newTags(opt Options) *tags {
	t := &tags{names: tagNames}
	if opt.KeepNames {
		t.names = originalTags
	}
	for i, name := range t.names {
		t.keys[i] = "," + name + "="
	}
	if opt.ServerTag != "" {
		t.fixedServer = appendValue(nil, opt.ServerTag)
	}
	all := slices.Clone(opt.Tags)
	slices.SortFunc(all, func(a, b Tag) int { return cmp.Compare(a.Name, b.Name) })
	for _, tag := range all {
		if tag.Name == t.names[tagHost] {
			t.fixedHost = appendValue(nil, tag.Value)
			continue
		}
		at, _ := slices.BinarySearch(t.names[:], tag.Name)
		t.extra[at] = appendName(t.extra[at], ","+string(appendKey(nil, tag.Name))+"=", tag.Value)
	}
	return t
}

// reserved returns the names that fields can't have: those of all tags, and "time".
func (t *tags) reserved(more []Tag) []string {
	all := append(slices.Concat(tagNames[:], t.names[:]), "time")
	for _, tag := range more {
		all = append(all, tag.Name)
	}
	return all
}

// begin takes the tags that all lines of a batch have.
func (t *tags) begin(opt Options, b *metric.Batch) {
	t.cluster = appendValue(t.cluster[:0], b.Cluster)
	t.host = appendValue(t.host[:0], opt.Host.Of(b))
	if t.fixedHost != nil && b.Cluster == "" {
		t.host = append(t.host[:0], t.fixedHost...)
	}
	t.server = append(t.server[:0], t.host...)
	if t.fixedServer != nil {
		t.server = append(t.server[:0], t.fixedServer...)
	}
}

// append appends the tags of an entity.
func (t *tags) append(b []byte, s metric.Scope, n metric.Entity) []byte {
	var values [numTags]string
	switch s {
	case metric.Daemon, metric.Self:
	case metric.Process:
		values[tagProcess] = n.Name
	case metric.Frontend:
		values[tagProxy], values[tagSV], values[tagType] = n.Name, "FRONTEND", "frontend"
	case metric.Backend:
		values[tagProxy], values[tagSV], values[tagType] = n.Name, "BACKEND", "backend"
	case metric.Server, metric.ServerProcesses:
		values[tagProxy], values[tagSV], values[tagType] = n.Parent, n.Name, "server"
	case metric.ServerName:
		values[tagSV] = n.Name
	case metric.Listener:
		values[tagProxy], values[tagSV], values[tagType] = n.Parent, n.Name, "listener"
	case metric.StickTable, metric.Learned:
		values[tagName], values[tagType] = n.Name, n.Parent
	case metric.Resolver:
		values[tagNameserver], values[tagResolver] = n.Name, n.Parent
	case metric.Certificate:
		values[tagName], values[tagSubject] = n.Name, n.Parent
	case metric.Socket:
		values[tagSocket] = n.Name
	}
	for i, value := range values {
		b = append(b, t.extra[i]...)
		switch i {
		case tagCluster:
			b = appendTag(b, t.keys[i], t.cluster)
		case tagHost:
			b = appendTag(b, t.keys[i], t.host)
		case tagServer:
			b = appendTag(b, t.keys[i], t.server)
		default:
			b = appendName(b, t.keys[i], value)
		}
	}
	return append(b, t.extra[numTags]...)
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
