package haproxy

import (
	"bufio"
	"bytes"
	"context"
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

const (
	// maxServers bounds an answer to `show servers state`, and maxServersState its bytes.
	maxServers      = 1 << 21
	maxServersState = 1 << 29
	// maxServerLine bounds one of its lines.
	maxServerLine = 64 << 10
)

const showServersState = "show servers state"

// ReadServersState reads the answer to `show servers state`.
func ReadServersState(r io.Reader) ([]ServerAdmin, error) {
	found, _, err := readServersState(r, func(MaintReason) bool { return true })
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", showServersState, err)
	}
	return found, nil
}

// readServersState returns the wanted servers, and what it has read of r behind the
// answer.
func readServersState(r io.Reader, wanted func(MaintReason) bool) (found []ServerAdmin, rest []byte, err error) {
	lines := bufio.NewReaderSize(io.LimitReader(r, maxServersState), maxServerLine)
	var columns serverColumns
	for {
		line, err := lines.ReadSlice('\n')
		switch {
		case errors.Is(err, io.EOF):
			return nil, nil, ErrTruncated
		case err != nil:
			return nil, nil, err
		}
		line = bytes.TrimRight(line, "\r\n")
		switch {
		case len(line) == 0 && !columns.header:
			return nil, nil, ErrNoHeader
		case len(line) == 0:
			rest, _ = lines.Peek(lines.Buffered())
			return found, bytes.Clone(rest), nil
		case line[0] == '#':
			if columns, err = newServerColumns(line[1:]); err != nil {
				return nil, nil, err
			}
		case columns.header:
			s, ok := columns.read(line, wanted)
			if !ok {
				continue
			}
			if len(found) == maxServers {
				return nil, nil, fmt.Errorf("more than %d servers", maxServers)
			}
			found = append(found, s)
		case string(line) != serversStateVersion:
			return nil, nil, newTextError(line)
		}
	}
}

// serversStateVersion is the first line of the answer, of all versions of HAProxy.
const serversStateVersion = "1"

// serverColumns has the places of columns of `show servers state`.
type serverColumns struct {
	header                 bool
	backend, server, admin int
}

func newServerColumns(line []byte) (serverColumns, error) {
	names := strings.Fields(string(line))
	c := serverColumns{true, slices.Index(names, "be_name"), slices.Index(names, "srv_name"), slices.Index(names, "srv_admin_state")}
	if min(c.backend, c.server, c.admin) < 0 {
		return serverColumns{}, ErrNoHeader
	}
	return c, nil
}

// read reads a line. It reports whether the line is that of a wanted server.
func (c serverColumns) read(line []byte, wanted func(MaintReason) bool) (ServerAdmin, bool) {
	var backend, server, admin []byte
	i := 0
	for field := range bytes.FieldsSeq(line) {
		switch i {
		case c.backend:
			backend = field
		case c.server:
			server = field
		case c.admin:
			admin = field
		}
		i++
	}
	if i <= max(c.backend, c.server, c.admin) {
		return ServerAdmin{}, false
	}
	bits, err := strconv.ParseUint(string(admin), 10, 32)
	reason := maintReason(bits)
	if err != nil || !wanted(reason) {
		return ServerAdmin{}, false
	}
	return ServerAdmin{string(backend), string(server), reason}, true
}

// AppendServersState appends servers in the form of an answer to `show servers state`,
// with the columns that [ReadServersState] needs.
func AppendServersState(b []byte, servers []ServerAdmin) []byte {
	b = append(b, serversStateVersion+"\n# be_name srv_name srv_admin_state\n"...)
	for _, s := range servers {
		b = fmt.Appendf(b, "%s %s %d\n", s.Backend, s.Server, adminOf[s.Reason])
	}
	return append(b, '\n')
}

// adminOf has bits for each reason.
var adminOf = map[MaintReason]uint32{
	MaintForced: adminForced, MaintTracked: adminInherited, MaintConfigured: adminConfigured | adminForced, MaintResolution: adminResolution,
}

// Maintained asks for `show servers state` and returns the servers that are in
// maintenance. It makes one attempt, and never waits longer than ctx.
func (c *Client) Maintained(ctx context.Context, network, address string) ([]ServerAdmin, error) {
	s := &session{client: c, network: network, address: address}
	conn, err := s.dial(ctx)
	if err != nil {
		return nil, s.connectError(err, 1)
	}
	defer conn.Close()
	h := &Held{client: c, network: network, address: address, conn: conn}
	return h.Maintained(ctx)
}

// Maintained asks for `show servers state` and returns the servers that are in
// maintenance. After an error, the connection is useless.
func (h *Held) Maintained(ctx context.Context) ([]ServerAdmin, error) {
	const op = "read " + showServersState + " from"
	if err := h.send(ctx, showServersState+"\n"); err != nil {
		return nil, h.error(op, err)
	}
	for len(h.rest) == 0 || len(h.rest) < len(prompt) && bytes.HasPrefix(prompt, h.rest) {
		if err := h.more(); err != nil {
			return nil, h.error(op, err)
		}
	}
	found, rest, err := readServersState(io.MultiReader(bytes.NewReader(bytes.TrimPrefix(h.rest, prompt)), h.conn),
		func(reason MaintReason) bool { return reason != NotInMaint })
	if err != nil {
		return nil, h.error(op, err)
	}
	h.rest = rest
	return found, nil
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
