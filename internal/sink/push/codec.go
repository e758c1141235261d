package push

import "fmt"

// codec is how bodies in the queue are compressed. An earlier configuration may have had
// another one than the present one. The numbers are in queues on disk: they do not change.
type codec byte

const (
	uncompressed codec = 0
	gzipped      codec = 1
	zstandard    codec = 2
	// own is what a format has always.
	own codec = 255
)

// codec returns what the bodies of the format are compressed by.
func (f Format) codec() codec {
	switch f.ContentEncoding {
	case "":
		return uncompressed
	case "gzip":
		return gzipped
	case "zstd":
		return zstandard
	}
	return own
}

// expand returns a body before compression.
func (c codec) expand(body []byte) ([]byte, error) {
	switch c {
	case uncompressed:
		return body, nil
	case gzipped:
		return Gunzip(body, MaxBody)
	case zstandard:
		return Unzstd(body, MaxBody)
	}
	return nil, fmt.Errorf("the queue has bodies of the codec %d, which is not known", c)
}
