package pull

import (
	"errors"
	"time"
)

// silences is how many rounds in a row a socket that has never answered may close
// the connection without a byte until it is taken for another program's. HAProxy
// does so at a reload, for less than a round.
const silences = 3

// strangers remembers which sockets in SocketDir belong to other programs, or to
// HAProxy's master process: these are not asked in each round, and cost none.
type strangers map[string]*acquaintance // by path

// acquaintance is what is known of a socket in SocketDir.
type acquaintance struct {
	file   fileID
	stats  bool      // it has answered as a stats socket does
	silent int       // rounds in a row in which it did not say a byte
	until  time.Time // it is not asked before
	told   bool      // the log has said that it is ignored
}

// without returns the targets without strangers, and forgets sockets that are gone.
// A socket that was made anew is asked at once.
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

// meet takes down how a socket has answered, and reports whether it is a stranger
// and whether that is news. A socket that was a stats socket and fails is not.
func (s strangers) meet(t target, err error, now time.Time) (stranger, news bool) {
	a := s[t.Address]
	if a == nil {
		return false, false
	}
	if err == nil {
		a.stats = true
	}
	if a.silent++; !isSilent(err) {
		a.silent = 0
	}
	if a.stats || !isNotStats(err) && a.silent < silences {
		return false, false
	}
	news = !a.told
	a.told, a.until = true, now.Add(again)
	return true, news
}

// isNotStats reports whether the fetcher tells that a socket is not a stats socket.
func isNotStats(err error) bool {
	var e interface{ NotStats() bool }
	return errors.As(err, &e) && e.NotStats()
}

// isSilent reports whether the fetcher tells that a socket has closed the
// connection without a byte.
func isSilent(err error) bool {
	var e interface{ Silent() bool }
	return errors.As(err, &e) && e.Silent()
}
