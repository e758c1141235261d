package snapshot

import (
	"errors"
	"fmt"
)

// Errors of a [Decoder], besides [ErrDamaged]. After each of them the decoder is as
// it was before the record.
var (
	// ErrForeign means that a record belongs to another snapshot.
	ErrForeign = errors.New("a record of another snapshot")
	// ErrDuplicate means that the decoder has the record already.
	ErrDuplicate = errors.New("a record for the second time")
	// ErrOrder means that records before this one are missing, or come later.
	ErrOrder = errors.New("a record before its turn")
	// ErrIncomplete means that the last record has not come.
	ErrIncomplete = errors.New("records are missing")
	// ErrTooLarge means that the snapshot has more bytes than the decoder may keep.
	ErrTooLarge = errors.New("the snapshot is too large")
)

// Decoder puts the records of one snapshot together. The records must come in
// order, as one partition of a message queue keeps them. The zero value is not
// ready for use.
type Decoder struct {
	limit int64

	first Record // without the pieces
	next  int    // the sequence that is due; 0: nothing has come
	files Memory
	bytes int64 // that the files begun have, or will have
	last  piece // of the file that is not complete, if its data is not at its end
	got   int64 // bytes of that file
	sum   uint32
	err   error // what was damaged
}

// NewDecoder returns a decoder that keeps at most limit bytes.
func NewDecoder(limit int64) *Decoder { return &Decoder{limit: limit, files: make(Memory)} }

// Add takes the next record and keeps a copy of its data. Its error satisfies
// errors.Is with one of [ErrForeign], [ErrDuplicate], [ErrOrder] and [ErrTooLarge],
// after which the decoder goes on with other records, or with [ErrDamaged], after
// which it refuses all.
func (d *Decoder) Add(r Record) error {
	if err := d.add(r); err != nil {
		return fmt.Errorf("record %d of %d of a snapshot: %w", r.Sequence, r.Records, err)
	}
	return nil
}

func (d *Decoder) add(r Record) error {
	switch {
	case d.err != nil:
		return d.err
	case d.next == 0 && r.Sequence > 0:
		return ErrOrder
	case d.next == 0 && r.Bytes > d.limit:
		return fmt.Errorf("%w: %d bytes, more than %d", ErrTooLarge, r.Bytes, d.limit)
	case d.next == 0:
		d.first = r
		d.first.pieces = nil
	case r.ID != d.first.ID:
		return ErrForeign
	case r.Sequence < d.next:
		return ErrDuplicate
	case r.Sequence > d.next:
		return fmt.Errorf("%w: record %d is due", ErrOrder, d.next)
	}
	err := d.take(r)
	if err != nil {
		d.err = fmt.Errorf("%w: %w", ErrDamaged, err)
		d.files = nil
	}
	d.next++
	return d.err
}

func (d *Decoder) take(r Record) error {
	if r.Records != d.first.Records || r.Bytes != d.first.Bytes {
		return fmt.Errorf("%d records and %d bytes, the first record says %d and %d", r.Records, r.Bytes, d.first.Records, d.first.Bytes)
	}
	for _, p := range r.pieces {
		if err := d.piece(p); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	if r.Sequence < r.Records-1 {
		return nil
	}
	if d.got < d.last.size || len(d.files) != d.first.head.files || d.bytes != d.first.Bytes {
		return fmt.Errorf("%d files with %d bytes, the first record says %d and %d", len(d.files), d.bytes, d.first.head.files, d.first.Bytes)
	}
	return nil
}

func (d *Decoder) piece(p piece) error {
	if p.offset == 0 && d.got == d.last.size {
		if _, ok := d.files[p.name]; ok {
			return errors.New("the file for the second time")
		}
		if len(d.files) >= d.first.head.files || p.size > d.first.Bytes-d.bytes {
			return errors.New("more than the first record says")
		}
		d.files[p.name] = nil
		d.bytes += p.size
		d.last, d.got, d.sum = p, 0, 0
		d.last.data = nil
	}
	if p.name != d.last.name || p.size != d.last.size || p.offset != d.got {
		return fmt.Errorf("%d bytes of %d at %d, after %d of %d bytes of %s", len(p.data), p.size, p.offset, d.got, d.last.size, d.last.name)
	}
	if d.sum = Sum(d.sum, p.data); d.sum != p.sum {
		return errors.New("the checksum of the file differs")
	}
	d.files[p.name] = append(d.files[p.name], p.data...)
	d.got += int64(len(p.data))
	return nil
}

// Done reports whether the last record has come.
func (d *Decoder) Done() bool { return d.err == nil && d.next > 0 && d.next == d.first.Records }

// Snapshot returns the snapshot, whose files are a [Memory]. The error satisfies
// errors.Is(err, [ErrIncomplete]) before the last record has come, and errors.Is(err,
// [ErrDamaged]) if a record or the manifest is damaged.
func (d *Decoder) Snapshot() (Snapshot, error) {
	if d.err != nil {
		return Snapshot{}, d.err
	}
	if !d.Done() {
		return Snapshot{}, fmt.Errorf("%w: %d of %d have come", ErrIncomplete, d.next, d.first.Records)
	}
	h := d.first.head
	return d.files.Snapshot(h.node, h.cluster, h.epoch)
}
