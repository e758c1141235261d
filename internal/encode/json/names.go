package json

import (
	"math"
	"strconv"
	"unicode/utf8"

	"haproxystats/internal/encode"
	"haproxystats/internal/metric"
)

// reserved are the members that a metric can't be named as.
var reserved = []string{
	"timestamp", "host", "cluster", "scope", "proxy", "server", "process", "listener", "group",
	"type", "name", "resolver", "nameserver", "subject", "certificate", "socket", "rows", "field",
}

// head appends what all objects of a batch begin with.
func (e *Encoder) head(dst []byte, b *metric.Batch) []byte {
	dst = append(dst, `{"timestamp":`...)
	dst = strconv.AppendInt(dst, b.Epoch, 10)
	if host := e.opt.Host.Of(b); host != "" {
		dst = appendMember(dst, `,"host":`, host)
	}
	if b.Cluster != "" {
		dst = appendMember(dst, `,"cluster":`, b.Cluster)
	}
	return dst
}

// appendEntity appends the members that name an entity.
func appendEntity(b []byte, s metric.Scope, n metric.Entity) []byte {
	parent, name := encode.Labels(s)
	if parent != "" {
		b = appendMember(b, `,"`+parent+`":`, n.Parent)
	}
	if name != "" {
		b = appendMember(b, `,"`+name+`":`, n.Name)
	}
	if n.Group != "" {
		b = appendMember(b, `,"group":`, n.Group)
	}
	return b
}

func appendMember(b []byte, key, value string) []byte {
	b = append(append(b, key...), '"')
	return append(appendText(b, value), '"')
}

// spell returns what precedes the value of each column of the group.
func (e *Encoder) spell(g *encode.Group) []string {
	taken := reserved
	if e.opt.PerMetric {
		taken = nil
	}
	names := encode.Spell(g, appendText, taken...)
	for i, name := range names {
		if e.opt.PerMetric {
			names[i] = `,"metric":"` + name + `","value":`
		} else {
			names[i] = `,"` + name + `":`
		}
	}
	return names
}

// appendText appends what is between the quotes of a JSON string.
func appendText(b []byte, s string) []byte {
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c < ' ':
			b = append(b, `\u00`...)
			b = append(b, hex[c>>4], hex[c&15])
		case c < utf8.RuneSelf:
			b = append(b, c)
		default:
			if n := encode.NextText(s[i:]); n > 0 {
				b = append(b, s[i:i+n]...)
				i += n
				continue
			}
			b = encode.AppendByte(b, c)
		}
		i++
	}
	return b
}

const hex = "0123456789abcdef"

// appendNumber appends the value of a cell, and reports whether it has one that is finite.
func appendNumber(b []byte, t *metric.Table, row, col int) ([]byte, bool) {
	v, ok := t.At(row, col)
	switch {
	case !ok:
		return b, false
	case v.Exact:
		return strconv.AppendInt(b, v.Int, 10), true
	}
	if _, counts := t.Cells(row); counts[col] == metric.Wide && !t.Columns()[col].Combine.IsMean() {
		if w := t.Wide(row, col); w.Sum.IsInt() {
			return w.Sum.Num().Append(b, 10), true
		}
	}
	if math.IsInf(v.Float, 0) || math.IsNaN(v.Float) {
		return b, false
	}
	return strconv.AppendFloat(b, v.Float, 'f', -1, 64), true
}
