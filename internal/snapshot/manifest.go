package snapshot

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	manifestVersion = 1
	manifestTitle   = "haproxystats manifest "
	// proxyRows is the value of the item rows if there are those of frontends and backends
	// only.
	proxyRows = "proxies"
	// maxManifest bounds a manifest in bytes. It has room for the files of 20,000
	// sockets.
	maxManifest = 4 << 20
	// maxFailures bounds the failures in a manifest, and maxText each name and cause in
	// bytes.
	maxFailures = 1000
	maxText     = 256
)

var (
	// ErrNewer means that a later version has written a manifest or a record, so that its
	// meaning is not known.
	ErrNewer = errors.New("written by a newer version of haproxystats")
	// ErrDamaged means that a snapshot differs from the one that was handed over.
	ErrDamaged = errors.New("not what was handed over")
)

// castagnoli is the polynomial of CRC-32C, for which processors have an instruction.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Sum returns the CRC-32C of some bytes followed by p, where sum is that of the bytes.
func Sum(sum uint32, p []byte) uint32 { return crc32.Update(sum, castagnoli, p) }

// Manifest is the content of the file [ManifestName] of a snapshot.
type Manifest struct {
	// Round is the round that collected the files. Durations are in whole milliseconds.
	Round Round
	// Files are the files that were handed over, by name.
	Files []File
}

// File is a file that was handed over.
type File struct {
	Name string
	Size int64
	CRC  uint32 // CRC-32C
}

// NewManifest returns the manifest of a snapshot with these files. It has at most a
// thousand failures, and only the beginnings of long texts.
func NewManifest(r Round, files []File) Manifest {
	m := Manifest{
		Round: Round{
			SocketsFailed: max(r.SocketsFailed, len(r.Failures)),
			Interval:      max(0, r.Interval).Truncate(time.Second),
			Duration:      max(0, r.Duration).Truncate(time.Millisecond),
			Skew:          max(0, r.Skew).Truncate(time.Millisecond),
			Missed:        max(0, r.Missed),
			HandOver:      max(0, r.HandOver).Truncate(time.Millisecond),
			ProxiesOnly:   r.ProxiesOnly,
		},
		Files: slices.SortedFunc(slices.Values(files), func(a, b File) int { return strings.Compare(a.Name, b.Name) }),
	}
	m.Round.Accounts, m.Round.Workers = r.Accounts, r.Workers
	m.Round.Down = r.Down[:min(len(r.Down), maxFailures)]
	for _, f := range r.Failures[:min(len(r.Failures), maxFailures)] {
		m.Round.Failures = append(m.Round.Failures, Failure{beginning(f.Socket), beginning(f.Cause)})
	}
	return m
}

// beginning returns a text of at most maxText bytes: s, or its beginning.
func beginning(s string) string {
	if len(s) <= maxText {
		return s
	}
	return strings.ToValidUTF8(s[:maxText-3], "") + "..."
}

// Append appends the text of the manifest to b. It returns an error for a manifest
// that is longer than [ReadManifest] accepts.
func (m Manifest) Append(b []byte) ([]byte, error) {
	start := len(b)
	b = fmt.Appendf(b, "%s%d\n", manifestTitle, manifestVersion)
	b = fmt.Appendf(b, "round-duration-ms %d\n", m.Round.Duration.Milliseconds())
	b = fmt.Appendf(b, "round-skew-ms %d\n", m.Round.Skew.Milliseconds())
	b = fmt.Appendf(b, "sockets-failed %d\n", m.Round.SocketsFailed)
	if m.Round.Interval > 0 {
		b = fmt.Appendf(b, "interval-s %d\n", int64(m.Round.Interval/time.Second))
	}
	if m.Round.Missed > 0 {
		b = fmt.Appendf(b, "rounds-missed %d\n", m.Round.Missed)
	}
	if m.Round.HandOver > 0 {
		b = fmt.Appendf(b, "hand-over-ms %d\n", m.Round.HandOver.Milliseconds())
	}
	if m.Round.ProxiesOnly {
		b = fmt.Appendf(b, "rows %s\n", proxyRows)
	}
	for _, c := range m.Round.Workers.counts() {
		if *c.n > 0 {
			b = fmt.Appendf(b, "%s %d\n", c.name, *c.n)
		}
	}
	for _, a := range m.Round.Accounts {
		if a.Generation > 0 {
			b = fmt.Appendf(b, "base %q %d\n", a.Socket, a.Generation)
		}
		for _, i := range a.Instances {
			b = fmt.Appendf(b, "instance %q %d %d %s\n", a.Socket, i.Pid, i.Start, i.Role)
		}
	}
	for _, f := range m.Round.Failures {
		b = fmt.Appendf(b, "failed %q %q\n", f.Socket, f.Cause)
	}
	for _, name := range m.Round.Down {
		b = fmt.Appendf(b, "down %q\n", name)
	}
	for _, f := range m.Files {
		b = fmt.Appendf(b, "file %q %d %08x\n", f.Name, f.Size, f.CRC)
	}
	b = fmt.Appendf(b, "end %08x\n", crc32.Checksum(b[start:], castagnoli))
	if len(b)-start > maxManifest {
		return nil, fmt.Errorf("%d files: their manifest has more than %d bytes", len(m.Files), maxManifest)
	}
	return b, nil
}

