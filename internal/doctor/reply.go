package doctor

import (
	"errors"
	"fmt"
	"time"

	"haproxystats/internal/haproxy"
)

// Reply is how a socket has answered `show info` and `show stat`.
type Reply struct {
	Socket string
	// Err is why it has not.
	Err error
	// Took is how long it has taken, Limit the time for a whole round; 0 for
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
		return a.error(text, "HAProxy is stopped or too busy, or all connections that it allows are in use (10, see `stats maxconn`)")
	case r.Err != nil:
		hint, text := socketAdvice(r.Err)
		return a.error(text, hint)
	}
	text := fmt.Sprintf("it has answered %s in %v", size(uint64(r.Bytes)), milliseconds(r.Took))
	switch {
	case r.Limit > 0 && r.Took > r.Limit:
		return a.error(fmt.Sprintf("%s, which is longer than pull-timeout, %v", text, r.Limit), "raise pull-timeout, and pull-interval with it")
	case r.Limit > 0 && r.Took > r.Limit/2:
		return a.warning(fmt.Sprintf("%s, which is more than half of pull-timeout, %v", text, r.Limit), "raise pull-timeout")
	}
	return a.ok("%s", text)
}
