package transitions

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"

	"haproxystats/internal/event"
	"haproxystats/internal/truth"
)

// What a tracker knows is on disk as a line of JSON, the rows with 16 bytes each
// (little-endian), and a CRC-32C of all before.

// Version is the version of the form in which a tracker is on disk.
const version = 1

// The bounds of what is read.
const (
	// MaxFile bounds the file of a tracker in bytes.
	MaxFile    = 64 << 20
	rowBytes   = 16
	maxWorkers = 4096
)

var (
	// ErrDamaged means that a file is not one of a tracker's.
	ErrDamaged = errors.New("not what a tracker has written")
	// ErrNewer means that a later version has written it.
	ErrNewer = errors.New("written by a newer version of haproxystats")
	// ErrForeign means that it is that of another node or socket.
	ErrForeign = errors.New("of another node or socket")
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// header is the line of JSON.
type header struct {
	Version    int          `json:"version"`
	Node       string       `json:"node"`
	Address    string       `json:"address"`
	Socket     string       `json:"socket"`
	Generation uint64       `json:"generation"`
	Number     int64        `json:"number"`
	Current    string       `json:"current,omitempty"`
	Sampled    string       `json:"sampled,omitempty"`
	SampledAt  int64        `json:"sampled_at,omitempty"`
	Uptime     int64        `json:"uptime,omitempty"`
	Crashed    bool         `json:"crashed,omitempty"`
	Workers    []headWorker `json:"workers,omitempty"`
	Minute     int64        `json:"minute,omitempty"`
	Made       int64        `json:"made,omitempty"`
	Left       int64        `json:"left,omitempty"`
	Rows       int          `json:"rows"`
}

type headWorker struct {
	Instance string `json:"instance"`
	Replaced int64  `json:"replaced,omitempty"`
	Ref      string `json:"ref,omitempty"`
	Gone     int64  `json:"gone,omitempty"`
	Reason   string `json:"reason,omitempty"`
	Seconds  int64  `json:"seconds,omitempty"`
	Requests int64  `json:"requests,omitempty"`
}

// Dirty reports whether what [Tracker.Append] writes differs from what it wrote when
// [Tracker.Clean] was called, in more than what moves by itself.
func (t *Tracker) Dirty() bool { return t.dirty }

// Clean notes that all is on disk.
func (t *Tracker) Clean() { t.dirty = false }

// Append appends what the tracker knows to b.
func (t *Tracker) Append(b []byte, generation uint64) []byte {
	start := len(b)
	h := header{
		Version: version, Node: t.Node, Address: t.Address, Socket: t.Socket, Generation: generation, Number: t.number,
		Current: instance(t.current), Sampled: instance(t.sampled), SampledAt: t.sampledAt, Uptime: t.uptime, Crashed: t.crashed,
		Minute: t.minute, Made: t.made, Left: t.left, Rows: len(t.rows.rows),
	}
	for _, w := range t.workers {
		h.Workers = append(h.Workers, headWorker{
			w.instance.String(), w.replaced, w.ref, w.gone, string(w.reason), w.loss.Seconds, w.loss.Requests,
		})
	}
	line, _ := json.Marshal(h) // it can't fail: there are texts and numbers only
	b = append(append(b, line...), '\n')
	for _, r := range t.rows.rows {
		b = binary.LittleEndian.AppendUint64(b, r.name)
		b = binary.LittleEndian.AppendUint32(b, r.since)
		b = binary.LittleEndian.AppendUint32(b, uint32(r.state))
	}
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b[start:], castagnoli))
}

func instance(i truth.Instance) string {
	if i == (truth.Instance{}) {
		return ""
	}
	return i.String()
}

// Parse takes over what a tracker has written, and returns its generation. The error satisfies errors.Is(err, [ErrDamaged]), [ErrNewer] or
// [ErrForeign]; then the tracker is as before.
func (t *Tracker) Parse(b []byte) (generation uint64, err error) {
	line, rest, found := bytes.Cut(b, []byte("\n"))
	var h header
	if !found || json.Unmarshal(line, &h) != nil || h.Version <= 0 {
		return 0, fmt.Errorf("%w: its first line", ErrDamaged)
	}
	if h.Version > version {
		return 0, fmt.Errorf("%w: version %d, this program reads %d", ErrNewer, h.Version, version)
	}
	if len(rest) < 4 || len(b) > MaxFile {
		return 0, fmt.Errorf("%w: %d bytes", ErrDamaged, len(b))
	}
	text := rest[:len(rest)-4]
	if sum := crc32.Checksum(b[:len(b)-4], castagnoli); sum != binary.LittleEndian.Uint32(rest[len(text):]) {
		return 0, fmt.Errorf("%w: its checksum", ErrDamaged)
	}
	if h.Rows < 0 || len(text) != h.Rows*rowBytes || len(h.Workers) > maxWorkers || h.Number < 0 || h.Made < 0 || h.Left < 0 {
		return 0, fmt.Errorf("%w: %d rows in %d bytes", ErrDamaged, h.Rows, len(text))
	}
	if h.Node != t.Node || t.Address != "" && h.Address != t.Address {
		return 0, fmt.Errorf("%w: node %q, socket %q", ErrForeign, h.Node, h.Address)
	}
	s := state{
		number: h.Number, sampledAt: h.SampledAt, uptime: h.Uptime, crashed: h.Crashed, minute: h.Minute, made: h.Made, left: h.Left,
	}
	for _, w := range []struct {
		text string
		to   *truth.Instance
	}{{h.Current, &s.current}, {h.Sampled, &s.sampled}} {
		if w.text == "" {
			continue
		}
		if *w.to, err = truth.ParseInstance(w.text); err != nil {
			return 0, fmt.Errorf("%w: %w", ErrDamaged, err)
		}
	}
	for _, w := range h.Workers {
		i, err := truth.ParseInstance(w.Instance)
		if err != nil {
			return 0, fmt.Errorf("%w: %w", ErrDamaged, err)
		}
		s.workers = append(s.workers, lived{
			i, w.Replaced, w.Ref, w.Gone, event.Reason(w.Reason), truth.Loss{Seconds: w.Seconds, Requests: w.Requests},
		})
	}
	known := make([]row, h.Rows)
	for i := range known {
		at := text[i*rowBytes:]
		known[i] = row{binary.LittleEndian.Uint64(at), binary.LittleEndian.Uint32(at[8:]), packed(binary.LittleEndian.Uint32(at[12:]))}
	}
	t.Address, t.Socket, t.state, t.rows = h.Address, h.Socket, s, rows{rows: known}
	return h.Generation, nil
}