// ReadManifest reads a manifest and parses it as [ParseManifest] does. It reads a
// bounded number of bytes.
func ReadManifest(r io.Reader) (Manifest, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxManifest+1))
	if err != nil {
		return Manifest{}, err
	}
	return ParseManifest(text)
}

// ParseManifest parses a manifest. The error satisfies errors.Is(err, [ErrNewer])
// if a later version has written it, else errors.Is(err, [ErrDamaged]).
func ParseManifest(b []byte) (Manifest, error) {
	p := manifestParser{seen: make(map[string]bool)}
	if err := p.parse(b); err != nil {
		if !errors.Is(err, ErrNewer) {
			err = fmt.Errorf("%w: %w", ErrDamaged, err)
		}
		return Manifest{}, fmt.Errorf("%s: line %d: %w", ManifestName, p.line, err)
	}
	return p.m, nil
}

type manifestParser struct {
	m    Manifest
	line int
	seen map[string]bool // items that must not be there twice
}

func (p *manifestParser) parse(b []byte) error {
	if len(b) > maxManifest {
		return fmt.Errorf("more than %d bytes", maxManifest)
	}
	rest := b
	for {
		line, after, found := bytes.Cut(rest, []byte("\n"))
		p.line++
		if !found {
			return errors.New("no end")
		}
		text := string(line)
		switch word, value, _ := strings.Cut(text, " "); {
		case p.line == 1:
			if err := checkTitle(text); err != nil {
				return err
			}
		case word == "end":
			sum := crc32.Checksum(b[:len(b)-len(rest)], castagnoli)
			if want := fmt.Sprintf("%08x", sum); value != want || len(after) > 0 {
				return fmt.Errorf("ends in %q, want %s and nothing after it", value, want)
			}
			return nil
		default:
			if err := p.field(word, value); err != nil {
				return err
			}
		}
		rest = after
	}
}

func checkTitle(line string) error {
	number, ok := strings.CutPrefix(line, manifestTitle)
	version, err := strconv.ParseUint(number, 10, 31)
	switch {
	case !ok || err != nil || version == 0:
		return errors.New("no title")
	case version > manifestVersion:
		return fmt.Errorf("%w: %d", ErrNewer, version)
	}
	return nil
}

// field parses one line. It skips unknown lines, so that a new item needs no new
// version.
func (p *manifestParser) field(word, value string) (err error) {
	key := word
	switch word {
	case "round-duration-ms":
		p.m.Round.Duration, err = parseMilliseconds(value)
	case "round-skew-ms":
		p.m.Round.Skew, err = parseMilliseconds(value)
	case "sockets-failed":
		p.m.Round.SocketsFailed, err = parseCount(value)
	case "interval-s":
		p.m.Round.Interval, err = parseSeconds(value)
	case "rounds-missed":
		p.m.Round.Missed, err = parseCount(value)
	case "hand-over-ms":
		p.m.Round.HandOver, err = parseMilliseconds(value)
	case "rows":
		// A later version may ask for other rows; nothing but these is known of them.
		p.m.Round.ProxiesOnly = value == proxyRows
	case "base":
		return p.baseItem(value)
	case "instance":
		return p.instanceItem(value)
	case "failed":
		var f Failure
		f, err = parseFailure(value)
		p.m.Round.Failures = append(p.m.Round.Failures, f)
		return err
	case "down":
		name, err := strconv.Unquote(value)
		p.m.Round.Down = append(p.m.Round.Down, name)
		return err
	case "file":
		var f File
		f, err = parseFile(value)
		p.m.Files = append(p.m.Files, f)
		key = "file " + f.Name
	default:
		c := p.m.Round.Workers.count(word)
		if c == nil {
			return nil
		}
		var n int
		n, err = parseCount(value)
		*c = int64(n)
	}
	err = plainNumber(err)
	if err == nil && p.seen[key] {
		err = fmt.Errorf("%q for the second time", key)
	}
	p.seen[key] = true
	return err
}

