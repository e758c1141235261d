package pull

import (
	"errors"
	"maps"
	"slices"
	"time"
)

// silences is the number of rounds in a row after which a silent socket, which
// closes the connection without a byte and has never answered, counts as another
// program's. HAProxy is silent during a reload, for less than a round.
const silences = 3

// strangers remembers the sockets in SocketDir that belong to other programs, or to
// HAProxy's master process: they are not asked in each round, and fail none.
type strangers map[string]*acquaintance // by path

// acquaintance is what is known of a socket in SocketDir.
type acquaintance struct {
	file   fileID
	stats  bool      // it has answered as a stats socket
	silent int       // rounds in a row without a byte
	until  time.Time // the next time to ask it
	told   bool      // the log has said that it is ignored
	master bool      // it is the command line of HAProxy's master
}

// without returns the targets without strangers, and forgets sockets that have gone.
// A socket that was made again is asked at once, unless it was that of a master, which
// makes it again with each reload and then does not answer for a while.
func (s *strangers) without(targets []target, now time.Time) []target {
	there := make(strangers, len(targets))
	var asked []target
	for _, t := range targets {
		a := (*s)[t.Address]
		switch {
		case t.listed:
			a = nil
		case a == nil:
			a = &acquaintance{file: t.file}
		case a.file != t.file && a.master:
			a.file = t.file
		case a.file != t.file:
			a = &acquaintance{file: t.file, stats: a.stats}
		}
		if a != nil {
			there[t.Address] = a
		}
		if a == nil || !now.Before(a.until) {
			asked = append(asked, t)
		}
	}
	*s = there
	return asked
}

// meet records how a socket has answered. It reports whether the socket is a
// stranger, and whether that is new. A stats socket that fails is not a stranger, and a
// stranger that fails stays one.
func (s strangers) meet(t target, err error, now time.Time) (stranger, news bool) {
	a := s[t.Address]
	if a == nil {
		return false, false
	}
	if err == nil {
		a.stats, a.master = true, false
	}
	if a.silent++; !isSilent(err) {
		a.silent = 0
	}
	if a.stats || !a.told && !isNotStats(err) && a.silent < silences {
		return false, false
	}
	a.master = a.master || isMaster(err)
	news = !a.told
	a.told, a.until = true, now.Add(again)
	return true, news
}

// isNotStats reports whether err means that a socket is not a stats socket.
func isNotStats(err error) bool {
	var e interface{ NotStats() bool }
	return errors.As(err, &e) && e.NotStats()
}

// masters returns the paths of masters' sockets, sorted.
func (s strangers) masters() []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(s)), func(path string) bool { return !s[path].master })
}

// isMaster reports whether err means that a socket is the command line of HAProxy's
// master.
func isMaster(err error) bool {
	var e interface{ Master() bool }
	return errors.As(err, &e) && e.Master()
}

// isSilent reports whether err means that a socket has closed the connection without
// a byte.
func isSilent(err error) bool {
	var e interface{ Silent() bool }
	return errors.As(err, &e) && e.Silent()
}
