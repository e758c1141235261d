package doctor

import (
	"bufio"
	"fmt"
	"io/fs"
	"strings"
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

// Connections judges how many connections there are to a UNIX socket, of which
// ours is none. What it sees is that of the network's namespace. Root is the
// root of the host's files.
func Connections(root fs.FS, path string) Finding {
	a := about{"socket-connections", path}
	f, err := root.Open("proc/net/unix")
	if err != nil {
		return a.skipped("connections can't be counted: %s", bare(err))
	}
	defer f.Close()
	listens, accepted, waiting := false, 0, 0
	for lines := bufio.NewScanner(f); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) != 8 || !ofSocket(fields[7], path) {
			continue
		}
		switch {
		case fields[3] == "00010000":
			listens = true
		case fields[5] == stateAccepted:
			accepted++
		case fields[5] == stateWaiting:
			waiting++
		}
	}
	limit := fmt.Sprintf("HAProxy allows %d to all its stats sockets together, unless `stats maxconn` says otherwise", connectionLimit)
	remedy := "see who holds them: ss -xp | grep " + path + "; and set `stats maxconn` in HAProxy's section global"
	switch {
	case !listens:
		return a.skipped("connections can't be counted: HAProxy is in another namespace, or does not listen")
	case waiting > 0:
		return a.error(fmt.Sprintf("%s in use, and %d wait to be accepted: %s", count(accepted, "connection"), waiting, limit), remedy)
	case accepted >= connectionMany:
		return a.warning(fmt.Sprintf("%s in use: %s", count(accepted, "connection"), limit), remedy)
	}
	return a.ok("%s in use", count(accepted, "connection"))
}

// ofSocket tells whether a name in the kernel's list is that of the socket.
// HAProxy binds it by another one, path.<pid>.tmp, and renames the file.
func ofSocket(name, path string) bool {
	rest, ok := strings.CutPrefix(name, path)
	if !ok || rest == "" {
		return ok
	}
	number, ok := strings.CutSuffix(rest, ".tmp")
	return ok && len(number) > 1 && number[0] == '.' && strings.Trim(number[1:], "0123456789") == ""
}
