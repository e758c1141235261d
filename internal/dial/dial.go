// Package dial opens TCP connections to names that have several addresses.
//
// [net.Dialer] splits its time among the addresses, but gives each at least two
// seconds, and waits 300 ms for the other family. With a shorter time-out, a silent
// first address uses all of it. A [Dialer] tries the next address after a share of the
// remaining time, lets the earlier attempts continue, and returns the first connection.
// It remembers the address of that connection, and tries it first the next time.
//
// The package does not know the protocol of a connection.
package dial

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"time"
)

const (
	// maxAddresses bounds the attempts, and so the descriptors, of one call.
	maxAddresses = 16
	// maxNames bounds the remembered names.
	maxNames = 1024
	// maxStagger is the longest wait before the next address is tried, too.
	maxStagger = 250 * time.Millisecond
)

// Dialer opens connections. Its fields must not be changed once it is in use; its
// zero value is ready, and it is safe for concurrent use.
type Dialer struct {
	// Connect opens a connection to one address; nil for that of a [net.Dialer].
	Connect func(ctx context.Context, network, address string) (net.Conn, error)
	// Lookup returns the addresses of a name, the preferred ones first; nil for
	// the host's resolver.
	Lookup func(ctx context.Context, name string) ([]netip.Addr, error)

	mu     sync.Mutex
	worked map[string]netip.Addr // the address of the last connection, by host and port
}

// Dial opens a connection as [net.Dialer.DialContext] does. If no address of a
// name answers, the error is an [*Error].
func (d *Dialer) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if network != "tcp" || err != nil || host == "" || isAddress(host) {
		return d.connect(ctx, network, address)
	}
	all, err := d.lookup(ctx, host)
	if err != nil {
		return nil, err
	}
	last := d.last(address)
	addresses := order(all, last)
	if len(addresses) == 0 {
		return nil, &net.DNSError{Err: "no addresses", Name: host, IsNotFound: true}
	}
	left := 0
	if len(addresses) > maxAddresses {
		left = len(addresses) - maxAddresses
		addresses = addresses[:maxAddresses]
	}
	conn, used, err := d.race(ctx, addresses, port)
	switch {
	case err != nil:
		d.remember(address, netip.Addr{})
		var fault *Error
		if errors.As(err, &fault) {
			fault.Name, fault.left = host, left
		}
		return nil, err
	case used != last:
		d.remember(address, used)
	}
	return conn, nil
}

func isAddress(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil
}

func (d *Dialer) connect(ctx context.Context, network, address string) (net.Conn, error) {
	if d.Connect != nil {
		return d.Connect(ctx, network, address)
	}
	return new(net.Dialer).DialContext(ctx, network, address)
}

func (d *Dialer) lookup(ctx context.Context, name string) ([]netip.Addr, error) {
	if d.Lookup != nil {
		return d.Lookup(ctx, name)
	}
	return net.DefaultResolver.LookupNetIP(ctx, "ip", name)
}

func (d *Dialer) last(name string) netip.Addr {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.worked[name]
}

// remember records the address that worked; the zero address deletes the record.
func (d *Dialer) remember(name string, a netip.Addr) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !a.IsValid() {
		delete(d.worked, name)
		return
	}
	if d.worked == nil || len(d.worked) >= maxNames {
		d.worked = make(map[string]netip.Addr)
	}
	d.worked[name] = a
}

// order returns the addresses, each once, in the order of the attempts: first, if it is
// among them, then the two families in turn, beginning with that of all[0].
func order(all []netip.Addr, first netip.Addr) []netip.Addr {
	var families [2][]netip.Addr // the preferred one, the other one
	seen := make(map[netip.Addr]bool)
	var ordered []netip.Addr
	for _, a := range all {
		a = a.Unmap()
		switch {
		case seen[a]:
		case a == first:
			ordered = append(ordered, a)
		case a.Is4() == all[0].Unmap().Is4():
			families[0] = append(families[0], a)
		default:
			families[1] = append(families[1], a)
		}
		seen[a] = true
	}
	for i := range max(len(families[0]), len(families[1])) {
		for _, f := range families {
			if i < len(f) {
				ordered = append(ordered, f[i])
			}
		}
	}
	return ordered
}

// try is the result of one attempt; i is the index of its address.
type try struct {
	i    int
	conn net.Conn
	err  error
}

