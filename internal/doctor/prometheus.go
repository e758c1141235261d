package doctor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"syscall"
	"time"

	"haproxystats/internal/config"
	"haproxystats/internal/status"
	"haproxystats/internal/tlsfile"
)

// Endpoint is an address of [prometheus], and who listens there.
type Endpoint struct {
	Address string
	// Taken tells that a program accepts connections there, and Err why that is not known.
	Taken bool
	Err   error
	// Ours tells that our program runs, and that it can be scraped.
	Ours bool
	// Open tells that other hosts can reach the address, and that neither users nor clients'
	// certificates are asked for. Plain tells that passwords travel unencrypted.
	Open, Plain bool
}

// endpointLimit bounds a connection to an address.
const endpointLimit = time.Second

// prometheus looks at the addresses of [prometheus].
func (r *run) prometheus(ctx context.Context, c *config.Config, program config.Program) []Finding {
	p := c.Prometheus
	ours := isScraped(ctx, c, program)
	var found []Finding
	for _, address := range p.Listen {
		e := Endpoint{Address: address, Ours: ours}
		remote := !config.Prometheus{Listen: []string{address}}.IsLocal()
		e.Open = remote && p.UsersFile == "" && p.ClientCAFile == ""
		e.Plain = remote && p.UsersFile != "" && p.CertFile == ""
		e.Taken, e.Err = isTaken(ctx, address)
		found = append(found, Prometheus(e)...)
	}
	if p.CertFile != "" {
		if end, err := (tlsfile.Files{CertFile: p.CertFile}).OwnExpiry(); err == nil {
			found = append(found, expiry(about{"certificate", p.CertFile}, "the certificate of [prometheus]", end, time.Now()))
		}
	}
	return found
}

// isScraped reports whether the program runs and has an endpoint.
func isScraped(ctx context.Context, c *config.Config, program config.Program) bool {
	socket := c.Process.StatusSocket
	if program == config.ForCentral {
		socket = c.Central.StatusSocket
	}
	if socket == "" {
		return false
	}
	said, err := status.Ask(ctx, socket)
	return err == nil && said.Program == string(program) && said.Process != nil &&
		slices.ContainsFunc(said.Process.Sinks, func(s status.Sink) bool { return s.Name == "prometheus" })
}

// filesOfPrometheus returns the files that [prometheus] names.
func filesOfPrometheus(c *config.Config) (files []needed) {
	p := c.Prometheus
	for _, n := range []needed{
		{"cert-file of [prometheus]", p.CertFile},
		{"key-file of [prometheus]", p.KeyFile},
		{"client-ca-file of [prometheus]", p.ClientCAFile},
		{"users-file of [prometheus]", p.UsersFile},
	} {
		if n.path != "" {
			files = append(files, n)
		}
	}
	return files
}

// isTaken reports whether a program accepts connections at an address.
func isTaken(ctx context.Context, address string) (bool, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return false, err
	}
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
		host = "localhost"
	}
	dialer := net.Dialer{Timeout: endpointLimit}
	c, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(host, port))
	if errors.Is(err, syscall.ECONNREFUSED) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, c.Close()
}

// Prometheus judges an address of [prometheus].
func Prometheus(e Endpoint) []Finding {
	a := about{"prometheus", e.Address}
	var found []Finding
	switch {
	case e.Err != nil:
		found = append(found, a.error(fmt.Sprintf("it can't be reached from this host: %v", e.Err), "Set listen in [prometheus] to an address of this host"))
	case e.Taken && e.Ours:
		found = append(found, a.ok("it accepts connections"))
	case e.Taken:
		found = append(found, a.error("another program listens there", "Set listen in [prometheus] to another port, or stop that program"))
	case e.Ours:
		found = append(found, a.error("nobody listens there, although the program runs", "Restart the program, so that it uses the present configuration"))
	default:
		found = append(found, a.ok("the port is free"))
	}
	switch {
	case e.Open:
		found = append(found, a.warning("whoever reaches this host can read all metrics", "Set users-file with cert-file, or client-ca-file in [prometheus], or let a firewall admit Prometheus only"))
	case e.Plain:
		found = append(found, a.warning("passwords are sent unencrypted", "Set cert-file and key-file in [prometheus]"))
	}
	return found
}
