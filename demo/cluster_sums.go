package main

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"haproxystats/test/real"
)

// clusterProxies are the proxies that the demo of a cluster shows.
var clusterProxies = []string{
	string(frontend) + ".web", string(frontend) + ".stream-in", string(backend) + ".app", string(backend) + ".api",
}

// Metrics of proxies. The cluster's value of a summed one is the sum over the nodes.
var (
	summed   = []string{"scur", "stot", "bin", "bout", "econ", "req_tot", "hrsp_2xx", "hrsp_4xx", "hrsp_5xx"}
	combined = []string{"act", "bck", "TotalServers"}
	ofWindow = []string{"NodesReporting", "NodesMissing"}
)

// shown returns the paths of a node or cluster that the demo reads.
func shown(root string) []string {
	var all []string
	for _, proxy := range clusterProxies {
		for _, metric := range slices.Concat(summed, combined) {
			all = append(all, root+"."+proxy+"."+metric)
		}
	}
	return all
}

// window is a window of the cluster as Graphite has it.
type window struct {
	epoch              int64
	reporting, missing float64
	cluster            *snapshot
	nodes              []*snapshot // in the order of the nodes' roots; nil if there is none
}

// complete reports whether all nodes are in the window.
func (w *window) complete() bool { return w.missing == 0 && w.reporting == float64(len(w.nodes)) }

// differences returns the summed metrics that are not the sum of the nodes' values.
func (w *window) differences(roots []string) []string {
	var wrong []string
	for _, proxy := range clusterProxies {
		for _, metric := range summed {
			path := "." + proxy + "." + metric
			got, ok := w.cluster.values[clusterRoot+path]
			want, known, values := 0.0, false, ""
			for i, n := range w.nodes {
				if n == nil {
					continue
				}
				v, has := n.values[roots[i]+path]
				want, known = want+v, known || has
				values += fmt.Sprintf(" %s=%v", roots[i], v)
			}
			if ok != known || got != want {
				wrong = append(wrong, fmt.Sprintf("window %d: %s is %v, want %v:%s", w.epoch, clusterRoot+path, got, want, values))
			}
		}
	}
	return wrong
}

// windows returns the windows in Graphite's points, the oldest first.
func windows(series map[string]real.Series, roots []string) []*window {
	step := int64(interval / time.Second)
	reporting := series[clusterRoot+".haproxystats.NodesReporting"]
	var all []*window
	for _, epoch := range slices.Sorted(maps.Keys(reporting)) {
		w := &window{
			epoch: epoch, reporting: reporting[epoch], missing: series[clusterRoot+".haproxystats.NodesMissing"][epoch],
			cluster: pick(series, clusterRoot, epoch),
		}
		for _, root := range roots {
			w.nodes = append(w.nodes, firstOf(series, root, epoch, epoch+step))
		}
		all = append(all, w)
	}
	return all
}

// firstOf returns the first snapshot of a node in a window: if there are two, it is the
// one that counts.
func firstOf(series map[string]real.Series, root string, from, to int64) *snapshot {
	for epoch := from; epoch < to; epoch++ {
		if s := pick(series, root, epoch); len(s.values) > 0 {
			return s
		}
	}
	return nil
}

// pick returns the values of one moment.
func pick(series map[string]real.Series, root string, epoch int64) *snapshot {
	s := &snapshot{epoch: epoch, values: make(map[string]float64)}
	for _, path := range shown(root) {
		if v, ok := series[path][epoch]; ok {
			s.values[path] = v
		}
	}
	return s
}
