package aggregate

import (
	"slices"

	"haproxystats/internal/haproxy"
)

// Wanted selects frontends, backends or servers by their names. A nil Include takes all.
type Wanted struct{ Include, Exclude *Names }

// Names are names, as [Options.Spell] spells them, and patterns that names match. A server
// has two names: its own, and the one with that of its backend and a slash before it, which
// patterns get.
type Names struct {
	Exact    []string
	Patterns []Group // their names are the texts of the patterns
}

// filter decides by a [Wanted], and remembers what has matched.
type filter struct{ include, exclude *matcher }

type matcher struct {
	exact    map[string]bool // whether a row had the name
	patterns []Group
	used     []bool // by pattern
}

func newFilter(w Wanted) filter { return filter{newMatcher(w.Include), newMatcher(w.Exclude)} }

func newMatcher(n *Names) *matcher {
	if n == nil {
		return nil
	}
	m := &matcher{exact: make(map[string]bool, len(n.Exact)), patterns: n.Patterns, used: make([]bool, len(n.Patterns))}
	for _, name := range n.Exact {
		m.exact[name] = false
	}
	return m
}

// any reports whether the filter may leave something out.
func (f *filter) any() bool { return f.include != nil || f.exclude != nil }

// wants reports whether a name is wanted. own is the server's own name; empty for proxies.
func (f *filter) wants(name, own string) bool {
	included := f.include == nil || f.include.has(name, own)
	excluded := f.exclude != nil && f.exclude.has(name, own)
	return included && !excluded
}

func (m *matcher) has(name, own string) bool {
	found := false
	for _, n := range []string{name, own} {
		if _, ok := m.exact[n]; ok && n != "" {
			m.exact[n], found = true, true
		}
	}
	for i, p := range m.patterns {
		if (!found || !m.used[i]) && p.Match(name) {
			m.used[i], found = true, true
		}
	}
	return found
}

// unmatched returns what no row has matched: the names, sorted, and then the patterns as
// they are written in files of names.
func (m *matcher) unmatched() []string {
	if m == nil {
		return nil
	}
	var names []string
	for n, seen := range m.exact {
		if !seen {
			names = append(names, n)
		}
	}
	slices.Sort(names)
	for i, used := range m.used {
		if !used {
			names = append(names, "/"+m.patterns[i].Name+"/")
		}
	}
	return names
}

// unmatched returns what no row has matched.
func (f *filter) unmatched() UnmatchedNames {
	return UnmatchedNames{f.include.unmatched(), f.exclude.unmatched()}
}

// wantsProxy reports whether a frontend or backend is wanted: the one of the name, or that of
// a server.
func (p *proxies) wantsProxy(n name) bool {
	f := &p.backends
	if n.typ == haproxy.FrontendRow {
		f = &p.frontends
	}
	return !f.any() || f.wants(p.opt.Spell(n.proxy), "")
}

// wantsServer reports whether the files of servers take a server.
func (p *proxies) wantsServer(backend, server string) bool {
	if !p.servers.any() {
		return true
	}
	own := p.opt.Spell(server)
	return p.servers.wants(p.opt.Spell(backend)+"/"+own, own)
}

// wantsListeners reports whether the listeners of a frontend are wanted.
func (p *proxies) wantsListeners(frontend string) bool {
	return !p.frontends.any() || p.frontends.wants(p.opt.Spell(frontend), "")
}
