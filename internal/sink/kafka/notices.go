package kafka

import (
	"log/slog"
	"sync"
	"time"
)

// quiet is the time for which a notice is not repeated.
const quiet = time.Minute

// notices tell an operator of records that need attention, each kind once a while.
type notices struct {
	log *slog.Logger

	mu   sync.Mutex
	told map[string]time.Time // by kind
	left int64                // metrics that were left out since that was told
}

// due reports whether a notice of that kind is to be told now.
func (n *notices) due(kind string) bool {
	now := time.Now()
	if last, ok := n.told[kind]; ok && now.Sub(last) < quiet {
		return false
	}
	if n.told == nil || len(n.told) >= maxTopics {
		n.told = make(map[string]time.Time)
	}
	n.told[kind] = now
	return true
}

// clock tells that a topic refuses the time of records.
func (n *notices) clock(i *item) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.due("clock " + i.Topic) {
		n.log.Warn("broker refuses the time of records, which get the present one; check the clocks of this host and of the brokers",
			"topic", i.Topic, "snapshot", i.Timestamp.Unix())
	}
}

// smaller tells that the batches of a topic are made smaller.
func (n *notices) smaller(i *item, most int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.due("smaller " + i.Topic) {
		n.log.Info("topic refuses batches of records as too large, they are made smaller", "topic", i.Topic, "bytes", most, "error", i.err)
	}
}

// dropped tells that a record is left out.
func (n *notices) dropped(i *item, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.left += i.metrics
	if n.due("dropped " + i.Topic) {
		n.log.Error("topic does not take a record, its metrics are left out", "topic", i.Topic, "bytes", len(i.Value), "metrics", n.left, "error", err)
		n.left = 0
	}
}
