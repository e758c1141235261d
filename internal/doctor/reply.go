package doctor

import (
	"errors"
	"fmt"
	"time"

	"haproxystats/internal/haproxy"
)

// Reply is the result of asking a socket `show info` and `show stat`.
type Reply struct {
	Socket string
	// Err is the reason of a failure.
	Err error
	// Took is the duration of the reply; Limit is the time for a whole round, 0 for
	// none.
	Took, Limit time.Duration
	Bytes       int64
}

// Answer judges a reply.
func Answer(r Reply) Finding {
	a := about{"socket-reply", r.Socket}
	switch {
	case errors.Is(r.Err, haproxy.ErrTimeout):
		_, text := socketAdvice(r.Err)
		return a.error(text, "See whether HAProxy is stopped, is too busy, or has all its connections in use: it allows 10 unless `stats maxconn` says otherwise")
	case r.Err != nil:
		hint, text := socketAdvice(r.Err)
		return a.error(text, hint)
	}
	text := fmt.Sprintf("it has answered %s in %v", size(uint64(r.Bytes)), milliseconds(r.Took))
	switch {
	case r.Limit > 0 && r.Took > r.Limit:
		return a.error(fmt.Sprintf("%s, which is longer than pull-timeout, %v", text, r.Limit), "Raise pull-timeout, and pull-interval with it")
	case r.Limit > 0 && r.Took > r.Limit/2:
		return a.warning(fmt.Sprintf("%s, which is more than half of pull-timeout, %v", text, r.Limit), "Raise pull-timeout")
	}
	return a.ok("%s", text)
}
