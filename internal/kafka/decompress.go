package kafka

import (
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"
)

// decompressor is the library's, whose memory is bounded. What it can't decompress is an
// error that satisfies errors.Is(err, [kgo.ErrMaxDecompress]), as what is too large is:
// for that one the library tells where the next batch begins, and any other error would
// come again for ever.
type decompressor struct{ kgo.Decompressor }

// Decompress implements [kgo.Decompressor].
func (d decompressor) Decompress(src []byte, codec kgo.CompressionCodecType) ([]byte, error) {
	data, err := d.Decompressor.Decompress(src, codec)
	if err != nil && !errors.Is(err, kgo.ErrMaxDecompress) {
		err = fmt.Errorf("%w: %w", kgo.ErrMaxDecompress, err)
	}
	return data, err
}

// SkipDamaged returns the option of a consumer that gets a [kgo.ErrDecompressTooLarge]
// for each batch that can't be decompressed, for whatever reason, or that takes too much
// memory.
func SkipDamaged() (kgo.Opt, error) {
	d, err := Decompressor()
	if err != nil {
		return nil, err
	}
	return kgo.WithDecompressor(d), nil
}

// Decompressor returns a decompressor whose memory is bounded. Its errors satisfy
// errors.Is(err, [kgo.ErrMaxDecompress]).
func Decompressor() (kgo.Decompressor, error) {
	// The library bounds only a decompressor that it has made for a client. This client
	// connects to nothing.
	c, err := kgo.NewClient(kgo.MaxDecompressBatchBytes(maxDecompressed))
	if err != nil {
		return nil, err
	}
	defer c.Close()
	bounded, ok := c.OptValue(kgo.WithDecompressor).(kgo.Decompressor)
	if !ok {
		return nil, errors.New("the client has no decompressor")
	}
	return decompressor{bounded}, nil
}
