package pull

import "time"

// schedule keeps rounds at the phase of the first one: a slow round does not move
// the later ones. It follows the wall clock, which may be set at any time.
type schedule struct {
	interval time.Duration
	phase    int64 // of every slot modulo interval, in ns
	slot     int64 // planned start of the present round, in ns since 1970
	named    int64 // the second that names the present round
	// due is the planned start of the present round by the monotonic clock, which can't
	// be set.
	due time.Time
}

func newSchedule(start time.Time, interval time.Duration) *schedule {
	n := start.UnixNano()
	return &schedule{interval: interval, phase: modulo(n, int64(interval)), slot: n, due: start}
}

// next advances to the first slot after now. It returns the time until then, and the
// number of slots that passed without a round. Slots that passed because the clock
// was set do not count.
func (s *schedule) next(now time.Time) (pause time.Duration, missed int) {
	n, interval, before := now.UnixNano(), int64(s.interval), s.slot
	late := int64(now.Sub(s.due)) / interval
	slot := n - modulo(n-s.phase, interval) + interval
	if slot <= s.slot && s.slot-n < interval {
		// The clock was set back a little, or the timer was early: this slot had its round.
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

// change returns the time from now until the next slot, which has been planned, with
// another interval: it is as long after the slot before, unless that has passed.
func (s *schedule) change(interval time.Duration, now time.Time) time.Duration {
	if interval != s.interval {
		move := max(interval-s.interval, now.Sub(s.due))
		if time.Unix(0, s.slot+int64(move)).Unix() == s.named { // that second has its round
			move += time.Second
		}
		s.interval, s.slot, s.due = interval, s.slot+int64(move), s.due.Add(move)
		s.phase = modulo(s.slot, int64(interval))
	}
	return s.due.Sub(now)
}

// epoch returns the second that names the present round: the planned one. Timers
// fire a little late, and near the end of a second the real time would give two
// rounds the same second and the next second none. If the clock was set meanwhile,
// epoch returns the real second.
func (s *schedule) epoch(now time.Time) int64 {
	s.named = time.Unix(0, s.slot).Unix()
	if late := now.Sub(time.Unix(0, s.slot)).Abs(); late > time.Second {
		s.named = now.Unix()
	}
	return s.named
}

// skew returns the delay of the present round after its slot.
func (s *schedule) skew(now time.Time) time.Duration {
	return max(0, now.Sub(time.Unix(0, s.slot)))
}

func modulo(n, m int64) int64 { return (n%m + m) % m }
