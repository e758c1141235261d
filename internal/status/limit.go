package status

import (
	"net"
	"time"
)

const (
	// perSecond bounds the answers to a process in a second, so that a process that
	// asks in a loop takes no time from the program and from other clients.
	perSecond = 100
	// maxClients bounds the clients that are counted apart within a second.
	maxClients = 1024
)

// limits counts the answers of a second, for each client.
type limits struct {
	second int64
	asked  map[client]int
}

// client is a process, or only its user if the process is in another PID namespace.
type client struct{ pid, uid int }

// admits reports whether the client at the other end of the connection gets an
// answer now.
func (l *limits) admits(c net.Conn, now time.Time) bool {
	return l.count(clientOf(c), now) <= perSecond
}

func (l *limits) count(a client, now time.Time) int {
	if second := now.Unix(); l.asked == nil || second != l.second || len(l.asked) >= maxClients {
		l.second, l.asked = second, make(map[client]int)
	}
	l.asked[a]++
	return l.asked[a]
}
