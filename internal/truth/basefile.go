package truth

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
	"strconv"
	"strings"

	"haproxystats/internal/haproxy"
)

// The text of a base has one item per line. Names are quoted as in Go. A row has its
// type, the time at which an instance had it, its marks, its names, and its values in
// the order of the columns; a value of 0 is empty, and empty values at the end are left
// out. Marks are the numbers of instances in the order of the items live: those that
// are frozen, and behind a slash those that may share the row. A reader skips an
// unknown item. The last line has the CRC-32C of all lines before it.
//
//	haproxystats base 1
//	node "lb1"
//	socket "/run/haproxy.sock"
//	generation 7
//	at 1795891299
//	folded 2965-1795891241
//	ended 2965-1795891241 unheard 3 120
//	live 3101-1795891243
//	preloaded 3101-1795891243
//	info "CumReq" 4294967395
//	columns stot,bin,bout
//	row 0 1795891299 - "web" "FRONTEND" 57,2399,53210
//	row 2 1795891299 0/ "app" "a1" ,,-7
//	end eb6d8e98
const (
	baseVersion = 1
	baseTitle   = "haproxystats base "
)

// The bounds of a base.
const (
	// MaxBase bounds the size in bytes: a base of 172,000 busy rows has 34 MB.
	MaxBase    = 1 << 30
	maxCells   = 1 << 26
	maxColumns = 1024
	maxLive    = 1024
	maxText    = 4096
)

