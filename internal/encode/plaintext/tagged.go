package plaintext

import (
	"bytes"
	"slices"
	"strings"

	"haproxystats/internal/metric"
)

// MaxTag is the longest value of a tag in bytes: the databases in which Graphite-web keeps
// tags take no longer ones.
const MaxTag = 191

// Tag is a tag with a constant value.
type Tag struct{ Name, Value string }

// TagNames are the tags that tagged paths have, in their order. A path has those that its
// entity has.
var TagNames = []string{"certificate", "cluster", "field", "group", "host", "listener", "nameserver", "process", "proxy", "resolver", "rows", "server", "socket", "table", "type"}

// The places of TagNames.
const (
	tagCertificate = iota
	tagCluster
	tagField
	tagGroup
	tagHost
	tagListener
	tagNameserver
	tagProcess
	tagProxy
	tagResolver
	tagRows
	tagServer
	tagSocket
	tagTable
	tagType
	numTags
)

// compareTags compares tags by their place in a path: carbon sorts the texts `name=value`,
// and other receivers take the order for a part of the series.
func compareTags(a, b string) int { return strings.Compare(a+"=", b+"=") }

// TagValue returns the value of a tag for a name. It differs from the name only where a
// value can't have a character.
func TagValue(name string) string {
	for i := range len(name) {
		if c := name[i]; c <= ' ' || c >= 0x7f || c == ';' || i == 0 && c == '~' {
			return string(appendValue(nil, name))
		}
	}
	if name == "" {
		return "_"
	}
	return name
}

// appendValue appends the value of a tag. Characters that would break a line or a path
// become underscores, and so do an empty name and "~" at the beginning.
func appendValue(b []byte, name string) []byte {
	if rest, ok := strings.CutPrefix(name, "~"); ok {
		b = append(b, '_')
		if rest == "" {
			return b
		}
		name = rest
	}
	return appendReplaced(b, name, &notInValue)
}

// notInValue are the ASCII characters that the value of a tag can't have.
var notInValue = asciiSet{breakLines | 1<<';', deletes}

// tags appends the tags of paths.
type tags struct {
	// extra has the constant tags in front of each of TagNames, and behind the last.
	extra [numTags + 1][]byte
	// begun has those and the beginning of the tag.
	begun [numTags][]byte
	// host and cluster are those of the batch; empty for none.
	host, cluster string
	long          bool // one of these is too long
}

// sorted returns constant tags in their order.
func sorted(constant []Tag) []Tag {
	return slices.SortedFunc(slices.Values(constant), func(a, b Tag) int { return compareTags(a.Name, b.Name) })
}

// appendTag appends a tag as a path has it.
func appendTag(b []byte, name, value string) []byte {
	b = append(append(append(b, ';'), name...), '=')
	return appendValue(b, value)
}

func newTags(constant []Tag) *tags {
	t := new(tags)
	for _, c := range sorted(constant) {
		at, _ := slices.BinarySearchFunc(TagNames, c.Name, compareTags)
		t.extra[at] = appendTag(t.extra[at], c.Name, c.Value)
	}
	for i, name := range TagNames {
		t.begun[i] = slices.Concat(t.extra[i], []byte(";"+name+"="))
	}
	return t
}

// begin takes the node or the cluster that the next batches are about.
func (t *tags) begin(p Paths, a about) {
	t.host, t.cluster = "", a.cluster
	if p.Hostname != "" && a.cluster == "" {
		t.host = p.Hostname
		if a.node != "" {
			t.host = label(a.node, p.FQDN)
		}
	}
	t.long = len(t.host) > MaxTag || len(t.cluster) > MaxTag
}

// append appends the tags of an entity, also that of its group if it has one.
func (t *tags) append(b []byte, s metric.Scope, e metric.Entity) []byte {
	var values [numTags]string
	t.fill(&values, s, e, e.Group)
	for i := range values {
		if v := values[i]; v != "" {
			b = appendValue(append(b, t.begun[i]...), v)
		} else {
			b = append(b, t.extra[i]...)
		}
	}
	return append(b, t.extra[numTags]...)
}

