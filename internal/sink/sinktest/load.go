package sinktest

import (
	"fmt"
	"iter"
	"math/rand/v2"

	"haproxystats/internal/metric"
)

// columns returns n columns with names of HAProxy's fields. A few are means.
func columns(n int) []metric.Column {
	names := []string{
		"bin", "bout", "dresp", "hrsp_1xx", "hrsp_2xx", "hrsp_3xx", "hrsp_4xx", "hrsp_5xx", "hrsp_other", "rate", "rate_max",
		"scur", "slim", "smax", "stot", "chkfail", "chkdown", "cli_abrt", "econ", "eresp", "lbtot", "qcur", "qmax", "srv_abrt", "wredis", "wretr",
		"throttle", "weight", "ctime", "qtime", "rtime", "ttime",
	}
	var c []metric.Column
	for i := range n {
		col := metric.Column{Name: fmt.Sprint("extra_", i)}
		if i < len(names) {
			col.Name = names[i]
		}
		if i >= 26 && i < 32 {
			col.Combine = metric.Mean
		}
		c = append(c, col)
	}
	return c
}

// fill adds the values of some processes to every cell. Their sizes, and the share of
// zeros, are like those of HAProxy.
func fill(t *metric.Builder, rng *rand.Rand, processes int) {
	for row := range t.Capacity() {
		t.Touch(row)
		for col := range t.Columns() {
			for range processes {
				v := int64(0)
				switch rng.IntN(4) {
				case 0:
					v = rng.Int64N(100)
				case 1:
					v = rng.Int64N(1 << (10 + rng.IntN(30)))
				}
				t.Add(row, col, v)
			}
		}
	}
}

// Load returns a batch of a node of that size.
func Load(frontends, backends, servers, processes int) *metric.Batch {
	rng := rand.New(rand.NewPCG(1, 2))
	f := metric.NewBuilder(metric.Frontend, columns(32))
	for i := range frontends {
		f.Row(metric.Entity{Name: fmt.Sprintf("www-frontend-%04d", i)})
	}
	b := metric.NewBuilder(metric.Backend, columns(45))
	for i := range backends {
		b.Row(metric.Entity{Name: fmt.Sprintf("application-%04d", i)})
	}
	s := metric.NewBuilder(metric.Server, columns(32))
	for i := range servers {
		s.Row(metric.Entity{Parent: fmt.Sprintf("application-%04d", i%backends), Name: fmt.Sprintf("app-server-%05d", i)})
	}
	batch := &metric.Batch{Epoch: 1795335122, Tables: make([]*metric.Table, 0, 3)}
	for _, t := range []*metric.Builder{f, b, s} {
		fill(t, rng, processes)
		batch.Tables = append(batch.Tables, t.Table())
	}
	return batch
}

// Sizes yields the batches of nodes of three sizes.
func Sizes() iter.Seq2[string, *metric.Batch] {
	return func(yield func(string, *metric.Batch) bool) {
		_ = yield("S", Load(20, 20, 100, 4)) &&
			yield("M", Load(200, 500, 5000, 4)) &&
			yield("L", Load(500, 1000, 20000, 8))
	}
}

// One returns a batch of one table with one row and one value.
func One(scope metric.Scope, e metric.Entity, column string, v int64) *metric.Batch {
	t := metric.NewBuilder(scope, []metric.Column{{Name: column}})
	row := t.Row(e)
	t.Touch(row)
	t.Add(row, 0, v)
	return &metric.Batch{Epoch: 1795335122, Tables: []*metric.Table{t.Table()}}
}
