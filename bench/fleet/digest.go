package fleet

import (
	"bytes"
	"hash/fnv"

	"haproxystats/internal/encode/plaintext"
	"haproxystats/internal/metric"
)

// digester computes a number of a batch's values that does not depend on the order of
// its lines: so the shards of a cluster, added up, have the number of the whole.
type digester struct {
	encoder *plaintext.Encoder
	sum     uint64
	rest    []byte
}

func newDigester() *digester {
	return &digester{encoder: plaintext.New(plaintext.Paths{Namespace: "loadbalancers", ClusterNamespace: "loadbalancers.clusters"})}
}

// digest returns the number of the values of b, besides those that are about the window
// and not about HAProxy.
func (d *digester) digest(b *metric.Batch) (uint64, error) {
	values := &metric.Batch{Node: b.Node, Cluster: b.Cluster, Epoch: b.Epoch}
	for _, t := range b.Tables {
		if t.Scope() != metric.Self {
			values.Tables = append(values.Tables, t)
		}
	}
	d.sum, d.rest = 0, d.rest[:0]
	if _, err := d.encoder.Encode(d, values); err != nil {
		return 0, err
	}
	return d.sum, nil
}

// Write implements [io.Writer]: it adds the hash of each line.
func (d *digester) Write(p []byte) (int, error) {
	n := len(p)
	for {
		end := bytes.IndexByte(p, '\n')
		if end < 0 {
			d.rest = append(d.rest, p...)
			return n, nil
		}
		h := fnv.New64a()
		h.Write(d.rest)
		h.Write(p[:end])
		d.sum += h.Sum64()
		d.rest, p = d.rest[:0], p[end+1:]
	}
}