var (
	// ErrNewer means that a later version has written a base.
	ErrNewer = errors.New("written by a newer version of haproxystats")
	// ErrDamaged means that a base is not what was written.
	ErrDamaged = errors.New("not what was written")
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Append appends the text of the base to buf.
func (b *Base) Append(buf []byte) []byte {
	start := len(buf)
	buf = fmt.Appendf(buf, "%s%d\nnode %q\nsocket %q\ngeneration %d\nat %d\n", baseTitle, baseVersion, b.Node, b.Socket, b.Generation, b.At)
	for _, i := range b.Folded {
		buf = fmt.Appendf(buf, "folded %v\n", i)
	}
	for _, e := range b.Ends {
		buf = fmt.Appendf(buf, "ended %v %s %d %d\n", e.Instance, endWords[e.Final], e.Loss.Seconds, e.Loss.Requests)
	}
	for _, i := range b.Live {
		buf = fmt.Appendf(buf, "live %v\n", i)
	}
	for _, i := range b.Preloaded {
		buf = fmt.Appendf(buf, "preloaded %v\n", i)
	}
	names := make([]string, 0, len(b.Info))
	for name, v := range b.Info {
		if v != 0 {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		buf = fmt.Appendf(buf, "info %q %d\n", name, b.Info[name])
	}
	if len(b.keys) > 0 {
		buf = append(buf, "columns "+strings.Join(b.columns, ",")+"\n"...)
	}
	for i := range b.keys {
		buf = b.appendRow(buf, i)
	}
	return fmt.Appendf(buf, "end %08x\n", crc32.Checksum(buf[start:], castagnoli))
}

func (b *Base) appendRow(buf []byte, i int) []byte {
	k := b.keys[i]
	buf = append(buf, "row "...)
	buf = strconv.AppendUint(buf, uint64(k.Type), 10)
	buf = append(buf, ' ')
	buf = strconv.AppendInt(buf, b.seen[i], 10)
	buf = append(buf, ' ')
	buf = b.appendMarks(buf, b.marks[i])
	buf = append(buf, ' ')
	buf = strconv.AppendQuote(buf, k.Proxy)
	buf = append(buf, ' ')
	buf = strconv.AppendQuote(buf, k.Service)
	buf = append(buf, ' ')
	values := b.at(i)
	for len(values) > 0 && values[len(values)-1] == 0 {
		values = values[:len(values)-1]
	}
	for n, v := range values {
		if n > 0 {
			buf = append(buf, ',')
		}
		if v != 0 {
			buf = strconv.AppendInt(buf, v, 10)
		}
	}
	return append(buf, '\n')
}

func (b *Base) appendMarks(buf []byte, m marks) []byte {
	if len(m.frozen)+len(m.maybe) == 0 {
		return append(buf, '-')
	}
	buf = b.appendNumbers(buf, m.frozen)
	buf = append(buf, '/')
	return b.appendNumbers(buf, m.maybe)
}

func (b *Base) appendNumbers(buf []byte, list []Instance) []byte {
	for n, i := range list {
		if n > 0 {
			buf = append(buf, ',')
		}
		buf = strconv.AppendInt(buf, int64(slices.Index(b.Live, i)), 10)
	}
	return buf
}

// ParseBase parses the text of a base. The error satisfies errors.Is(err, [ErrNewer])
// if a later version has written it, else errors.Is(err, [ErrDamaged]).
func ParseBase(text []byte) (*Base, error) {
	p := baseParser{base: &Base{}}
	if err := p.parse(text); err != nil {
		if !errors.Is(err, ErrNewer) {
			err = fmt.Errorf("%w: %w", ErrDamaged, err)
		}
		return nil, fmt.Errorf("base: line %d: %w", p.line, err)
	}
	return p.base, nil
}

type baseParser struct {
	base *Base
	line int
	// proxy is the latest name of a proxy: the servers of a backend share it.
	proxy string
}

func (p *baseParser) parse(text []byte) error {
	if len(text) > MaxBase {
		return fmt.Errorf("more than %d bytes", MaxBase)
	}
	rest := text
	for {
		line, after, found := bytes.Cut(rest, []byte("\n"))
		p.line++
		if !found {
			return errors.New("no end")
		}
		word, value, _ := bytes.Cut(line, []byte(" "))
		if p.line > 1 && string(word) == "end" {
			sum := crc32.Checksum(text[:len(text)-len(rest)], castagnoli)
			if want := fmt.Sprintf("%08x", sum); string(value) != want || len(after) > 0 {
				return fmt.Errorf("ends in %.20q, want %s and nothing after it", value, want)
			}
			return nil
		}
		var err error
		if p.line == 1 {
			err = checkBaseTitle(string(line))
		} else {
			err = p.item(string(word), value)
		}
		if err != nil {
			return err
		}
		rest = after
	}
}

func checkBaseTitle(line string) error {
	number, ok := strings.CutPrefix(line, baseTitle)
	version, err := strconv.ParseUint(number, 10, 31)
	switch {
	case !ok || err != nil || version == 0:
		return errors.New("no title")
	case version > baseVersion:
		return fmt.Errorf("%w: %d", ErrNewer, version)
	}
	return nil
}

func (p *baseParser) item(word string, value []byte) (err error) {
	b := p.base
	switch word {
	case "node":
		b.Node, err = unquoteAll(value)
	case "socket":
		b.Socket, err = unquoteAll(value)
	case "generation":
		b.Generation, err = strconv.ParseUint(string(value), 10, 63)
	case "at":
		b.At, err = parseTime(value)
	case "folded":
		b.Folded, err = appendInstance(b.Folded, value, maxFolded)
	case "ended":
		b.Ends, err = appendEnd(b.Ends, value)
	case "live":
		b.Live, err = appendInstance(b.Live, value, maxLive)
	case "preloaded":
		b.Preloaded, err = appendInstance(b.Preloaded, value, maxLive)
	case "info":
		err = p.info(value)
	case "columns":
		err = p.columns(value)
	case "row":
		err = p.row(value)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", word, err)
	}
	return nil
}

func parseTime(text []byte) (int64, error) {
	n, ok := haproxy.Number(text)
	if !ok || n < 0 || n > maxStart {
		return 0, fmt.Errorf("%.20q is not a time", text)
	}
	return n, nil
}

func appendInstance(list []Instance, text []byte, limit int) ([]Instance, error) {
	i, err := ParseInstance(string(text[:min(len(text), 64)]))
	if err == nil && (len(list) == limit || slices.Contains(list, i)) {
		err = fmt.Errorf("%v: too many, or for the second time", i)
	}
	return append(list, i), err
}

// endWords tell whether an instance had said its final words.
var endWords = map[bool]string{true: "final", false: "unheard"}

// appendEnd parses INSTANCE WORD SECONDS REQUESTS.
func appendEnd(list []End, text []byte) ([]End, error) {
	fields := bytes.Split(text[:min(len(text), 256)], []byte(" "))
	if len(fields) != 4 || len(list) == maxEnds {
		return nil, fmt.Errorf("%.60q is not an end, or there are too many", text)
	}
	i, err := ParseInstance(string(fields[0]))
	if err != nil {
		return nil, err
	}
	e := End{Instance: i, Final: string(fields[1]) == endWords[true]}
	for n, to := range []*int64{&e.Loss.Seconds, &e.Loss.Requests} {
		v, ok := haproxy.Number(fields[2+n])
		if !ok || v < 0 {
			return nil, fmt.Errorf("%.60q is not a loss", fields[2+n])
		}
		*to = v
	}
	return append(list, e), nil
}

func (p *baseParser) info(value []byte) error {
	name, rest, err := unquote(value)
	if err != nil {
		return err
	}
	n, ok := haproxy.Number(rest)
	if _, twice := p.base.Info[name]; !ok || twice || len(p.base.Info) == maxColumns {
		return fmt.Errorf("%.20q is not a number, or %q is there twice", rest, name)
	}
	if p.base.Info == nil {
		p.base.Info = make(map[string]int64)
	}
	p.base.Info[name] = n
	return nil
}

func (p *baseParser) columns(value []byte) error {
	names := strings.Split(string(value), ",")
	sorted := slices.Clone(names)
	slices.Sort(sorted)
	if p.base.rows.columns != nil || len(names) > maxColumns || len(slices.Compact(sorted)) < len(names) {
		return errors.New("too many, or twice")
	}
	p.base.rows.columns = names
	return nil
}

func (p *baseParser) row(value []byte) error {
	b := p.base
	if b.rows.columns == nil || len(b.values) > maxCells {
		return errors.New("no columns, or too many rows")
	}
	typ, rest, _ := bytes.Cut(value, []byte(" "))
	seen, rest, _ := bytes.Cut(rest, []byte(" "))
	mark, rest, _ := bytes.Cut(rest, []byte(" "))
	var k Key
	t, ok := haproxy.Number(typ)
	if !ok || t < 0 || t >= int64(len(Scopes)) {
		return fmt.Errorf("%.20q is not a type", typ)
	}
	k.Type = haproxy.RowType(t)
	at, err := parseTime(seen)
	if err != nil {
		return err
	}
	if k.Proxy, rest, err = unquote(rest); err != nil {
		return err
	}
	if k.Proxy == p.proxy {
		k.Proxy = p.proxy
	} else {
		p.proxy = k.Proxy
	}
	if k.Service, rest, err = unquote(rest); err != nil {
		return err
	}
	if _, twice := b.index[k]; twice {
		return fmt.Errorf("%q %q for the second time", k.Proxy, k.Service)
	}
	i := b.rows.row(k)
	b.seen = append(b.seen, at)
	values := b.at(i)
	for n := 0; len(rest) > 0; n++ {
		text, after, _ := bytes.Cut(rest, []byte(","))
		if n == len(values) {
			return errors.New("more values than columns")
		}
		if len(text) > 0 {
			if values[n], ok = haproxy.Number(text); !ok {
				return fmt.Errorf("%.20q is not a number", text)
			}
		}
		rest = after
	}
	m, err := p.marks(string(mark))
	if err != nil {
		return err
	}
	b.setMarks(i, m)
	return nil
}

func (p *baseParser) marks(text string) (m marks, err error) {
	if text == "-" {
		return m, nil
	}
	frozen, maybe, ok := strings.Cut(text, "/")
	if !ok {
		return m, fmt.Errorf("%.20q are not marks", text)
	}
	if m.frozen, err = p.instances(frozen); err != nil {
		return m, err
	}
	m.maybe, err = p.instances(maybe)
	return m, err
}

func (p *baseParser) instances(text string) (list []Instance, err error) {
	if text == "" {
		return nil, nil
	}
	for number := range strings.SplitSeq(text, ",") {
		n, err := strconv.ParseUint(number, 10, 31)
		if err != nil || n >= uint64(len(p.base.Live)) || len(list) == len(p.base.Live) {
			return nil, fmt.Errorf("%.20q is not the number of an instance", number)
		}
		list = append(list, p.base.Live[n])
	}
	return list, nil
}

// unquote returns the text in quotes, and what is behind it and a space.
func unquote(value []byte) (text string, rest []byte, err error) {
	// Nearly all names need no escape.
	if len(value) > 1 && value[0] == '"' {
		if end := bytes.IndexByte(value[1:], '"'); end >= 0 && end <= maxText && !bytes.ContainsRune(value[1:end+1], '\\') {
			return string(value[1 : end+1]), bytes.TrimPrefix(value[end+2:], []byte(" ")), nil
		}
	}
	quoted, err := strconv.QuotedPrefix(string(value))
	if err != nil || len(quoted) > 4*maxText {
		return "", nil, fmt.Errorf("%.20q is not quoted", value)
	}
	text, err = strconv.Unquote(quoted)
	return text, bytes.TrimPrefix(value[len(quoted):], []byte(" ")), err
}

func unquoteAll(value []byte) (string, error) {
	text, rest, err := unquote(value)
	return text, cmp.Or(err, trailing(rest))
}

func trailing(rest []byte) error {
	if len(rest) > 0 {
		return fmt.Errorf("%.20q behind it", rest)
	}
	return nil
}
