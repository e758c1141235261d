package status

import (
	"net"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// perSecond is how many answers a process gets in a second: one that asks
	// more often must not use up the time of the program and of the others.
	perSecond = 100
	// maxAskers bounds how many processes are told apart within a second.
	maxAskers = 1024
)

// limits counts the answers of a second, for each client.
type limits struct {
	second int64
	asked  map[asker]int
}

// asker is a process, or a user where the process can't be seen from here.
type asker struct{ pid, uid int }

// admits reports whether who has connected gets an answer now.
func (l *limits) admits(c net.Conn, now time.Time) bool {
	return l.count(askerOf(c), now) <= perSecond
}

func (l *limits) count(a asker, now time.Time) int {
	if second := now.Unix(); l.asked == nil || second != l.second || len(l.asked) >= maxAskers {
		l.second, l.asked = second, make(map[asker]int)
	}
	l.asked[a]++
	return l.asked[a]
}

// askerOf returns who has connected, or nobody in particular.
func askerOf(c net.Conn) (a asker) {
	socket, ok := c.(*net.UnixConn)
	if !ok {
		return a
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return a
	}
	_ = raw.Control(func(fd uintptr) {
		if peer, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); err == nil {
			a = asker{int(peer.Pid), int(peer.Uid)}
		}
	})
	return a
}
