package stream

import (
	"errors"
	"math"
	"slices"
	"testing"
)

// frames is a format whose frames are a length and that many bytes; an empty one ends the
// stream.
func frames(take func(body string) error) Format {
	return Format{Name: "abc", Version: 1, Take: func(p []byte) (int, bool, error) {
		length, n, err := Uvarint(p, 10)
		switch {
		case n == 0 || err != nil:
			return 0, false, err
		case length == 0:
			return n, true, nil
		case uint64(len(p)-n) < length:
			return 0, false, nil
		}
		end := n + int(length)
		return end, false, take(string(p[n:end]))
	}}
}

// TestDecoder has a stream in pieces of each size, and cut off everywhere.
func TestDecoder(t *testing.T) {
	const all = "abc\x01\x02hi\x05there\x00"
	want := []string{"hi", "there"}
	read := func(text string, size int) (got []string, err error) {
		d := NewDecoder(frames(func(body string) error { got = append(got, body); return nil }))
		for piece := range slices.Chunk([]byte(text), size) {
			if n, err := d.Write(piece); err == nil && n != len(piece) {
				t.Errorf("got %d bytes taken, want %d", n, len(piece))
			}
		}
		if err := d.Err(); err != nil && !errors.Is(d.Close(), err) {
			t.Errorf("got %v from Close, want %v", d.Close(), err)
		}
		return got, d.Close()
	}
	for size := 1; size <= len(all); size++ {
		if got, err := read(all, size); err != nil || !slices.Equal(got, want) {
			t.Errorf("pieces of %d: got %q, %v; want %q", size, got, err, want)
		}
		if _, err := read(all[:size-1], size); !errors.Is(err, ErrTruncated) {
			t.Errorf("the first %d bytes: got %v, want %v", size-1, err, ErrTruncated)
		}
	}
	for name, text := range map[string]string{
		"another name": "abd\x01\x00", "its beginning": "b", "another version": "abc\x02\x00", "more behind the end": all + "x",
		"a long frame": "abc\x01\x0b", "a length without end": "abc\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
	} {
		for size := 1; size <= len(text); size++ {
			if _, err := read(text, size); !errors.Is(err, ErrForeign) {
				t.Errorf("%s in pieces of %d: got %v, want %v", name, size, err, ErrForeign)
			}
		}
	}
}

// TestDecoderKeepsTheError of who takes the frames.
func TestDecoderKeepsTheError(t *testing.T) {
	want := errors.New("no")
	d := NewDecoder(frames(func(string) error { return want }))
	for range 2 {
		if n, err := d.Write([]byte("abc\x01\x02hi")); n != 0 || !errors.Is(err, want) {
			t.Errorf("got %d, %v; want 0, %v", n, err, want)
		}
	}
	if err := d.Close(); !errors.Is(err, want) || !errors.Is(d.Err(), want) {
		t.Errorf("got %v from Close and %v from Err, want %v", err, d.Err(), want)
	}
}

func TestUvarint(t *testing.T) {
	for _, c := range []struct {
		bytes string
		most  uint64
		want  uint64
		n     int
		err   error
	}{
		{"\x05rest", 5, 5, 1, nil},
		{"\x06", 5, 0, 0, ErrForeign},
		{"", 5, 0, 0, nil},
		{"\x80", 5, 0, 0, nil},
		{"\x80\x01", math.MaxInt64, 128, 2, nil},
		{"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", math.MaxInt64, 0, 0, ErrForeign},
		{"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f", math.MaxInt64, 0, 0, ErrForeign},
	} {
		if v, n, err := Uvarint([]byte(c.bytes), c.most); v != c.want || n != c.n || !errors.Is(err, c.err) {
			t.Errorf("%q: got %d of %d bytes, %v; want %d of %d, %v", c.bytes, v, n, err, c.want, c.n, c.err)
		}
	}
}
