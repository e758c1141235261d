package config

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"unicode"
)

// Server is the address of a stats socket.
type Server struct {
	Network string // "tcp" or "unix", as for net.Dial
	Address string // "host:port", "[v6]:port" or a path
}

// String returns the server as a URL.
func (s Server) String() string { return s.Network + "://" + s.Address }

var serverList = kind[[]Server]{
	"list of URLs",
	"tcp://host:port, tcp://[v6]:port or unix:///path, separated by commas",
	parseServers,
}

// ParseServers parses a value of the option servers.
func ParseServers(text string) ([]Server, error) { return parseServers(text) }

// parseServers tolerates a comma at the end. It returns a server that is given twice
// only once, because its statistics would count double.
func parseServers(text string) ([]Server, error) {
	text = strings.TrimSuffix(strings.TrimSpace(text), ",")
	if text == "" {
		return nil, errors.New("the list is empty")
	}
	var servers []Server
	var faults []error
	seen := make(map[Server]bool)
	for i, part := range strings.Split(text, ",") {
		part = strings.TrimSpace(part)
		if part == "" {
			faults = append(faults, fmt.Errorf("entry %d is empty", i+1))
			continue
		}
		s, err := parseServer(part)
		if err != nil {
			faults = append(faults, fmt.Errorf("%q: %w", part, err))
			continue
		}
		if !seen[s] {
			seen[s] = true
			servers = append(servers, s)
		}
	}
	if len(faults) > 0 {
		return nil, joined(faults)
	}
	return servers, nil
}

func parseServer(text string) (Server, error) {
	if strings.ContainsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }) {
		return Server{}, &hinted{"contains white space", "Put a comma between two servers"}
	}
	scheme, rest, ok := strings.Cut(text, ":")
	switch {
	case ok && strings.EqualFold(scheme, "tcp"):
		return parseTCP(rest)
	case ok && strings.EqualFold(scheme, "unix"):
		return parseUNIX(rest)
	}
	return Server{}, errors.New("starts with neither tcp:// nor unix://")
}

func parseTCP(rest string) (Server, error) {
	rest, ok := strings.CutPrefix(rest, "//")
	if !ok {
		return Server{}, errors.New("two slashes are missing")
	}
	rest = strings.TrimSuffix(rest, "/")
	i := strings.LastIndexByte(rest, ':')
	if i < 0 || strings.HasSuffix(rest, "]") {
		return Server{}, errors.New("the port is missing")
	}
	name, portText := rest[:i], rest[i+1:]
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil || port == 0 {
		return Server{}, fmt.Errorf("the port %q is not a number from 1 to 65535", portText)
	}
	if bare, ok := strings.CutPrefix(name, "["); ok {
		addr, err := netip.ParseAddr(strings.TrimSuffix(bare, "]"))
		if err != nil || !addr.Is6() || strings.ContainsAny(addr.Zone(), "[]:") || !strings.HasSuffix(bare, "]") {
			return Server{}, fmt.Errorf("%s is not an IPv6 address in brackets", name)
		}
	} else if strings.Contains(name, ":") {
		return Server{}, errors.New("an IPv6 address needs brackets")
	} else if _, err := parseHost(name); err != nil {
		return Server{}, err
	} else {
		name = strings.ToLower(name)
	}
	return Server{"tcp", name + ":" + strconv.FormatUint(port, 10)}, nil
}

func parseUNIX(rest string) (Server, error) {
	if path, ok := strings.CutPrefix(rest, "//"); ok {
		if path != "" && path[0] != '/' {
			return Server{}, &hinted{"the path of a UNIX socket is not absolute", "Write three slashes: unix:///path"}
		}
		rest = path
	}
	if rest == "" || rest == "/" || rest[0] != '/' {
		return Server{}, errors.New("the path is missing")
	}
	return Server{"unix", rest}, nil
}
