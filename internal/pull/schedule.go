package pull

import "time"

// schedule holds rounds on the phase of the first one: a round that takes long
// doesn't move the later ones. It follows the wall clock, which may be set at
// any time.
type schedule struct {
	interval time.Duration
	phase    int64 // of every slot modulo interval, in ns
	slot     int64 // start of the present round as planned, in ns since 1970
	named    int64 // the second that names the present round
	// due is when the present round was to begin, by the monotonic clock, which
	// nobody sets.
	due time.Time
}

func newSchedule(start time.Time, interval time.Duration) *schedule {
	n := start.UnixNano()
	return &schedule{interval: interval, phase: modulo(n, int64(interval)), slot: n, due: start}
}

// next moves on to the first slot after now and returns the time until then, and
// how many slots have passed without a round. A clock that is set makes slots pass,
// too; these are not counted.
func (s *schedule) next(now time.Time) (pause time.Duration, missed int) {
	n, interval, before := now.UnixNano(), int64(s.interval), s.slot
	late := int64(now.Sub(s.due)) / interval
	slot := n - modulo(n-s.phase, interval) + interval
	if slot <= s.slot && s.slot-n < interval {
		// The clock was set back a little, or the timer ran ahead of it: this
		// slot had its round.
		slot = s.slot + interval
	}
	if time.Unix(0, slot).Unix() == s.named {
		// The program was suspended, and its late round took this second.
		slot += interval
		if late > 0 {
			late++
		}
	}
	pause = time.Duration(slot - n)
	missed = int(max(0, min((slot-before)/interval-1, late)))
	s.slot, s.due = slot, now.Add(pause)
	return pause, missed
}

// epoch returns the second that names the present round. It is the planned one:
// timers fire a little late, and near the end of a second the real ones would
// make two rounds of one second and none of the next. Where the clock has been
// set meanwhile it is the real one.
func (s *schedule) epoch(now time.Time) int64 {
	s.named = time.Unix(0, s.slot).Unix()
	if late := now.Sub(time.Unix(0, s.slot)).Abs(); late > time.Second {
		s.named = now.Unix()
	}
	return s.named
}

// skew returns how long after its slot the present round begins.
func (s *schedule) skew(now time.Time) time.Duration {
	return max(0, now.Sub(time.Unix(0, s.slot)))
}

func modulo(n, m int64) int64 { return (n%m + m) % m }
