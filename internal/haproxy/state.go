package haproxy

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// ServerState is the state of a server. The numbers are in the order of HAProxy's
// Prometheus exporter.
type ServerState uint8

// The states of servers.
const (
	ServerDown  ServerState = iota
	ServerUp                // also while health checks fail, and without checks
	ServerMaint             // in maintenance
	ServerDrain             // takes no new clients
	ServerNOLB              // its check has answered 404, so it takes no new clients
)

var serverStates = map[string]ServerState{
	"UP": ServerUp, "DOWN": ServerDown, "MAINT": ServerMaint, "DRAIN": ServerDrain, "NOLB": ServerNOLB,
}

// MaintReason is why a server is in maintenance.
type MaintReason uint8

// The reasons.
const (
	NotInMaint   MaintReason = iota
	MaintForced              // by an operator or an agent
	MaintTracked             // the server that it tracks is
	MaintConfigured
	MaintResolution // its name has no address
)

// ServerStatus is the column status of a server.
type ServerStatus struct {
	State ServerState
	// Going is -1 while checks fail that have not brought the server down yet, and 1 while
	// they succeed and have not brought it up yet, else 0.
	Going int
	// Have of Of checks are left until the state changes; Of is 0 without such a count.
	// Just after a start, Have may be 0 or negative.
	Have, Of int
	// Reason is why the server is in maintenance, as far as the text tells:
	// MaintForced stands for MaintConfigured, too.
	Reason MaintReason
	// NoCheck reports whether the server has no health check.
	NoCheck bool
}

// ErrStatus means that a text is not a status.
var ErrStatus = errors.New("not a status of HAProxy's")

// ParseServerStatus parses the column status of a server, of any version. Text that
// follows the known words is ignored, because it may grow.
func ParseServerStatus(text string) (ServerStatus, error) {
	if text == "no check" || strings.HasPrefix(text, "no check ") {
		return ServerStatus{State: ServerUp, NoCheck: true}, nil
	}
	word, rest, _ := strings.Cut(text, " ")
	state, ok := serverStates[word]
	if !ok {
		return ServerStatus{}, fmt.Errorf("%w: %.60q", ErrStatus, text)
	}
	s := ServerStatus{State: state}
	if state == ServerMaint {
		switch {
		case strings.HasPrefix(rest, "(via "):
			s.Reason = MaintTracked
		case strings.HasPrefix(rest, "(resolution)"):
			s.Reason = MaintResolution
		default:
			s.Reason = MaintForced
		}
		return s, nil
	}
	fraction, _, _ := strings.Cut(rest, " ")
	have, of, ok := strings.Cut(fraction, "/")
	if !ok {
		return s, nil
	}
	a, err1 := strconv.Atoi(have)
	b, err2 := strconv.Atoi(of)
	if err1 != nil || err2 != nil || b <= 0 {
		return s, nil
	}
	s.Have, s.Of, s.Going = a, b, -1
	if state == ServerDown {
		s.Going = 1
	}
	return s, nil
}

// Health returns the share of checks that are left, from 0 to 1; and of a server
// without such a count 1 if it is up and 0 if it is down.
func (s ServerStatus) Health() float64 {
	switch {
	case s.Of > 0:
		return float64(min(max(s.Have, 0), s.Of)) / float64(s.Of)
	case s.State == ServerDown:
		return 0
	}
	return 1
}

// CheckResults are the results of health checks and agent checks, in the order of
// HAProxy's Prometheus exporter.
var CheckResults = []string{
	"UNK", "INI", "CHECKED", "HANA", "SOCKERR", "L4OK", "L4TOUT", "L4CON", "L6OK", "L6TOUT", "L6RSP", "L7OK", "L7OKC", "L7TOUT",
	"L7RSP", "L7STS", "PROCERR", "PROCTOUT", "PROCOK",
}

// ParseCheckStatus returns the index of a check's result in CheckResults, and whether a
// check runs now. It returns -1 if there is no result, as while checks are paused.
func ParseCheckStatus(text string) (result int, running bool, err error) {
	text, running = strings.CutPrefix(text, "* ")
	if text == "" {
		return -1, running, nil
	}
	if result = slices.Index(CheckResults, text); result < 0 {
		return -1, running, fmt.Errorf("%w: %.60q", ErrStatus, text)
	}
	return result, running, nil
}

// The bits of a server's administrative state.
const (
	adminForced     = 0x01
	adminInherited  = 0x02
	adminConfigured = 0x04
	adminResolution = 0x20
)

// ServerAdmin is what `show servers state` tells of a server.
type ServerAdmin struct {
	Backend, Server string
	Reason          MaintReason
}

// maxServers bounds an answer to `show servers state`.
const maxServers = 1 << 21

// ReadServersState reads the answer to `show servers state`.
func ReadServersState(r io.Reader) ([]ServerAdmin, error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, 4096), 64<<10)
	var backend, name, admin int
	header := false
	var found []ServerAdmin
	for lines.Scan() {
		line := lines.Bytes()
		switch {
		case len(line) == 0:
			return found, nil
		case bytes.HasPrefix(line, []byte("#")):
			columns := strings.Fields(strings.TrimPrefix(string(line), "#"))
			backend, name, admin = slices.Index(columns, "be_name"), slices.Index(columns, "srv_name"), slices.Index(columns, "srv_admin_state")
			if backend < 0 || name < 0 || admin < 0 {
				return nil, fmt.Errorf("read show servers state: %w", ErrNoHeader)
			}
			header = true
		case header:
			fields := strings.Fields(string(line))
			if len(fields) <= max(backend, name, admin) {
				continue
			}
			bits, err := strconv.ParseUint(fields[admin], 10, 32)
			if err != nil {
				continue
			}
			if len(found) == maxServers {
				return nil, fmt.Errorf("read show servers state: more than %d servers", maxServers)
			}
			found = append(found, ServerAdmin{fields[backend], fields[name], maintReason(bits)})
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read show servers state: %w", err)
	}
	return nil, fmt.Errorf("read show servers state: %w", ErrTruncated)
}

// maintReason returns the reason in the bits. A server that is in maintenance by its
// configuration has the bit of a forced one, too, until somebody changes it.
func maintReason(bits uint64) MaintReason {
	switch {
	case bits&adminResolution != 0:
		return MaintResolution
	case bits&adminConfigured != 0 && bits&adminForced != 0:
		return MaintConfigured
	case bits&adminForced != 0:
		return MaintForced
	case bits&adminInherited != 0:
		return MaintTracked
	}
	return NotInMaint
}
