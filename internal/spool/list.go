package spool

import (
	"cmp"
	"io/fs"
	"slices"

	"haproxystats/internal/durable"
)

// list calls visit for every name in dir, as [durable.Dir.List] does.
func list(dir string, visit func(fs.DirEntry)) error {
	d, err := durable.OpenDir(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.List(visit)
}

// item is an entry's name with its number.
type item struct {
	epoch int64
	name  string
}

// compare orders by number; 7 and 007 are two names of one number.
func (i item) compare(j item) int {
	return cmp.Or(cmp.Compare(i.epoch, j.epoch), cmp.Compare(i.name, j.name))
}

// oldest keeps the limit smallest of the items added to it.
type oldest struct {
	limit int
	items []item
	total int // number of items added
}

func (o *oldest) add(i item) {
	o.total++
	o.items = append(o.items, i)
	// Cutting only at twice the limit makes adding cheap.
	if len(o.items) >= 2*o.limit {
		o.cut()
	}
}

// cut sorts the items and drops those beyond the limit.
func (o *oldest) cut() {
	slices.SortFunc(o.items, item.compare)
	if len(o.items) > o.limit {
		clear(o.items[o.limit:])
		o.items = o.items[:o.limit]
	}
}
