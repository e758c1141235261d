package bounded

import (
	"encoding/binary"
	"errors"
	"math"
	"testing"

	"pgregory.net/rapid"
)

func TestFields(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		unsigned, signed := rapid.Uint64().Draw(t, "unsigned"), rapid.Int64().Draw(t, "signed")
		word, text := rapid.Uint32().Draw(t, "word"), rapid.SliceOf(rapid.Byte()).Draw(t, "text")
		b := binary.AppendVarint(binary.AppendUvarint(nil, unsigned), signed)
		b = append(binary.LittleEndian.AppendUint32(b, word), 7)
		b = append(binary.AppendUvarint(b, uint64(len(text))), text...)
		all := len(b)
		r := NewReader(append(b, "more"...))
		if n := r.Uvarint(); n != unsigned {
			t.Errorf("got %d, want %d", n, unsigned)
		}
		if n := r.Varint(); n != signed {
			t.Errorf("got %d, want %d", n, signed)
		}
		if n := r.Uint32(); n != word {
			t.Errorf("got %d, want %d", n, word)
		}
		if n := r.Byte(); n != 7 {
			t.Errorf("got %d, want 7", n)
		}
		if got := r.Text(math.MaxUint64); string(got) != string(text) || cap(got) != len(got) {
			t.Errorf("got %q with room for %d, want %q without room", got, cap(got), text)
		}
		if err := r.End(); err == nil || r.Err() != err {
			t.Errorf("got %v, want an error for what is left", err)
		}
		if r = NewReader(append(b, "more"...)); len(r.Bytes(uint64(all))) != all || string(r.Rest()) != "more" || r.End() != nil {
			t.Errorf("got %v, want that the rest is taken", r.Err())
		}
		// No prefix can be read whole, and none is read beyond its end.
		r = NewReader(b[:rapid.IntRange(0, all-1).Draw(t, "cut")])
		_, _, _, _, _ = r.Uvarint(), r.Varint(), r.Uint32(), r.Byte(), r.Text(math.MaxUint64)
		if !errors.Is(r.Err(), ErrShort) || r.Len() != 0 {
			t.Errorf("got %v and %d bytes, want %v and none", r.Err(), r.Len(), ErrShort)
		}
	})
}

func TestBounds(t *testing.T) {
	failure := errors.New("failure")
	for _, c := range []struct {
		name string
		read func(*Reader) bool // reports whether it took something
		want string
	}{
		{"number", func(r *Reader) bool { return r.Number(4) != 0 }, "5 is more than 4"},
		{"text", func(r *Reader) bool { return r.Text(4) != nil }, "a text of 5 bytes, more than 4"},
		{"bounded", func(r *Reader) bool { return r.Bounded(7, 6) != nil }, "a text of 7 bytes, more than 6"},
		{"bytes", func(r *Reader) bool { return r.Bytes(math.MaxUint64) != nil }, ErrShort.Error()},
		{"failure", func(r *Reader) bool { r.Fail(failure); r.Fail(ErrShort); return false }, failure.Error()},
	} {
		r := NewReader([]byte("\x05abcde"))
		took := c.read(&r)
		if err := r.End(); took || err == nil || err.Error() != c.want {
			t.Errorf("%s: got %v, something %t; want %q and nothing", c.name, err, took, c.want)
		}
		if r.Uvarint() != 0 || r.Byte() != 0 || r.Uint32() != 0 || r.Rest() != nil || r.Err().Error() != c.want {
			t.Errorf("%s: something is left after an error, or the error is another one: %v", c.name, r.Err())
		}
	}
	r := NewReader([]byte("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01")) // more than 64 bits
	if n := r.Uvarint(); n != 0 || r.Err() == nil {
		t.Errorf("got %d, %v; want an error", n, r.Err())
	}
}
