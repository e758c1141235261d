package doctor

import (
	"bufio"
	"context"
	"fmt"
	"io/fs"
	"strings"
	"time"
)

const (
	// connectionLimit is the number of connections that HAProxy allows to its stats
	// sockets by default; `stats maxconn` changes it.
	connectionLimit = 10
	// connectionMany leaves a reserve for one round, which may use two connections.
	connectionMany = connectionLimit - 2
)

// The states of sockets in /proc/net/unix.
const (
	stateWaiting  = "02" // connected, and not accepted yet
	stateAccepted = "03"
)

// secondLook is the pause before connections that wait to be accepted are counted
// again: most wait for less than a millisecond.
const secondLook = 100 * time.Millisecond

// Connections judges how many connections there are to a UNIX socket, while doctor
// has none to it. Real is the path without links. The kernel lists only the sockets
// of this network namespace. Root is the root of the host's files.
func Connections(ctx context.Context, root fs.FS, path, real string) Finding {
	a := about{"socket-connections", path}
	to, err := connections(root, path, real)
	if err == nil && to.waiting > 0 {
		again := time.NewTimer(secondLook)
		defer again.Stop()
		select {
		case <-again.C:
		case <-ctx.Done():
		}
		to, err = connections(root, path, real)
	}
	limit := fmt.Sprintf("HAProxy allows %d to all its stats sockets together, unless `stats maxconn` says otherwise", connectionLimit)
	remedy := "Set `stats maxconn` in HAProxy's section global. To see which programs hold the connections, run: ss -xp | grep " + shellQuote(path)
	switch {
	case err != nil:
		return a.skipped("connections can't be counted: %s", bare(err))
	case !to.listens:
		return a.skipped("connections can't be counted: HAProxy is in another namespace, or does not listen")
	case to.waiting > 0:
		return a.error(fmt.Sprintf("%s in use, and %d wait to be accepted: %s", count(to.accepted, "connection"), to.waiting, limit), remedy)
	case to.accepted >= connectionMany:
		return a.warning(fmt.Sprintf("%s in use: %s", count(to.accepted, "connection"), limit), remedy)
	}
	return a.ok("%s in use", count(to.accepted, "connection"))
}

// traffic has what the kernel lists about a socket.
type traffic struct {
	listens           bool
	accepted, waiting int // connections
}

func connections(root fs.FS, path, real string) (to traffic, err error) {
	f, err := root.Open("proc/net/unix")
	if err != nil {
		return to, err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) != 8 || !ofSocket(fields[7], path) && !ofSocket(fields[7], real) {
			continue
		}
		switch {
		case fields[3] == "00010000":
			to.listens = true
		case fields[5] == stateAccepted:
			to.accepted++
		case fields[5] == stateWaiting:
			to.waiting++
		}
	}
	return to, lines.Err()
}

// ofSocket reports whether a name in the kernel's list belongs to the socket.
// HAProxy binds it as path.<pid>.tmp and renames the file, so the kernel may list
// either.
func ofSocket(name, path string) bool {
	rest, ok := strings.CutPrefix(name, path)
	if !ok || rest == "" {
		return ok
	}
	number, ok := strings.CutSuffix(rest, ".tmp")
	return ok && len(number) > 1 && number[0] == '.' && strings.Trim(number[1:], "0123456789") == ""
}
