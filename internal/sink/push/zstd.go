package push

import (
	"fmt"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// zstdEncoder and zstdDecoder are safe for concurrent use, and made when they are needed.
var (
	zstdEncoder = sync.OnceValue(func() *zstd.Encoder {
		e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
		if err != nil {
			panic(err) // it fails for wrong options only
		}
		return e
	})
	zstdDecoder = sync.OnceValue(func() *zstd.Decoder {
		d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(MaxBody))
		if err != nil {
			panic(err) // it fails for wrong options only
		}
		return d
	})
)

// Zstd appends a body that is compressed by Zstandard. Equal bodies give equal bytes.
func Zstd(dst, body []byte) []byte { return zstdEncoder().EncodeAll(body, dst) }

// Unzstd is the reverse of [Zstd]. It fails if the body is longer than limit, which is
// at most [MaxBody].
func Unzstd(body []byte, limit int) ([]byte, error) {
	all, err := zstdDecoder().DecodeAll(body, nil)
	if err != nil {
		return nil, fmt.Errorf("expand: %w", err)
	}
	if len(all) > limit {
		return nil, errLong
	}
	return all, nil
}
