package pull

import "time"

// misses counts rounds that were not made because their time had passed: the round
// before or the disk took too long, or the program or its machine was stopped.
type misses struct {
	untold int       // not yet logged
	since  int       // since the last snapshot that was stored
	told   time.Time // when misses were last logged
}

// miss records n missed rounds, before or during a round that took so long. It logs
// a burst once, and again every ten minutes while rounds are missed.
func (p *Puller) miss(n int, took time.Duration) {
	if n == 0 {
		return
	}
	now := time.Now()
	if p.Observer != nil {
		p.Observer.RoundsMissed(now, n)
	}
	p.misses.untold += n
	p.misses.since += n
	if !p.misses.told.IsZero() && now.Sub(p.misses.told) < again {
		return
	}
	hint := "See whether the program or its machine was stopped for a while"
	if took >= p.Interval {
		hint = "See whether sockets or the disk are slow: a round takes longer than pull-interval"
	}
	p.log().Warn("rounds missed, their time has passed", "missed", p.misses.untold, "duration", took, "hint", hint)
	p.misses.untold, p.misses.told = 0, now
}
