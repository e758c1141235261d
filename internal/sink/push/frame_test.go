package push

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"

	"haproxystats/internal/sink/stream"
)

// TestFrames has an item in pieces of each size, and cut off everywhere.
func TestFrames(t *testing.T) {
	item := appendTitle(nil, zstandard, -7)
	for _, f := range []frame{{metrics: 300, size: 70_000, body: []byte("first")}, {body: []byte{}}} {
		item = append(appendHead(item, f), f.body...)
	}
	item = appendEnd(item, 2)
	want := []string{"epoch -7", `300 of 70000: "first"`, `0 of 0: ""`}
	read := func(item []byte, size int) (got []string, err error) {
		d := newDecoder(func(c codec, epoch int64) error {
			got = append(got, fmt.Sprint("epoch ", epoch))
			return nil
		}, func(f frame) error {
			got = append(got, fmt.Sprintf("%d of %d: %q", f.metrics, f.size, f.body))
			return nil
		})
		for piece := range slices.Chunk(item, size) {
			_, _ = d.Write(piece)
		}
		return got, d.Close()
	}
	for size := 1; size <= len(item); size++ {
		if got, err := read(item, size); err != nil || !slices.Equal(got, want) {
			t.Errorf("pieces of %d: got %q, %v; want %q", size, got, err, want)
		}
		if _, err := read(item[:size-1], size); !errors.Is(err, stream.ErrTruncated) {
			t.Errorf("the first %d bytes: got %v, want %v", size-1, err, stream.ErrTruncated)
		}
	}
	title := appendTitle(nil, own, math.MaxInt64)
	for name, c := range map[string]struct {
		item []byte
		want error
	}{
		"one frame is missing":    {appendEnd(slices.Clone(title), 1), stream.ErrTruncated},
		"a time without an end":   {append([]byte("hsp\x01"), slices.Repeat([]byte{0xff}, 11)...), stream.ErrForeign},
		"a frame without a head":  {append(slices.Clone(title), 1, 0xff), stream.ErrForeign},
		"a frame that is too big": {append(slices.Clone(title), 0xff, 0xff, 0xff, 0xff, 0xff, 1), stream.ErrForeign},
	} {
		if _, err := read(c.item, 3); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}
}
