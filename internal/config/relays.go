package config

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
)

// Relay is a Graphite server or relay.
type Relay struct {
	Host string
	Port int
}

var relayList = kind[[]Relay]{
	"list of hosts",
	"host, host:port or [v6]:port, with a host name or an IP address, separated by commas",
	parseRelays,
}

// ParseRelays parses a value of the option server in [graphite]. A port that is not given
// is 0.
func ParseRelays(text string) ([]Relay, error) { return parseRelays(text) }

// parseRelays returns 0 for ports that are not given. It tolerates a comma at the end.
func parseRelays(text string) ([]Relay, error) {
	text = strings.TrimSuffix(strings.TrimSpace(text), ",")
	parts := strings.Split(text, ",")
	var relays []Relay
	var faults []error
	for i, part := range parts {
		part = strings.TrimSpace(part)
		relay, err := parseRelay(part)
		switch {
		case err == nil:
			relays = append(relays, relay)
		case len(parts) == 1:
			return nil, err
		case part == "":
			faults = append(faults, fmt.Errorf("entry %d is empty", i+1))
		default:
			faults = append(faults, fmt.Errorf("%q: %w", part, err))
		}
	}
	if len(faults) > 0 {
		return nil, joined(faults)
	}
	return relays, nil
}

func parseRelay(text string) (Relay, error) {
	if strings.Contains(text, "://") {
		return Relay{}, errors.New("a URL is not accepted")
	}
	if name, err := parseHost(text); err == nil || !strings.Contains(text, ":") {
		return Relay{Host: name}, err
	}
	name, portText, err := net.SplitHostPort(text)
	if err != nil {
		return Relay{}, &hinted{"neither host:port nor an IPv6 address", "Write an IPv6 address with a port as [v6]:port"}
	}
	if strings.HasPrefix(text, "[") != strings.Contains(name, ":") {
		return Relay{}, errors.New("only an IPv6 address stands in brackets")
	}
	if name, err = parseHost(name); err != nil {
		return Relay{}, err
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil || port == 0 {
		return Relay{}, fmt.Errorf("the port %q is not a number from 1 to 65535", portText)
	}
	return Relay{name, int(port)}, nil
}
