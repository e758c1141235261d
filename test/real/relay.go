package real

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"text/template"
)

var relayTemplate = template.Must(template.New("relay.conf").Parse(`listen
    type linemode
        {{.Addr}} proto tcp
    ;
cluster graphite
    forward
        {{.To}}
    ;
match *
    send to graphite
    stop
    ;
`))

// RelayConfig says what kind of carbon-c-relay to start.
type RelayConfig struct {
	Binary string // as Find and Need return it
	Dir    string // gets its configuration
	To     string // address of the plaintext receiver behind it
	Port   int    // 0: a free one
}

// Relay is a running carbon-c-relay.
type Relay struct {
	Process *Process
	Addr    string // of the plaintext receiver
	Port    int    // the port of Addr
}

// StartRelay starts carbon-c-relay. It returns when it accepts connections.
func StartRelay(ctx context.Context, c RelayConfig) (*Relay, error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	return onFreePort(c.Port, func(port int) (*Relay, error) {
		return startRelay(ctx, c, port)
	})
}

func startRelay(ctx context.Context, c RelayConfig, port int) (*Relay, error) {
	r := &Relay{Port: port, Addr: net.JoinHostPort("127.0.0.1", strconv.Itoa(port))}
	conf := filepath.Join(c.Dir, "relay.conf")
	if err := writeTemplate(conf, relayTemplate, map[string]any{"Addr": r.Addr, "To": c.To}); err != nil {
		return nil, fmt.Errorf("start carbon-c-relay: %w", err)
	}
	// -s: no metrics of its own among those it passes on.
	var err error
	r.Process, err = StartProcess(Command{
		Name: "carbon-c-relay", Path: c.Binary, Args: []string{"-f", conf, "-s", "-w", "1"}, Dir: c.Dir,
	})
	if err != nil {
		return nil, err
	}
	err = r.Process.await(ctx, func(ctx context.Context) error { return reachable(ctx, r.Addr) })
	if err != nil {
		return nil, err
	}
	return r, nil
}

// Stop ends the relay, which passes on what it holds first.
func (r *Relay) Stop() error { return r.Process.Stop() }
