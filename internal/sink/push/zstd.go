package push

import (
	"errors"
	"fmt"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// zstdCodec has what compresses and expands: safe for concurrent use, and made when it is
// needed. It is not a variable that is made at the start of each program, which would link
// Zstandard into those that do not need it.
var zstdCodec struct {
	once    sync.Once
	encoder *zstd.Encoder
	decoder *zstd.Decoder
}

func useZstd() (*zstd.Encoder, *zstd.Decoder) {
	c := &zstdCodec
	c.once.Do(func() {
		var err1, err2 error
		c.encoder, err1 = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
		c.decoder, err2 = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(MaxBody))
		if err := errors.Join(err1, err2); err != nil {
			panic(err) // they fail for wrong options only
		}
	})
	return c.encoder, c.decoder
}

// Zstd appends a body that is compressed by Zstandard. Equal bodies give equal bytes.
func Zstd(dst, body []byte) []byte {
	encoder, _ := useZstd()
	return encoder.EncodeAll(body, dst)
}

// Unzstd is the reverse of [Zstd]. It fails if the body is longer than limit, which is
// at most [MaxBody].
func Unzstd(body []byte, limit int) ([]byte, error) {
	_, decoder := useZstd()
	all, err := decoder.DecodeAll(body, nil)
	if err != nil {
		return nil, fmt.Errorf("expand: %w", err)
	}
	if len(all) > limit {
		return nil, errLong
	}
	return all, nil
}
