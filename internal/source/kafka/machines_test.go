package kafka

import (
	"fmt"
	"testing"
	"time"

	"haproxystats/internal/aggregate"
	"haproxystats/internal/kafka/wire"
	"haproxystats/internal/window"
)

// TestMachinesOfOneName: windows find two machines that send raw snapshots under one name,
// also if one of them always comes first, and no second machine where there is only one.
func TestMachinesOfOneName(t *testing.T) {
	const base, interval = 1_700_000_000, 10
	for _, c := range []struct {
		name string
		// sent has the machines that send the snapshot of each interval, in order.
		sent []string
		want string
	}{
		{"one", []string{"a", "a", "a", "a", "a", "a"}, "[]"},
		{"one of two always comes first", []string{"ab", "ab", "ab", "ab", "ab", "ab"}, "[{n a b}]"},
		{"the second lags behind", []string{"a", "ab", "ab", "ab", "ab", "ab", "ab"}, "[{n a b}]"},
		{"each comes first now and then", []string{"ab", "ba", "ba", "ab", "ab", "ba"}, "[{n a b}]"},
		{"three", []string{"abc", "abc", "abc", "abc", "abc", "abc"}, "[{n a c}]"},
		{"the same sends again", []string{"aa", "aa", "aaa", "aa", "aa", "aa"}, "[]"},
		{"a program starts again and sends again", []string{"a", "ab", "b", "b", "bc", "c", "cd", "d", "de", "e", "e"}, "[]"},
		{"machines are not known", []string{"a-", "-a", "a-", "-a", "a-", "-a"}, "[]"},
	} {
		s := &Snapshots{recent: make(map[string]*arrivals)}
		log := window.NewLog(func(string) window.Options {
			return window.Options{
				Interval: interval * time.Second, Grace: time.Second, Late: time.Minute, NodeExpiry: time.Minute,
				NewAggregator: func() window.Aggregator { return aggregate.New(aggregate.Options{}) },
			}
		}, time.Unix(base-interval, 0))
		key := window.Key{Cluster: "eu", Shards: 1}
		for i, machines := range c.sent {
			epoch := base + int64(i)*interval
			for place, machine := range machines {
				e := wire.Envelope{Kind: wire.Snapshot, Cluster: "eu", Node: "n", Epoch: epoch, Instance: string(machine)}
				if machine == '-' {
					e.Instance = ""
				}
				if known := s.isRecent(e); known != (place > 0) {
					t.Errorf("%s: got %t whether machine %d has sent snapshot %d before, want %t", c.name, known, place, i, place > 0)
				}
			}
			if err := log.Add(window.Contribution{
				Key: key, Node: "n", Epoch: epoch, Interval: interval * time.Second, Instance: s.Instance("eu", "n", epoch), Release: func() {},
			}, time.Unix(epoch+1, 0)); err != nil {
				t.Errorf("%s: snapshot %d: %v", c.name, i, err)
			}
		}
		if got := fmt.Sprint(log.Conflicts(key)); got != c.want {
			t.Errorf("%s: got conflicts %s, want %s", c.name, got, c.want)
		}
	}
}
