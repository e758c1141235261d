package plaintext

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"haproxystats/internal/metric"
)

// Paths has the parts of the paths that the operator chooses.
type Paths struct {
	// Namespace is the first part of every path. Its dots separate components.
	Namespace string
	// Hostname is the component after the namespace, or the tag "host", see
	// [Paths.SetHostname]; empty for none. The name of a batch's node replaces it.
	Hostname string
	// FQDN uses all of a node's name for the component, and not only its first label.
	FQDN bool
	// ClusterNamespace is the first part of the paths of clusters, and the
	// name of the cluster is one path component after it.
	ClusterNamespace string
	// GroupNamespace stands before the group of an entity. If it is empty, groups do not
	// matter.
	GroupNamespace string
	// DoubleWrites gives an entity with a group also the path without the group.
	DoubleWrites bool
	// Tagged makes tagged series of Graphite 1.1: what differs between entities is in tags,
	// and not in the path.
	Tagged bool
	// Tags are tags of all paths.
	Tags []Tag
}

// SetHostname sets the name of the host in paths: with fqdn all of the name, otherwise only
// its first label.
func (p *Paths) SetHostname(name string, fqdn bool) {
	p.FQDN = fqdn
	if p.Tagged {
		p.Hostname = label(name, fqdn)
	} else {
		p.Hostname = Hostname(name, fqdn)
	}
}

// Hostname returns the path component of a host's name: with fqdn all of the name, with
// its dots replaced, otherwise only its first label.
func Hostname(name string, fqdn bool) string {
	if !fqdn {
		name, _, _ = strings.Cut(name, ".")
	}
	if name == "" {
		return ""
	}
	return Component(name)
}

// about is what a batch is about: a node, or a cluster if there is no node.
type about struct{ node, cluster string }

func aboutOf(b *metric.Batch) about {
	if b.Node != "" {
		return about{node: b.Node}
	}
	return about{cluster: b.Cluster}
}

// root returns the path that all metrics of a node or a cluster are below, with a dot
// at its end.
func (p Paths) root(a about) []byte {
	if a.cluster != "" {
		b := appendPath(nil, p.ClusterNamespace)
		return append(appendComponent(b, a.cluster), ".haproxy."...)
	}
	node := a.node
	b := appendPath(nil, p.Namespace)
	if host := p.Hostname; host != "" {
		if node != "" {
			host = Hostname(node, p.FQDN)
		}
		b = append(appendComponent(b, host), '.')
	}
	return append(b, "haproxy."...)
}

// Self returns the path of a self metric of a node, as a target for Graphite's render.
func (p Paths) Self(node, name string) string {
	if p.Tagged || len(p.Tags) > 0 {
		return p.selfByTags(node, name)
	}
	return string(append(appendPlace(p.root(about{node: node}), metric.Self, metric.Entity{}), name...))
}

// Component returns the path component of a name.
func Component(name string) string {
	for i := range len(name) {
		if c := name[i]; c <= ' ' || c >= 0x7f || c == '.' || c == ';' || c == '/' {
			return string(appendComponent(nil, name))
		}
	}
	if name == "" {
		return "_"
	}
	return name
}

// appendPlace appends the part of a path between the root and the metric's name, with a
// dot at its end.
func appendPlace(b []byte, scope metric.Scope, e metric.Entity) []byte {
	switch scope {
	case metric.Daemon:
		return append(b, "daemon."...)
	case metric.Self:
		return append(b, "haproxystats."...)
	case metric.Process:
		b = append(b, "daemon.process."...)
	case metric.Frontend:
		b = append(b, "frontend."...)
	case metric.Backend:
		b = append(b, "backend."...)
	case metric.Server:
		b = appendServers(b, e.Parent)
	case metric.ServerName:
		b = append(b, "server."...)
	case metric.Listener:
		b = append(appendComponent(append(b, "frontend."...), e.Parent), ".listener."...)
	case metric.StickTable:
		b = append(b, "sticktable."...)
	case metric.Resolver:
		b = append(appendComponent(append(b, "resolver."...), e.Parent), ".nameserver."...)
	case metric.Certificate:
		b = append(b, "certificate."...)
	case metric.ServerProcesses:
		b = append(appendComponent(appendServers(b, e.Parent), e.Name), ".processes."...)
		return b
	case metric.Socket:
		b = append(b, "socket."...)
	case metric.Learned:
		b = append(appendComponent(append(b, "learned."...), e.Parent), '.')
	}
	return append(appendComponent(b, e.Name), '.')
}

// appendServers appends the part of a path between the root and the name of a server.
func appendServers(b []byte, backend string) []byte {
	b = append(b, "backend."...)
	b = appendComponent(b, backend)
	return append(b, ".server."...)
}

// appendComponent appends name as one component of a path. Characters that would break a
// line or a path become underscores, and so does an empty name.
func appendComponent(b []byte, name string) []byte {
	return appendReplaced(b, name, &notInComponent)
}

// asciiSet is a set of ASCII characters, one bit for each. Its values are constants: a
// program that only links this package pays nothing for them.
type asciiSet [utf8.RuneSelf / 64]uint64

func (s *asciiSet) has(c byte) bool { return s[c/64]>>(c%64)&1 != 0 }

const (
	breakLines = 1<<(' '+1) - 1   // control characters and the space
	deletes    = 1 << (0x7f % 64) // the character DEL, in the second half
)

// notInComponent are the ASCII characters that a component of a path can't have.
var notInComponent = asciiSet{breakLines | 1<<'.' | 1<<'/' | 1<<';', deletes}

// appendReplaced appends name with underscores in place of the ASCII characters of a set, of
// other white space and control characters, and of bytes that are not UTF-8. An empty name
// becomes an underscore.
func appendReplaced(b []byte, name string, unfit *asciiSet) []byte {
	if name == "" {
		return append(b, '_')
	}
	for i := 0; i < len(name); {
		c := name[i]
		if c < utf8.RuneSelf {
			if unfit.has(c) {
				c = '_'
			}
			b = append(b, c)
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(name[i:])
		if r == utf8.RuneError && size == 1 || unicode.IsSpace(r) || unicode.IsControl(r) {
			b = append(b, '_')
		} else {
			b = append(b, name[i:i+size]...)
		}
		i += size
	}
	return b
}

// appendPath appends a path that an operator chose, with a dot at its end. Its dots
// separate components. It leaves out empty components, as Graphite does.
func appendPath(b []byte, path string) []byte {
	for name := range strings.SplitSeq(path, ".") {
		if name != "" {
			b = append(appendComponent(b, name), '.')
		}
	}
	return b
}
