package traffic

import (
	"math/rand/v2"
	"testing"
	"time"

	"go.uber.org/goleak"

	"haproxystats/test/real"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestPickFollowsTheMix(t *testing.T) {
	const each = 1000
	random := rand.New(rand.NewPCG(1, 2))
	total := 0
	for _, m := range mix {
		total += m.weight
	}
	got := map[real.Request]int{}
	for range total * each {
		got[pick(random)]++
	}
	for _, m := range mix {
		if share := float64(got[m.kind]) / each / float64(m.weight); share < 0.8 || share > 1.2 {
			t.Errorf("%v comes %.2f times as often as it should", m.kind, share)
		}
	}
}

func TestPauseHasTides(t *testing.T) {
	low, high := time.Hour, time.Duration(0)
	for since := time.Duration(0); since < tide; since += tide / 100 {
		p := pause(since, 1, 1)
		low, high = min(low, p), max(high, p)
	}
	if low < calm/2 || low > calm*6/10 || high > calm*3/2 || high < calm*14/10 {
		t.Errorf("pauses from %v to %v", low, high)
	}
	if p := pause(0, 1, 1e9); p > 5*calm {
		t.Errorf("an unlikely pause of %v", p)
	}
}

func TestTrafficTellsOfPanics(t *testing.T) {
	tr := Start(nil)
	if err := tr.Err(); err != nil {
		t.Error(err)
	}
	tr.wg.Go(func() {
		defer tr.recover()
		panic("oops")
	})
	if err := tr.Stop(); err != nil {
		t.Error(err)
	}
	if err := tr.Err(); err == nil || err.Error() != "send traffic: panic: oops" {
		t.Errorf("got %v", err)
	}
}
