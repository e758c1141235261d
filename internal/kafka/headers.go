package kafka

import (
	"iter"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Headers returns headers of a record by their keys and values.
func Headers(all iter.Seq2[string, []byte]) []kgo.RecordHeader {
	var headers []kgo.RecordHeader
	for key, value := range all {
		headers = append(headers, kgo.RecordHeader{Key: key, Value: value})
	}
	return headers
}

// EachHeader returns the keys and values of a record's headers.
func EachHeader(r *kgo.Record) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		for _, h := range r.Headers {
			if !yield(h.Key, h.Value) {
				return
			}
		}
	}
}