// fill sets the tags that an entity has.
func (t *tags) fill(values *[numTags]string, s metric.Scope, e metric.Entity, group string) {
	values[tagHost], values[tagCluster], values[tagGroup], values[tagType] = t.host, t.cluster, group, typeOf(s)
	name, parent := orUnderscore(e.Name), orUnderscore(e.Parent)
	switch s {
	case metric.Process:
		values[tagProcess] = name
	case metric.Frontend, metric.Backend:
		values[tagProxy] = name
	case metric.Server, metric.ServerProcesses:
		values[tagProxy], values[tagServer] = parent, name
	case metric.ServerName:
		values[tagServer] = name
	case metric.Listener:
		values[tagProxy], values[tagListener] = parent, name
	case metric.StickTable:
		values[tagTable] = name
	case metric.Resolver:
		values[tagResolver], values[tagNameserver] = parent, name
	case metric.Certificate:
		values[tagCertificate] = name
	case metric.Socket:
		values[tagSocket] = name
	case metric.Learned:
		values[tagRows], values[tagField] = parent, name
	}
}

func orUnderscore(name string) string {
	if name == "" {
		return "_"
	}
	return name
}

// tooLong reports whether the value of a tag is too long.
func (t *tags) tooLong(s metric.Scope, e metric.Entity) bool {
	if t.long {
		return true
	}
	var values [numTags]string
	t.fill(&values, s, e, e.Group)
	for _, v := range values {
		if len(v) > MaxTag && len(TagValue(v)) > MaxTag {
			return true
		}
	}
	return false
}

// typeOf returns the tag "type" of a scope.
func typeOf(s metric.Scope) string {
	if s == metric.Self {
		return "haproxystats"
	}
	return s.String()
}

// kindOf is the part of a tagged name between the root and the metric's name, with a dot at
// its end: the dotted path without the parts that are tags.
func kindOf(s metric.Scope) string {
	switch s {
	case metric.Daemon:
		return "daemon."
	case metric.Self:
		return "haproxystats."
	case metric.Process:
		return "daemon.process."
	case metric.Frontend:
		return "frontend."
	case metric.Backend:
		return "backend."
	case metric.Server:
		return "backend.server."
	case metric.ServerName:
		return "server."
	case metric.Listener:
		return "frontend.listener."
	case metric.StickTable:
		return "sticktable."
	case metric.Resolver:
		return "resolver.nameserver."
	case metric.Certificate:
		return "certificate."
	case metric.ServerProcesses:
		return "backend.server.processes."
	case metric.Socket:
		return "socket."
	case metric.Learned:
		return "learned."
	}
	return ""
}

// label returns the value of the tag "host" for a name: all of it, or its first label.
func label(name string, fqdn bool) string {
	if !fqdn {
		name, _, _ = strings.Cut(name, ".")
	}
	return name
}

// namedTagged replaces "~" at the beginning of a name, which the tag "name" can't have: carbon
// would file the series under another name.
func namedTagged(path []byte) []byte {
	if bytes.HasPrefix(path, []byte("~")) {
		path[0] = '_'
	}
	return path
}

// taggedRoot returns what tagged names begin with, with a dot at its end.
func (p Paths) taggedRoot(a about) []byte {
	namespace := p.Namespace
	if a.cluster != "" {
		namespace = p.ClusterNamespace
	}
	return namedTagged(append(appendPath(nil, namespace), "haproxy."...))
}

// selfByTags returns a target for the series of a self metric of a node. The value of a
// tag can't have quotes, because the target could not have them.
func (p Paths) selfByTags(node, name string) string {
	a := about{node: node}
	var series []byte
	if p.Tagged {
		t := newTags(p.Tags)
		t.begin(p, a)
		series = append(append(append(p.taggedRoot(a), kindOf(metric.Self)...), name...), t.append(nil, metric.Self, metric.Entity{})...)
	} else {
		series = append(appendPlace(namedTagged(p.root(a)), metric.Self, metric.Entity{}), name...)
		for _, t := range sorted(p.Tags) {
			series = appendTag(series, t.Name, t.Value)
		}
	}
	return `seriesByTag("name=` + strings.ReplaceAll(string(series), ";", `","`) + `")`
}
