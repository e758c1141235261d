package main

import (
	"context"
	"fmt"
	"io"
	"time"
)

const (
	// settled is the age at which a window is shown: it has ended, waited for missing
	// nodes, and carbon-cache has written it.
	settled = interval + grace + 4*time.Second
	// reading is the time between two looks at Graphite's files.
	reading = time.Second
	// unjudged is the number of the last windows that are not judged: they may not be
	// whole when the demo ends.
	unjudged = 2
	// clusterExtra is the time that the demo adds until the stopped node is back.
	clusterExtra = 90 * time.Second
	// calm is the number of complete windows between two stops of a node.
	calm = 10
)

// clusterLoop reads and draws the windows of the cluster, and stops and starts a node.
type clusterLoop struct {
	env    *clusterEnvironment
	roots  []string // of the nodes
	paths  []string
	start  time.Time
	length time.Duration // 0: until ctx ends
	screen *screen       // nil if the output is not a terminal
	lines  io.Writer     // gets a line for each window; nil if there is a screen

	read   time.Time // when Graphite was last asked
	newest int64     // epoch of the last window shown
	nodes  []board   // of the nodes
	// clusters has a board for each set of nodes, so that no rate is the difference of
	// sums over different nodes.
	clusters map[string]*board
	last     *window

	total, complete, wrong int
	stage                  stage
	since                  time.Time // when the stage began
	intact                 int       // complete windows since the node is back
	returns                int       // how often the stopped node has come back
}

// stage says what happens to the node that is stopped now and then.
type stage string

// The stages, in their order.
const (
	present  stage = "present"
	stopping stage = "stopping" // no window that began since is without the node yet
	starting stage = "starting" // no window that began since is complete yet
)

func newClusterLoop(env *clusterEnvironment, length time.Duration) *clusterLoop {
	l := &clusterLoop{env: env, start: time.Now(), length: length, stage: present, intact: calm - 3}
	l.clusters = make(map[string]*board)
	l.paths = shown(clusterRoot)
	for _, m := range ofWindow {
		l.paths = append(l.paths, clusterRoot+".haproxystats."+m)
	}
	for _, n := range env.nodes {
		l.roots = append(l.roots, n.root())
		l.nodes = append(l.nodes, board{root: n.root()})
		l.paths = append(l.paths, shown(n.root())...)
	}
	return l
}

// run draws until the length is over and the stopped node has come back. It ends early
// when ctx ends or a program fails. Then it compares all windows.
func (l *clusterLoop) run(ctx context.Context) (result, error) {
	err := pace(ctx, func(now time.Time) (bool, error) {
		err := l.step(ctx, now)
		return l.over(now), err
	})
	if err != nil {
		return nil, err
	}
	return l.verdict(context.WithoutCancel(ctx))
}

func (l *clusterLoop) over(now time.Time) bool {
	if l.length == 0 {
		return false
	}
	late := now.Sub(l.start) - l.length
	return late >= 0 && (l.returns > 0 || late >= clusterExtra)
}

func (l *clusterLoop) step(ctx context.Context, now time.Time) error {
	if err := l.env.alive(); err != nil {
		return err
	}
	if now.Sub(l.read) >= reading {
		series, err := l.env.carbon.Fetch(ctx, l.start.Add(-interval), l.paths...)
		if err != nil {
			return err
		}
		l.read = time.Now()
		for _, w := range windows(series, l.roots) {
			if w.epoch > l.newest && l.read.Sub(time.Unix(w.epoch, 0)) >= settled {
				if err := l.take(w); err != nil {
					return err
				}
			}
		}
	}
	if l.screen != nil {
		l.screen.draw(l.view())
	}
	return nil
}

// take shows a window, and does what it is the sign for.
func (l *clusterLoop) take(w *window) error {
	l.newest, l.last = w.epoch, w
	l.total++
	l.cluster(w).take(w.cluster)
	for i, n := range w.nodes {
		if n != nil {
			l.nodes[i].take(n)
		}
	}
	differences := w.differences(l.roots)
	if w.complete() {
		l.complete++
		if len(differences) > 0 {
			l.wrong++
		}
	}
	if l.lines != nil {
		fmt.Fprintln(l.lines, windowLine(w, l.roots, len(differences)))
	}
	return l.turn(w)
}

// cluster returns the board for the cluster in a window.
func (l *clusterLoop) cluster(w *window) *board {
	in := fmt.Sprint(w.reporting)
	for _, n := range w.nodes {
		in += fmt.Sprint(" ", n != nil)
	}
	if l.clusters[in] == nil {
		l.clusters[in] = &board{root: clusterRoot}
	}
	return l.clusters[in]
}

// turn stops the first node after some complete windows, and starts it again once it is
// missing.
func (l *clusterLoop) turn(w *window) error {
	node := l.env.nodes[0]
	newer := time.Unix(w.epoch, 0).After(l.since)
	switch {
	case l.stage == present && w.complete():
		if l.intact++; l.intact < calm {
			return nil
		}
		l.stage = stopping
		l.tell("stopping %s of node %s", puller, node.name)
		err := node.transport.stop()
		l.since = time.Now()
		return err
	case l.stage == stopping && newer && w.missing > 0:
		l.stage, l.since = starting, time.Now()
		l.tell("starting %s of node %s again", puller, node.name)
		return node.transport.start()
	case l.stage == starting && newer && w.complete():
		l.stage, l.intact = present, 0
		l.returns++
		l.tell("node %s is back", node.name)
	}
	return nil
}

func (l *clusterLoop) tell(format string, args ...any) {
	if l.lines != nil {
		fmt.Fprintf(l.lines, format+"\n", args...)
	}
}

// verdict ends the programs, so that Graphite has all they sent, and compares the
// cluster's sums with those of the nodes.
func (l *clusterLoop) verdict(ctx context.Context) (result, error) {
	v := clusterVerdict{view: l.view(), returns: l.returns, logs: l.env.logs()}
	if err := l.env.finish(); err != nil {
		return nil, err
	}
	series, err := l.env.carbon.Fetch(ctx, l.start.Add(-interval), l.paths...)
	if err != nil {
		return nil, err
	}
	v.judge(windows(series, l.roots), l.roots)
	return v, nil
}

// judge compares the windows, but for the last ones.
func (v *clusterVerdict) judge(all []*window, roots []string) {
	for _, w := range all[:max(0, len(all)-unjudged)] {
		switch {
		case w.complete():
			v.complete++
			v.wrong = append(v.wrong, w.differences(roots)...)
		default:
			v.incomplete++
		}
	}
}
