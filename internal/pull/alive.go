package pull

import "time"

// overdue is the time beyond Timeout after which a round counts as stuck: the
// replies must still be made durable.
const overdue = time.Minute

// pulse gives signs of life during a wait.
type pulse struct {
	alive func()
	beat  *time.Ticker // nil: not wanted
}

func (p *Puller) pulse() pulse {
	if p.Alive == nil {
		return pulse{}
	}
	return pulse{p.Alive, time.NewTicker(p.AliveInterval)}
}

// attend waits for done, or for a change, which it returns. After limit it gives no more
// signs of life, unless limit is 0.
func (p pulse) attend(done <-chan struct{}, changes <-chan func(*Puller), limit time.Duration) func(*Puller) {
	var beat <-chan time.Time
	if p.beat != nil {
		beat = p.beat.C
	}
	start := time.Now()
	for {
		select {
		case <-done:
			return nil
		case change := <-changes:
			return change
		case <-beat:
			if limit == 0 || time.Since(start) <= limit {
				p.alive()
			}
		}
	}
}

func (p pulse) stop() {
	if p.beat != nil {
		p.beat.Stop()
	}
}

// roundLimit returns the time after which a round counts as stuck; 0 if the operator
// has set no bound.
func (p *Puller) roundLimit() time.Duration {
	if p.Timeout <= 0 {
		return 0
	}
	return p.Timeout + overdue
}
