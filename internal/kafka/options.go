package kafka

import (
	"cmp"
	"context"
	"log/slog"
	"net"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"haproxystats/internal/dial"
	"haproxystats/internal/tlsfile"
)

// Options are the brokers and how to reach them.
type Options struct {
	// Section is the section of the configuration that has the options, such as "kafka"
	// or "kafka:archive"; advice names it.
	Section string
	// Advise returns what to do about an error where that is not among the options of
	// Section, or nothing; nil for never.
	Advise func(error) string
	// Brokers are the brokers to ask first, as host:port; they name the others.
	Brokers []string
	// ClientID names the client in the logs and quotas of the brokers.
	ClientID string
	// Rack is the rack or zone of this host; empty for none.
	Rack string
	// TLS encrypts connections; nil for none.
	TLS *tlsfile.Files
	// Login is how to log in; nil for not at all.
	Login *Login
	// ConnectTimeout bounds looking up a name, connecting and the TLS handshake.
	ConnectTimeout time.Duration
	// RequestTimeout is the time that a broker has to answer a request.
	RequestTimeout time.Duration
	// Log gets messages for the operator; nil for none.
	Log *slog.Logger
	// Dial opens connections; nil for the network's own, which share ConnectTimeout
	// among the addresses of a name.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

const (
	// overhead is what a request may take beyond the time that its broker was given.
	overhead = 2 * time.Second
	// maxBackoff bounds the pauses of the client between two tries of a request, and so
	// the time by which it exceeds a deadline.
	maxBackoff = 500 * time.Millisecond
	// metadataAge is the least time between two questions where topics are: a topic that
	// was made just now is found after it.
	metadataAge = time.Second
	// maxDecompressed bounds the memory that a compressed batch of records can take.
	maxDecompressed = 64 << 20
)

// Client returns a client with more options of the caller's. It connects when it is
// used.
func (o Options) Client(more ...kgo.Opt) (*kgo.Client, error) {
	return kgo.NewClient(append(o.client(), more...)...)
}

func (o Options) client() []kgo.Opt {
	log := cmp.Or(o.Log, slog.New(slog.DiscardHandler))
	all := []kgo.Opt{
		kgo.SeedBrokers(o.Brokers...),
		kgo.ClientID(o.ClientID),
		kgo.Dialer(o.dialer(log)),
		kgo.RequestTimeoutOverhead(overhead),
		kgo.RetryBackoffFn(backoff),
		kgo.MetadataMinAge(metadataAge),
		kgo.MaxDecompressBatchBytes(maxDecompressed),
		// Brokers may ask clients for metrics about themselves: we have our own.
		kgo.DisableClientMetrics(),
		kgo.WithLogger(logger{log}),
	}
	if o.RequestTimeout > 0 {
		all = append(all, kgo.ProduceRequestTimeout(o.RequestTimeout))
	}
	if o.Rack != "" {
		all = append(all, kgo.Rack(o.Rack))
	}
	if o.Login != nil {
		all = append(all, kgo.SASL(o.Login.mechanism()))
	}
	return all
}

// backoff returns the pause after the n-th failure of a request in a row.
func backoff(n int) time.Duration {
	return min(50*time.Millisecond<<min(max(n-1, 0), 10), maxBackoff)
}

// dialer returns a function that opens connections, over TLS if that is configured. All
// of its time is in ConnectTimeout.
func (o Options) dialer(log *slog.Logger) func(ctx context.Context, network, address string) (net.Conn, error) {
	connect := o.Dial
	if connect == nil {
		connect = new(dial.Dialer).Dial
	}
	var credentials *tlsfile.Credentials
	if o.TLS != nil {
		credentials = tlsfile.NewCredentials(*o.TLS, log)
	}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		if o.ConnectTimeout > 0 {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, o.ConnectTimeout)
			defer cancel()
		}
		if credentials == nil {
			return connect(ctx, network, address)
		}
		return dialTLS(ctx, connect, credentials, network, address)
	}
}