// account returns the account of a socket.
func (p *manifestParser) account(socket string) *Account {
	a := p.m.Round.Accounts
	if n := len(a); n > 0 && a[n-1].Socket == socket {
		return &a[n-1]
	}
	p.m.Round.Accounts = append(a, Account{Socket: socket})
	return &p.m.Round.Accounts[len(a)]
}

func (p *manifestParser) baseItem(value string) error {
	socket, number, err := parseQuoted(value)
	if err != nil {
		return err
	}
	key := "base " + socket
	generation, err := strconv.ParseUint(number, 10, 63)
	if err != nil || generation == 0 || p.seen[key] {
		return fmt.Errorf("%q is not a generation, or %q for the second time", number, key)
	}
	p.seen[key] = true
	p.account(socket).Generation = generation
	return nil
}

func (p *manifestParser) instanceItem(value string) error {
	socket, rest, err := parseQuoted(value)
	if err != nil {
		return err
	}
	var i Instance
	words := strings.Split(rest, " ")
	if len(words) != 3 {
		return fmt.Errorf("%q is not an instance", rest)
	}
	if i.Pid, err = strconv.Atoi(words[0]); err != nil || i.Pid <= 0 {
		return fmt.Errorf("%q is not a process identifier", words[0])
	}
	if i.Start, err = strconv.ParseInt(words[1], 10, 64); err != nil || i.Start < 0 {
		return fmt.Errorf("%q is not a time", words[1])
	}
	i.Role = Role(words[2])
	a := p.account(socket)
	a.Instances = append(a.Instances, i)
	return nil
}

// plainNumber returns an error about a number without the names of Go's functions.
func plainNumber(err error) error {
	n, ok := errors.AsType[*strconv.NumError](err)
	switch {
	case !ok:
		return err
	case errors.Is(n.Err, strconv.ErrRange):
		return fmt.Errorf("%q is out of range", n.Num)
	}
	return fmt.Errorf("%q is not a number", n.Num)
}

func parseCount(text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err == nil && n < 0 {
		err = errors.New("a negative number")
	}
	return n, err
}

func parseMilliseconds(text string) (time.Duration, error) { return parseTimes(text, time.Millisecond) }

func parseSeconds(text string) (time.Duration, error) { return parseTimes(text, time.Second) }

// parseTimes parses a whole number of units.
func parseTimes(text string, unit time.Duration) (time.Duration, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err == nil && (n < 0 || n > int64(math.MaxInt64/unit)) {
		err = strconv.ErrRange
	}
	return time.Duration(n) * unit, err
}

func parseFailure(text string) (f Failure, err error) {
	if f.Socket, text, err = parseQuoted(text); err != nil {
		return f, err
	}
	f.Cause, text, err = parseQuoted(text)
	if err == nil && text != "" {
		err = fmt.Errorf("%q after the cause", text)
	}
	return f, err
}

func parseFile(text string) (f File, err error) {
	if f.Name, text, err = parseQuoted(text); err != nil {
		return f, err
	}
	if err := CheckFileName(f.Name); err != nil {
		return f, err
	}
	size, crc, _ := strings.Cut(text, " ")
	if f.Size, err = strconv.ParseInt(size, 10, 64); err != nil || f.Size < 0 {
		return f, fmt.Errorf("%q is not a size", size)
	}
	sum, err := strconv.ParseUint(crc, 16, 32)
	f.CRC = uint32(sum)
	return f, err
}

// parseQuoted returns the text in quotes, and the rest after it and a space.
func parseQuoted(text string) (value, rest string, err error) {
	quoted, err := strconv.QuotedPrefix(text)
	if err != nil {
		return "", "", fmt.Errorf("%q is not quoted", text)
	}
	if value, err = strconv.Unquote(quoted); err != nil {
		return "", "", err
	}
	return value, strings.TrimPrefix(text[len(quoted):], " "), nil
}