// race tries the addresses and returns the first connection. The next address is
// tried as soon as all earlier tries have failed, or after a share of the time.
func (d *Dialer) race(ctx context.Context, addresses []netip.Addr, port string) (net.Conn, netip.Addr, error) {
	begin := time.Now()
	stagger := share(ctx, len(addresses))
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	tries, over := make(chan try), make(chan struct{})
	defer close(over)
	next := time.NewTimer(stagger)
	defer next.Stop()

	faults := make([]error, len(addresses))
	started, failed := 0, 0
	start := func() {
		i, address := started, addresses[started].String()
		started++
		next.Reset(stagger)
		go func() {
			conn, err := d.connect(ctx, "tcp", net.JoinHostPort(address, port))
			select {
			case tries <- try{i, conn, err}:
			case <-over: // another address was faster, or the time is over
				if err == nil {
					conn.Close()
				}
			}
		}()
	}
	start()
	for failed < len(addresses) {
		select {
		case t := <-tries:
			if t.err == nil {
				return t.conn, addresses[t.i], nil
			}
			faults[t.i] = t.err
			failed++
			if failed == started && started < len(addresses) && ctx.Err() == nil {
				start()
			}
		case <-next.C:
			if started < len(addresses) {
				start()
			}
		case <-ctx.Done():
			if len(addresses) == 1 && faults[0] == nil {
				// The error of the attempt is more precise than that of ctx.
				t := <-tries
				if t.err == nil {
					return t.conn, addresses[0], nil
				}
				return nil, netip.Addr{}, t.err
			}
			return nil, netip.Addr{}, newError(addresses, port, faults, started, time.Since(begin), ctx.Err())
		}
	}
	if len(addresses) == 1 {
		return nil, netip.Addr{}, faults[0]
	}
	return nil, netip.Addr{}, newError(addresses, port, faults, started, time.Since(begin), ctx.Err())
}

// share returns the wait for one of n addresses before the next one is tried. It
// leaves the last address as much time as the others.
func share(ctx context.Context, n int) time.Duration {
	deadline, ok := ctx.Deadline()
	if !ok {
		return maxStagger
	}
	return max(min(maxStagger, time.Until(deadline)/time.Duration(n+1)), 0)
}

// Error means that no address of a name could be connected to.
type Error struct {
	Name  string
	Tries []Failure // in the order of the attempts
	left  int       // number of addresses beyond maxAddresses
}

// Failure is an address with the error of its attempt.
type Failure struct {
	Address string // with the port
	Err     error
}

func newError(addresses []netip.Addr, port string, faults []error, started int, taken time.Duration, ended error) *Error {
	e := new(Error)
	for i, a := range addresses {
		f := Failure{net.JoinHostPort(a.String(), port), faults[i]}
		switch timedOut := errors.Is(f.Err, os.ErrDeadlineExceeded) || errors.Is(f.Err, context.DeadlineExceeded); {
		case i >= started:
			f.Err = errNotTried
		case f.Err == nil || timedOut:
			if ended == nil {
				ended = context.DeadlineExceeded
			}
			f.Err = &silence{taken.Round(time.Millisecond), ended}
		}
		e.Tries = append(e.Tries, f)
	}
	return e
}

var errNotTried = errors.New("not tried, the time was over")

// silence means that an address has not answered.
type silence struct {
	taken time.Duration
	ended error // the reason for not waiting longer
}

func (s *silence) Error() string {
	if errors.Is(s.ended, context.Canceled) {
		return s.ended.Error()
	}
	return fmt.Sprintf("no answer within %v", s.taken)
}

func (s *silence) Unwrap() error { return s.ended }

// Error returns each address with its cause.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "no address of %s can be connected to", e.Name)
	separator := ": "
	for _, f := range e.Tries {
		fmt.Fprintf(&b, "%s%s: %v", separator, f.Address, bare(f.Err))
		separator = "; "
	}
	if e.left > 0 {
		fmt.Fprintf(&b, "; %d more are not tried", e.left)
	}
	return b.String()
}

// bare returns err without the address, which the message has already.
func bare(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		err = op.Err
	}
	var sys *os.SyscallError
	if errors.As(err, &sys) {
		err = sys.Err
	}
	return err
}

// Unwrap returns the causes.
func (e *Error) Unwrap() []error {
	errs := make([]error, len(e.Tries))
	for i, f := range e.Tries {
		errs[i] = f.Err
	}
	return errs
}
