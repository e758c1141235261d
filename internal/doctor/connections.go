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
	// connectionLimit is how many connections HAProxy allows to its stats
	// sockets, unless `stats maxconn` says otherwise.
	connectionLimit = 10
	// connectionMany leaves a reserve for one round, which may take two.
	connectionMany = connectionLimit - 2
)

// The states of sockets in /proc/net/unix.
const (
	stateWaiting  = "02" // connected, and not accepted yet
	stateAccepted = "03"
)

// secondLook is when a connection is looked for again that waited to be
// accepted: most do so for less than a millisecond.
const secondLook = 100 * time.Millisecond

// Connections judges how many connections there are to a UNIX socket, of which
// ours is none. Real is the path without links. What it sees is that of the
// network's namespace. Root is the root of the host's files.
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
	remedy := "see who holds them: ss -xp | grep " + shellQuote(path) + "; and set `stats maxconn` in HAProxy's section global"
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

// traffic is what the kernel knows of a socket.
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

// ofSocket reports whether a name in the kernel's list is that of the socket.
// HAProxy binds it by another one, path.<pid>.tmp, and renames the file.
func ofSocket(name, path string) bool {
	rest, ok := strings.CutPrefix(name, path)
	if !ok || rest == "" {
		return ok
	}
	number, ok := strings.CutSuffix(rest, ".tmp")
	return ok && len(number) > 1 && number[0] == '.' && strings.Trim(number[1:], "0123456789") == ""
}
