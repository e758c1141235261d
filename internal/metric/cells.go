package metric

import (
	"math"
	"math/big"
)

// pageRows is the number of rows in a page. Pages let a table grow without moving
// cells, and without much unused memory.
const pageRows = 64

// Wide is the count of a cell that keeps its exact value elsewhere, because the sum
// exceeds an int64 or the count does not fit.
const Wide = math.MaxUint16

// cells holds the values of rows. Each cell has a sum, or the largest or smallest value, and the
// number of values.
type cells struct {
	width int // cells of a row
	pages []page
	// wide has the cells whose count is Wide, by row*width+column. They are rare, and
	// exact, so that the order of additions never matters.
	wide map[int]*wideCell
}

type page struct {
	sums   []int64
	counts []uint16
}

type wideCell struct {
	sum *big.Rat
	n   int64
}

// grow makes room for rows.
func (c *cells) grow(rows int) {
	for len(c.pages)*pageRows < rows {
		c.pages = append(c.pages, page{make([]int64, pageRows*c.width), make([]uint16, pageRows*c.width)})
	}
}

// reset removes all values.
func (c *cells) reset() {
	for i := range c.pages {
		clear(c.pages[i].sums)
		clear(c.pages[i].counts)
	}
	c.wide = nil
}

// row returns the cells of a row.
func (c *cells) row(row int) (sums []int64, counts []uint16) {
	p := &c.pages[row/pageRows]
	from := row % pageRows * c.width
	to := from + c.width
	return p.sums[from:to:to], p.counts[from:to:to]
}

// combine combines v, which is the sum of n values, with a cell.
func (c *cells) combine(row, col int, rule Combine, v, n int64) {
	if n == 0 {
		return
	}
	sums, counts := c.row(row)
	have := int64(counts[col])
	sum := sums[col]
	marker := rule == MeanKnown && v < 0
	if marker {
		n = 1
	}
	switch {
	case have == Wide:
		c.combineWide(row, col, rule, new(big.Rat).SetInt64(v), n)
		return
	case have == 0:
		sum = v
	case marker && sum >= 0:
		return
	case marker:
		sums[col] = max(sum, v)
		return
	case rule == MeanKnown && sum < 0:
		sum, have = v, 0
	case rule.isMax():
		sum = max(sum, v)
	case rule == Min:
		sum = min(sum, v)
	case rule == MinKnown:
		sum = smallestKnown(sum, v)
	default:
		next := sum + v
		if (sum^next)&(v^next) < 0 { // the signs show an overflow
			c.combineWide(row, col, rule, new(big.Rat).SetInt64(v), n)
			return
		}
		sum = next
	}
	if n > Wide-1-have { // n may be much larger
		c.combineWide(row, col, rule, new(big.Rat).SetInt64(v), n)
		return
	}
	sums[col] = sum
	counts[col] = uint16(have + n)
}

// combineWide is combine for a value that may exceed an int64.
func (c *cells) combineWide(row, col int, rule Combine, v *big.Rat, n int64) {
	if n == 0 {
		return
	}
	sums, counts := c.row(row)
	i := row*c.width + col
	if counts[col] != Wide {
		if c.wide == nil {
			c.wide = make(map[int]*wideCell)
		}
		c.wide[i] = &wideCell{new(big.Rat).SetInt64(sums[col]), int64(counts[col])}
		sums[col], counts[col] = 0, Wide
	}
	w := c.wide[i]
	marker := rule == MeanKnown && v.Sign() < 0
	if marker {
		n = 1
	}
	switch {
	case w.n == 0:
		w.sum.Set(v)
	case marker && w.sum.Sign() >= 0:
		return
	case marker:
		if v.Cmp(w.sum) > 0 {
			w.sum.Set(v)
		}
		return
	case rule == MeanKnown && w.sum.Sign() < 0:
		w.sum.Set(v)
		w.n = 0
	case rule.isMax() || rule == MinKnown && (v.Sign() < 0 || w.sum.Sign() < 0):
		if v.Cmp(w.sum) > 0 {
			w.sum.Set(v)
		}
	case rule.isMin():
		if v.Cmp(w.sum) < 0 {
			w.sum.Set(v)
		}
	default:
		w.sum.Add(w.sum, v)
	}
	w.n += n
}

// smallestKnown combines two values by [MinKnown].
func smallestKnown(a, b int64) int64 {
	if a < 0 || b < 0 {
		return max(a, b)
	}
	return min(a, b)
}

// combineFrom adds a cell of o.
func (c *cells) combineFrom(row, col int, rule Combine, o *cells, oRow, oCol int) {
	sums, counts := o.row(oRow)
	if counts[oCol] == Wide {
		w := o.wide[oRow*o.width+oCol]
		c.combineWide(row, col, rule, w.sum, w.n)
		return
	}
	c.combine(row, col, rule, sums[oCol], int64(counts[oCol]))
}

// Value is the value of a cell: an integer if Exact, else a float.
type Value struct {
	Int   int64
	Float float64
	Exact bool
}

// Number returns the value as a float64, which may round.
func (v Value) Number() float64 {
	if v.Exact {
		return float64(v.Int)
	}
	return v.Float
}

// at returns the value of a cell, and false if the cell has none.
func (c *cells) at(row, col int, rule Combine) (Value, bool) {
	sums, counts := c.row(row)
	switch n := int64(counts[col]); {
	case n == 0:
		return Value{}, false
	case n == Wide:
		w := c.wide[row*c.width+col]
		return wideValue(w.sum, rule, w.n), true
	case !rule.IsMean():
		return Value{Int: sums[col], Exact: true}, true
	default:
		return mean(sums[col], n), true
	}
}

// maxExact is the limit up to which a float64 represents every integer. The mean of
// a larger sum would be rounded twice, and differ from the mean of a sum that was
// wide before.
const maxExact = 1 << 53

// mean returns the mean of n values with that sum.
func mean(sum, n int64) Value {
	if q := sum / n; q*n == sum {
		return Value{Int: q, Exact: true}
	}
	if sum < -maxExact || sum > maxExact {
		return wideValue(new(big.Rat).SetInt64(sum), Mean, n)
	}
	return Value{Float: float64(sum) / float64(n)}
}

func wideValue(w *big.Rat, rule Combine, n int64) Value {
	if rule.IsMean() && n > 1 {
		w = new(big.Rat).Quo(w, new(big.Rat).SetInt64(n))
	}
	if w.IsInt() && w.Num().IsInt64() {
		return Value{Int: w.Num().Int64(), Exact: true}
	}
	f, _ := w.Float64()
	return Value{Float: f}
}
