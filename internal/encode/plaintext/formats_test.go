package plaintext_test

import (
	"bytes"
	"testing"

	"haproxystats/internal/encode/encodetest"
	"haproxystats/internal/encode/plaintext"
)

// TestGoldenOfFormats: the batch of the other formats' golden files, as Graphite gets it.
func TestGoldenOfFormats(t *testing.T) {
	var out bytes.Buffer
	e := plaintext.New(plaintext.Paths{Namespace: "loadbalancers", Hostname: "here", FQDN: true, GroupNamespace: "groups"})
	if _, err := e.Encode(&out, encodetest.OfGoldenFiles(t)); err != nil {
		t.Fatal(err)
	}
	encodetest.Golden(t, "graphite", out.Bytes())
}
