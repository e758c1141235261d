package snapshot

import (
	"errors"
	"fmt"
)

// Errors of a [Decoder], besides [ErrDamaged]. They leave the decoder as it was before
// the record.
var (
	// ErrForeign means that a record belongs to another snapshot.
	ErrForeign = errors.New("a record of another snapshot")
	// ErrDuplicate means that the decoder has the record already.
	ErrDuplicate = errors.New("a record for the second time")
	// ErrOrder means that records before this one are missing, or come later.
	ErrOrder = errors.New("a record before its turn")
	// ErrIncomplete means that the last record has not arrived.
	ErrIncomplete = errors.New("records are missing")
	// ErrTooLarge means that the snapshot has more bytes than the decoder may keep.
	ErrTooLarge = errors.New("the snapshot is too large")
)

// Decoder assembles a snapshot from its records. The records must arrive in order, as
// from one partition of a message queue. The zero value is not ready for use.
type Decoder struct {
	limit int64

	first Record // without the pieces
	next  int    // the sequence that is due; 0 before the first record
	files Memory
	bytes int64  // the sizes of all files in files, also of an incomplete one
	last  piece  // the latest piece, without its data
	got   int64  // bytes of that piece's file so far
	sum   uint32 // the checksum of these bytes
	err   error  // the damage, after which all records are refused
	index *Index // nil if the data of files is kept
}

// NewDecoder returns a decoder that keeps at most limit bytes.
func NewDecoder(limit int64) *Decoder { return &Decoder{limit: limit, files: make(Memory)} }

// Add adds the next record and keeps a copy of its data. After an error that satisfies
// errors.Is with one of [ErrForeign], [ErrDuplicate], [ErrOrder] and [ErrTooLarge] the
// decoder accepts other records; after [ErrDamaged] it accepts none.
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
		if p.name == ManifestName && p.size > maxManifest {
			return fmt.Errorf("%d bytes, more than %d", p.size, maxManifest)
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
	d.got += int64(len(p.data))
	if d.index != nil && p.name != ManifestName {
		d.index.note(p, d.next)
		return nil
	}
	d.files[p.name] = append(d.files[p.name], p.data...)
	return nil
}

// Done reports whether the last record has arrived.
func (d *Decoder) Done() bool { return d.err == nil && d.next > 0 && d.next == d.first.Records }

// Snapshot returns the snapshot, whose files are a [Memory]. The error satisfies
// errors.Is(err, [ErrIncomplete]) before the last record has arrived, and
// errors.Is(err, [ErrDamaged]) if a record or the manifest is damaged.
func (d *Decoder) Snapshot() (Snapshot, error) {
	if d.err != nil {
		return Snapshot{}, d.err
	}
	if !d.Done() {
		return Snapshot{}, fmt.Errorf("%w: %d of %d have arrived", ErrIncomplete, d.next, d.first.Records)
	}
	h := d.first.head
	return d.files.Snapshot(h.node, h.cluster, h.epoch)
}
