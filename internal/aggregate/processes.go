package aggregate

import (
	"cmp"
	"math"
	"math/big"
	"slices"
	"strconv"

	"haproxystats/internal/metric"
)

// Metrics computed from several processes or several fields.
const (
	columnCPU = "CpuUsagePct"
	columnStd = "StdCpuUsagePct"
)

// percentiles of the CPU usage of processes.
var percentiles = []struct {
	column   string
	quantile float64
}{
	{"25PercentileCpuUsagePct", 0.25},
	{"50PercentileCpuUsagePct", 0.50},
	{"75PercentileCpuUsagePct", 0.75},
	{"95PercentileCpuUsagePct", 0.95},
	{"99PercentileCpuUsagePct", 0.99},
}

// percentages are the shares of limits in use.
var percentages = []struct{ column, use, limit string }{
	{"ConnPercentage", "CurrConns", "Maxconn"},
	{"ConnRatePercentage", "ConnRate", "ConnRateLimit"},
	{"SslConnPercentage", "CurrSslConns", "MaxSslConns"},
	{"SslRatePercentage", "SslRate", "SslRateLimit"},
}

func derivedColumns(opt Options) []metric.Column {
	columns := []metric.Column{{Name: columnCPU, Combine: metric.Mean, Unit: "percent", Help: "CPU usage: 100 less Idle_pct, within 0 and 100"}}
	for _, p := range percentiles {
		columns = append(columns, metric.Column{Name: p.column, Unit: "percent", Help: "Percentile of CpuUsagePct over the processes"})
	}
	columns = append(columns, metric.Column{Name: columnStd, Unit: "percent", Help: "Standard deviation of CpuUsagePct over the processes"})
	if opt.Percentages {
		for _, p := range percentages {
			columns = append(columns, metric.Column{Name: p.column, Unit: "percent", Help: p.use + " in percent of " + p.limit})
		}
	}
	return columns
}

// usage is the CPU usage of a process in percent: nearly always a whole number.
type usage struct {
	whole int64
	exact *big.Rat // nil for a whole number
}

func (u usage) rat() *big.Rat {
	if u.exact != nil {
		return u.exact
	}
	return big.NewRat(u.whole, 1)
}

func (u usage) compare(o usage) int {
	if u.exact == nil && o.exact == nil {
		return cmp.Compare(u.whole, o.whole)
	}
	return u.rat().Cmp(o.rat())
}

// number returns the nearest float64.
func (u usage) number() float64 {
	if u.exact != nil {
		f, _ := u.exact.Float64()
		return f
	}
	return float64(u.whole)
}

// add adds the usage to a cell.
func (u usage) add(t *metric.Builder, row, column int) {
	if u.exact != nil {
		t.AddRat(row, column, u.exact)
	} else {
		t.Add(row, column, u.whole)
	}
}

// addDistribution adds the distribution of the CPU usage, if there are several
// processes. It sorts the usages.
func addDistribution(usages []usage, t *metric.Builder, row int, place map[string]int) {
	if len(usages) < 2 {
		return
	}
	slices.SortFunc(usages, usage.compare)
	for _, p := range percentiles {
		nearestRank(usages, p.quantile).add(t, row, place[p.column])
	}
	t.Set(row, place[columnStd], sampleDeviation(usages))
}

// nearestRank returns the element at (n-1)*q of sorted values; a half rounds to
// the even index.
func nearestRank[T any](sorted []T, q float64) T {
	return sorted[int(math.RoundToEven(q*float64(len(sorted)-1)))]
}

// sampleDeviation returns the standard deviation with n-1 in the denominator.
func sampleDeviation(values []usage) float64 {
	sum, whole := new(big.Rat), int64(0) // each at most 100
	for _, v := range values {
		if v.exact != nil {
			sum.Add(sum, v.exact)
		} else {
			whole += v.whole
		}
	}
	sum.Add(sum, big.NewRat(whole, 1))
	mean, _ := sum.Quo(sum, big.NewRat(int64(len(values)), 1)).Float64()
	var squares float64
	for _, v := range values {
		d := v.number() - mean
		squares += d * d
	}
	return math.Sqrt(squares / float64(len(values)-1))
}

// addPercentages adds the shares of the limits in use to a row, in whole percents,
// rounded down; 0 without a limit.
func addPercentages(t *metric.Builder, row int, place map[string]int, processes []*process) {
	for _, p := range percentages {
		u, okU := place[p.use]
		l, okL := place[p.limit]
		if !okU || !okL {
			continue
		}
		use, okU := t.At(row, u)
		use = currentUse(use, p.use, processes)
		limit, okL := t.At(row, l)
		if !okU || !okL {
			continue
		}
		percent := 0.0
		if limit.Number() != 0 {
			percent = math.Trunc(100 * use.Number() / limit.Number())
		}
		t.Set(row, place[p.column], percent) // whole, but it may exceed an int64
	}
}

// currentUse returns a sum over processes without what old workers use: the limits of
// the current ones are not theirs.
func currentUse(v metric.Value, field string, processes []*process) metric.Value {
	apart := 0.0
	for _, p := range processes {
		for _, u := range p.uses {
			if u.field != field {
				continue
			}
			for _, now := range p.values {
				if now.field == field {
					apart += float64(now.n - u.n)
				}
			}
		}
	}
	if apart == 0 {
		return v
	}
	return metric.Value{Float: v.Number() - apart}
}

// labels names the processes by Process_num, if these numbers differ. HAProxy 2.5
// and later has one process, with the number 1, so several of them are named by
// their sockets.
func labels(processes []*process) []string {
	shared := make(map[string]int)
	for _, p := range processes {
		shared[p.number]++
	}
	labels := make([]string, len(processes))
	taken := make(map[string]bool)
	for i, p := range processes {
		if p.number != "" && shared[p.number] == 1 {
			labels[i] = p.number
			taken[labels[i]] = true
		}
	}
	for i, p := range processes {
		if labels[i] != "" {
			continue
		}
		label := p.socket
		for n := 2; label == "" || taken[label]; n++ { // avoids the label of another process
			label = p.socket + "_" + strconv.Itoa(n)
		}
		labels[i] = label
		taken[label] = true
	}
	return labels
}
