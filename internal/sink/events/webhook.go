package events

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"

	"haproxystats/internal/durable"
	"haproxystats/internal/event"
	"haproxystats/internal/httpcall"
	"haproxystats/internal/tlsfile"
)

// The headers of a batch for a webhook.
const (
	// SignatureHeader has "sha256=" and the HMAC of the body in hexadecimal.
	SignatureHeader = "X-Haproxystats-Signature"
	// DeliveryHeader has the same value when a batch is sent again.
	DeliveryHeader = "X-Haproxystats-Delivery"
)

// Webhook posts events in batches.
type Webhook struct {
	// URL is the address.
	URL string
	// Secret is the key of signatures; a zero one signs nothing.
	Secret tlsfile.Secret
	// MaxEvents is the number of events of a batch.
	MaxEvents int
	// Kinds are the kinds that are sent.
	Kinds Kinds
}

func (Webhook) open(*durable.Dir, string, *slog.Logger) error { return nil }

func (w Webhook) wants(kind event.Kind) bool { return w.Kinds.match(kind) }

func (w Webhook) address() string { return w.URL }

// maxBatch bounds the body of a batch of several events, in bytes.
const maxBatch = 1 << 20

// send implements [Destination].
func (w Webhook) send(ctx context.Context, to caller, events []*item, done func([]*item, error)) error {
	for len(events) > 0 {
		n, size := 0, 0
		for n < len(events) && n < max(1, w.MaxEvents) && (n == 0 || size+len(events[n].line()) <= maxBatch) {
			size += len(events[n].line())
			n++
		}
		if err := w.batch(ctx, to, events[:n], done); err != nil {
			return err
		}
		events = events[n:]
	}
	return nil
}

// batch sends a batch. If the receiver finds it too large, or refuses it, the halves go on
// their own, until it is known which event is refused.
func (w Webhook) batch(ctx context.Context, to caller, events []*item, done func([]*item, error)) error {
	body := bodyOf(events)
	header := jsonHeader()
	id := sha256.Sum256(body)
	header[DeliveryHeader] = hex.EncodeToString(id[:16])
	if w.Secret.File != "" {
		key, err := w.Secret.Read()
		if err != nil {
			return err
		}
		header[SignatureHeader] = Signature(key, body)
	}
	_, err := to.call(ctx, httpcall.Request{Method: "POST", URL: w.URL, Header: header, Body: body})
	if len(events) > 1 && errors.As(err, new(*refusal)) {
		half := len(events) / 2
		if err := w.batch(ctx, to, events[:half], done); err != nil {
			return err
		}
		return w.batch(ctx, to, events[half:], done)
	}
	return settle(events, err, done)
}

// bodyOf returns the body of a batch.
func bodyOf(events []*item) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, `{"version":1,"events":[`)
	for n, i := range events {
		if n > 0 {
			b.WriteByte(',')
		}
		b.Write(bytes.TrimSuffix(i.line(), []byte("\n")))
	}
	b.WriteString("]}\n")
	return b.Bytes()
}

// Signature returns the value of the header for a body.
func Signature(key, body []byte) string {
	sum := hmac.New(sha256.New, key)
	sum.Write(body)
	return "sha256=" + hex.EncodeToString(sum.Sum(nil))
}
