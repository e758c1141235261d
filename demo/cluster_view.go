package main

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// clusterView has everything that the screen shows of a cluster.
type clusterView struct {
	elapsed                time.Duration
	sent                   int64 // requests
	window                 time.Time
	reporting, missing     float64
	total, complete, wrong int // windows
	groups                 []proxyGroup
}

// proxyGroup is a proxy of the cluster and of each node.
type proxyGroup struct {
	kind kind
	name string
	rows []proxyRow // the cluster's first
}

func (l *clusterLoop) view() clusterView {
	v := clusterView{
		elapsed: time.Since(l.start), sent: l.env.traffic.Sent(),
		total: l.total, complete: l.complete, wrong: l.wrong,
	}
	if l.last == nil {
		return v
	}
	v.window, v.reporting, v.missing = time.Unix(l.last.epoch, 0), l.last.reporting, l.last.missing
	for _, proxy := range clusterProxies {
		k, name, _ := strings.Cut(proxy, ".")
		g := proxyGroup{kind: kind(k), name: name}
		g.take(l.cluster(l.last), "cluster "+clusterName)
		for i := range l.nodes {
			if l.last.nodes[i] != nil { // else it is not in the window
				g.take(&l.nodes[i], " "+l.env.nodes[i].name)
			}
		}
		v.groups = append(v.groups, g)
	}
	return v
}

// take adds the row of a node or cluster.
func (g *proxyGroup) take(b *board, name string) {
	for _, p := range b.proxies {
		if p.kind == g.kind && p.name == g.name {
			p.name = name
			g.rows = append(g.rows, p)
		}
	}
}

func (v clusterView) parts(width int) (head, body, foot []line) {
	return v.head(), v.body(width), []line{{}, hint}
}

func (v clusterView) head() []line {
	news := line{{" no window yet", plain}}
	if v.total > 0 {
		news = line{{fmt.Sprintf(" window %s   ", v.window.Format(time.TimeOnly)), plain}}
		if v.missing > 0 {
			news = append(news, span{fmt.Sprintf("%s, %s MISSING", nodes(v.reporting), number(v.missing)), fair})
		} else {
			news = append(news, span{fmt.Sprintf("%s, none missing", nodes(v.reporting)), good})
		}
		if v.wrong > 0 {
			news = append(news, span{fmt.Sprintf("   sums DIFFER in %s of %s windows", count(v.wrong), count(v.complete)), bad})
		} else {
			news = append(news, span{fmt.Sprintf("   sums agree in %s windows", count(v.complete)), plain})
		}
	}
	return []line{
		{
			{" haproxystats demo of a cluster", bold},
			{fmt.Sprintf("   %s   %s requests sent", clock(v.elapsed), count(int(v.sent))), plain},
		},
		news,
		{},
	}
}

// nodes formats a number of nodes.
func nodes(n float64) string {
	if n == 1 {
		return "1 node"
	}
	return number(n) + " nodes"
}

func (v clusterView) body(width int) []line {
	name := nameMin
	for _, g := range v.groups {
		for _, r := range g.rows {
			name = max(name, utf8.RuneCountInString(r.name)+1)
		}
	}
	name = min(name, nameMax, max(nameMin, width/4))
	var lines []line
	for i, g := range v.groups {
		if i > 0 {
			lines = append(lines, line{})
		}
		head := proxyHead(g.kind, name)
		head[0].text = strings.Replace(head[0].text, fmt.Sprintf("%-*s", name, g.kind), fmt.Sprintf("%-*s", name, cut(g.name, name-1)), 1)
		lines = append(lines, head)
		for _, r := range g.rows {
			lines = append(lines, proxyLine(r, name, width))
		}
	}
	return lines
}

// windowLine describes a window in one line.
func windowLine(w *window, roots []string, differences int) string {
	path := "." + clusterProxies[0] + ".stot"
	var of []string
	for i, n := range w.nodes {
		if n == nil {
			of = append(of, "-")
			continue
		}
		of = append(of, number(n.values[roots[i]+path]))
	}
	state := "sums agree"
	switch {
	case !w.complete():
		state = "incomplete"
	case differences > 0:
		state = fmt.Sprintf("%s sums DIFFER", count(differences))
	}
	return fmt.Sprintf("window %s  nodes %s, missing %s  sessions of web %s = %s  %s", time.Unix(w.epoch, 0).Format(time.TimeOnly),
		number(w.reporting), number(w.missing), number(w.cluster.values[clusterRoot+path]), strings.Join(of, " + "), state)
}

// clusterVerdict is the result of the demo of a cluster.
type clusterVerdict struct {
	view                 clusterView
	complete, incomplete int      // windows
	wrong                []string // sums that differ
	returns              int      // how often a stopped node came back
	logs                 string
}

// ok reports whether there were complete windows, and all their sums agreed.
func (v clusterVerdict) ok() bool { return v.complete > 0 && len(v.wrong) == 0 }

// text returns the summary.
func (v clusterVerdict) text() string {
	var b strings.Builder
	for _, part := range [][]line{v.view.head(), v.view.body(summaryWidth), {nil}} {
		for _, l := range part {
			b.WriteString(l.String(summaryWidth, false) + "\n")
		}
	}
	if v.ok() {
		fmt.Fprintf(&b, "PASS: the cluster's sums are those of its nodes in each of %s complete windows.\n", count(v.complete))
		fmt.Fprintf(&b, "Windows without a node: %s. The stopped node came back: %d times.\n", count(v.incomplete), v.returns)
		return b.String()
	}
	if v.complete == 0 {
		b.WriteString("FAIL: the demo ended before a window was complete.\n")
	}
	if n := len(v.wrong); n > 0 {
		fmt.Fprintf(&b, "FAIL: %s sums of the cluster are not those of its nodes:\n", count(n))
		writeList(&b, v.wrong)
	}
	if v.logs != "" {
		fmt.Fprintf(&b, "The programs said last:\n%s\n", v.logs)
	}
	return b.String()
}
