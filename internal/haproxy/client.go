package haproxy

import (
	"context"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"

	"haproxystats/internal/dial"
)

// defaultMaxReply keeps a socket that never stops sending from filling the disk. A
// reply of HAProxy with a million servers is smaller.
const defaultMaxReply = 1 << 30

// minPause is the shortest pause between two tries to connect.
const minPause = 10 * time.Millisecond

// maxRemembered bounds the memory for sockets that answer only one command: sockets
// named after processes come and go.
const maxRemembered = 1024

// Client asks stats sockets for their statistics. Its fields must not change once it
// is in use; many goroutines may use it at once.
type Client struct {
	// Dial opens a connection to a socket. Nil means a [dial.Dialer], which shares
	// the time-out among the addresses of a name.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Timeout bounds each attempt to connect. 0 means no bound but that of the context.
	Timeout time.Duration
	// Retries is the number of attempts to connect after the first one; with -1 only the
	// context ends them.
	Retries int
	// Interval is the pause between two attempts.
	Interval time.Duration
	// BufferLimit bounds a buffer, in bytes. A buffer has at most 64 KiB, also if
	// BufferLimit is 0.
	BufferLimit int
	// Buffers bounds how many buffers there are, so how many sockets are read at the same
	// time. A socket without data takes no buffer. 0 means 8.
	Buffers int
	// MaxReply is the size in bytes from which a reply is refused as endless. 0 means 1
	// GiB.
	MaxReply int64
	// ProxiesOnly leaves the rows of servers and listeners out of `show stat`: HAProxy is asked
	// for those of frontends and backends only.
	ProxiesOnly bool
	// Log gets a message for each repeated attempt. Nil means no log.
	Log *slog.Logger

	buffers   buffers
	addresses dial.Dialer // stands in for Dial

	mu  sync.Mutex
	one map[string]struct{} // sockets that answer one command for each connection
}

// Fetch asks the socket for `show info` and `show stat` and writes the raw replies,
// each with the empty line that ends it. The reply to `show stat` is written while
// it arrives, so that memory does not depend on its size. Both commands use one
// connection if the socket answers two commands at once, else two.
//
// After an error, what was written is useless. The error is a [*SocketError]; when
// ctx is canceled it wraps [context.Canceled].
func (c *Client) Fetch(ctx context.Context, network, address string, info, stat io.Writer) error {
	return c.fetch(ctx, network, address, info, stat, nil)
}

// fetch is Fetch that asks for more, if that is not nil.
func (c *Client) fetch(ctx context.Context, network, address string, info, stat io.Writer, more *moreReply) error {
	s := &session{client: c, network: network, address: address}
	i, t := newInfoReply(info), newStatReply(stat)
	key := network + " " + address
	if c.answersOne(key) {
		return s.askEach(ctx, i, t)
	}
	err := s.askAll(ctx, i, t, more)
	switch {
	case err == nil:
		return nil
	case i.whole && t.size == 0 && isSilence(err):
		err = s.ask(ctx, nil, t)
	case i.size == 0 && isUnknownCommand(err):
		err = s.askEach(ctx, i, t)
	}
	if err == nil {
		c.rememberOne(key)
	}
	return err
}

func (c *Client) answersOne(key string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, ok := c.one[key]
	return ok
}

func (c *Client) rememberOne(key string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.one == nil || len(c.one) >= maxRemembered {
		c.one = make(map[string]struct{})
	}
	c.one[key] = struct{}{}
}

func (c *Client) maxReply() int64 {
	if c.MaxReply > 0 {
		return c.MaxReply
	}
	return defaultMaxReply
}

func (c *Client) log() *slog.Logger {
	if c.Log != nil {
		return c.Log
	}
	return slog.New(slog.DiscardHandler)
}
