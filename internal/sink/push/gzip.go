package push

import (
	"bytes"
	"io"
	"sync"

	"github.com/klauspost/compress/gzip"
)

// gzipWriters has writers that are idle: one has some hundred KiB.
var gzipWriters = sync.Pool{New: func() any {
	w, _ := gzip.NewWriterLevel(io.Discard, gzip.BestSpeed) // it fails for other levels only
	return w
}}

// appender is a writer that appends.
type appender []byte

func (a *appender) Write(p []byte) (int, error) {
	*a = append(*a, p...)
	return len(p), nil
}

// Gzip appends a body that is compressed by gzip. Equal bodies give equal bytes.
func Gzip(dst, body []byte) []byte {
	a := appender(dst)
	w := gzipWriters.Get().(*gzip.Writer)
	defer gzipWriters.Put(w)
	w.Reset(&a)
	_, _ = w.Write(body) // an appender takes all
	_ = w.Close()
	return a
}

// Gunzip is the reverse of [Gzip]. It fails if the body is longer than limit.
func Gunzip(body []byte, limit int) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	all, err := io.ReadAll(io.LimitReader(r, int64(limit)+1))
	if err == nil && len(all) > limit {
		err = errLong
	}
	return all, err
}
