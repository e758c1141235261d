package prometheus

import (
	"haproxystats/internal/encode"
	"haproxystats/internal/encode/samples"
)

// style writes what hardly ever changes.
type style struct{}

// Head implements [samples.Style]: the two lines that begin a family.
func (style) Head(f *samples.Family) []byte { return appendHead(nil, f.Name, f.Help, f.Counter) }

// Label implements [samples.Style].
func (style) Label(l samples.Label) []byte { return appendLabel(nil, l) }

// Text implements [samples.Style].
func (s style) Text(l samples.Label) []byte { return s.Label(l) }

// appendHead appends the two lines that begin a family.
func appendHead(b []byte, name, help string, counter bool) []byte {
	if help != "" {
		b = append(append(append(b, "# HELP "...), name...), ' ')
		b = append(appendEscaped(b, help, false), '\n')
	}
	b = append(append(b, "# TYPE "...), name...)
	if counter {
		return append(b, " counter\n"...)
	}
	return append(b, " gauge\n"...)
}

// appendLabels appends labels, each after a comma.
func appendLabels(b []byte, all []samples.Label) []byte {
	for _, l := range all {
		b = appendLabel(b, l)
	}
	return b
}

func appendLabel(b []byte, l samples.Label) []byte {
	b = append(append(append(b, ','), l.Name...), '=', '"')
	return append(appendEscaped(b, l.Value, true), '"')
}

// appendExtra ends the labels of a sample, after one more that begins with a comma; empty
// for none. alone tells that there are no other labels.
func appendExtra(b, label []byte, alone bool) []byte {
	if len(label) > 0 {
		from := len(b)
		b = append(b, label...)
		if alone {
			b[from] = '{'
		}
		alone = false
	}
	if !alone {
		b = append(b, '}')
	}
	return append(b, ' ')
}

// appendEscaped appends a text as valid UTF-8 with the escapes of the format; quotes are
// escaped in values of labels only.
func appendEscaped(b []byte, text string, quotes bool) []byte {
	for i := 0; i < len(text); {
		n := encode.NextText(text[i:])
		switch c := text[i]; {
		case n == 0:
			b = encode.AppendByte(b, c)
			n = 1
		case c == '\n':
			b = append(b, `\n`...)
		case c == '\\':
			b = append(b, `\\`...)
		case c == '"' && quotes:
			b = append(b, `\"`...)
		default:
			b = append(b, text[i:i+n]...)
		}
		i += n
	}
	return b
}
