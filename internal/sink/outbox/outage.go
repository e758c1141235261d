package outbox

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"time"

	"haproxystats/internal/sink"
)

// state is the state of the destination.
type state struct {
	confirmed time.Time // time of the last confirmation
	failures  int       // in a row since then; 0 while the destination is up
	since     time.Time // time of the first of these failures
	cause     error     // cause of the last of these failures
	next      time.Time // time before which nothing is tried

	queued   int       // failures in a row of the oldest batch in the queue
	suspect  *suspect  // is held until another batch shows that the destination works
	causes   []string  // that the log has named since it is down
	reminded time.Time // when the log said last that it is down
	theirs   bool      // the destination failed, and not only the queue
	deaf     bool      // the destination can be reached, and confirms no batch
}

// suspect is a batch that was not confirmed, while the destination seems to work.
type suspect struct {
	item sink.Item
	err  error
}

// sent records a confirmed batch, and that the destination is up.
func (o *Outbox) sent(peer string, metrics, bytes int64, queued bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.counts.Batches++
	o.counts.Metrics += metrics
	o.counts.Bytes += bytes
	if queued {
		o.counts.Resent++
	}
	if s := o.state.suspect; s != nil && !s.item.Refused {
		o.log.Warn("destination refuses a batch and takes others, which go on; the batch is tried again later",
			"snapshot", s.item.Epoch, "metrics", s.item.Metrics, "error", s.err)
	}
	if o.state.failures > 0 {
		batches, metrics := o.opt.Queue.Len()
		attrs := []any{
			"server", peer, "down", time.Since(o.state.since).Round(time.Millisecond),
			"batches_waited", batches, "metrics_waited", metrics,
		}
		if o.state.theirs {
			o.log.Info("destination is up again", attrs...)
		} else {
			o.log.Info("metrics in the queue can be sent again", attrs...)
		}
	}
	o.state = state{confirmed: time.Now()}
}

// refused records a batch from the queue that is held, because the destination seems
// to work and to refuse it. The next batch shows whether that is so.
func (o *Outbox) refused(i sink.Item, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.counts.Failures++
	if o.state.suspect == nil {
		o.state.suspect = &suspect{i, err}
	}
}

// failed records a failed attempt. Each failure of a batch from the queue counts;
// failures of several workers at once count as one.
func (o *Outbox) failed(err error, queued bool) {
	if errors.As(err, new(sink.HoldError)) {
		return // refused has recorded it
	}
	var f *fault
	theirs := errors.As(err, &f) && !f.ours
	o.mu.Lock()
	defer o.mu.Unlock()
	now := time.Now()
	if o.state.failures == 0 {
		o.state.since = now
	}
	if o.state.suspect != nil && theirs {
		// It has answered the question whether it works, and confirms neither batch.
		if !o.state.deaf {
			o.log.Warn("destination can be reached and confirms nothing, and gets the same metrics at each try", "error", err)
		}
		o.state.deaf = true
	}
	o.tell(err, theirs, now)
	if queued || o.state.failures == 0 {
		o.state.failures++
	}
	if queued {
		o.state.queued++
	}
	if o.state.suspect != nil {
		// The destination takes no other batch either: it is down, and the oldest batch
		// comes first again.
		o.state.suspect, o.state.queued = nil, 0
		o.opt.Queue.Release()
	}
	o.counts.Failures++
	o.state.theirs = o.state.theirs || theirs
	o.state.cause = err
	if o.state.deaf {
		o.state.cause = fmt.Errorf("the destination can be reached and confirms nothing: %w", err)
	}
	wait := o.opt.Pace.Wait(o.state.failures)
	if later := new(LaterError); errors.As(err, &later) {
		wait = max(wait, min(later.After, maxWait))
	}
	o.state.next = now.Add(wait)
}

const (
	// remindAfter is the interval at which the log reports a lasting outage.
	remindAfter = 10 * time.Minute
	// maxCauses bounds the causes of one outage that the log names.
	maxCauses = 16
)

// tell logs the first failure, each new cause, and a reminder now and then. mu is
// held.
func (o *Outbox) tell(err error, theirs bool, now time.Time) {
	cause := causeOf(err)
	known := slices.Contains(o.state.causes, cause)
	if !known && len(o.state.causes) < maxCauses {
		o.state.causes = append(o.state.causes, cause)
	}
	switch {
	case o.state.failures == 0 && theirs:
		o.log.Warn("destination is down, its metrics wait in the queue", "error", err)
	case o.state.failures == 0, theirs != o.state.theirs && !known && !theirs:
		o.log.Warn("metrics in the queue can't be sent, will try again", "error", err)
	case now.Sub(o.state.reminded) >= remindAfter:
		q := o.opt.Queue.Stats()
		o.log.Warn("destination is still down", "down", now.Sub(o.state.since).Round(time.Second), "batches", q.Batches,
			"metrics", q.Metrics, "bytes", q.Bytes, "oldest", q.Age(now).Round(time.Second), "error", err)
	case !known:
		o.log.Warn("destination is still down, for another reason", "error", err)
		return // this does not delay the reminder
	default:
		o.log.Debug("destination is still down", "error", err)
		return
	}
	o.state.reminded = now
}

// causeOf returns the text by which causes differ: the kernel's error, or the text
// without numbers, which differ with each connection.
func causeOf(err error) string {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno.Error()
	}
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return -1
		}
		return r
	}, err.Error())
}
