package traffic

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"haproxystats/test/real"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestPickFollowsTheMix(t *testing.T) {
	const each = 1000
	random := rand.New(rand.NewPCG(1, 2))
	total := 0
	for _, s := range Usual {
		total += s.Weight
	}
	got := map[real.Request]int{}
	for range total * each {
		got[Usual.pick(random)]++
	}
	for _, s := range Usual {
		if share := float64(got[s.Kind]) / each / float64(s.Weight); share < 0.8 || share > 1.2 {
			t.Errorf("%v comes %.2f times as often as it should", s.Kind, share)
		}
	}
}

func TestPauseHasTides(t *testing.T) {
	r := Rhythm{Calm: time.Second, Swell: 0.5, Tide: time.Minute}
	low, high := time.Hour, time.Duration(0)
	for since := time.Duration(0); since < r.Tide; since += r.Tide / 100 {
		p := r.pause(since, 1)
		low, high = min(low, p), max(high, p)
	}
	if low < r.Calm/2 || low > r.Calm*6/10 || high > r.Calm*3/2 || high < r.Calm*14/10 {
		t.Errorf("pauses from %v to %v", low, high)
	}
	if p := r.pause(0, 1e9); p > 5*r.Calm {
		t.Errorf("an unlikely pause of %v", p)
	}
}

func TestClientsWorkAtTheirPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const calm = time.Second
		tr := New()
		for _, err := range []error{nil, errors.New("not as it should be")} {
			tr.Client(Rhythm{Calm: calm, Tide: time.Minute}, func(context.Context, *rand.Rand) error { return err })
		}
		const each = 1000 // requests, about
		time.Sleep(each * calm)
		if err := tr.Stop(); err != nil {
			t.Error(err)
		}
		// A pause is cut at three times the mean, which makes it 5 % shorter.
		sent, unexpected := tr.Sent(), tr.Unexpected()
		if sent < 1.9*each || sent > 2.4*each || unexpected < sent*45/100 || unexpected > sent*55/100 {
			t.Errorf("%d requests, %d of them unexpected", sent, unexpected)
		}
	})
}

func TestTrafficTellsOfPanics(t *testing.T) {
	tr := New()
	if err := tr.Err(); err != nil {
		t.Error(err)
	}
	ran := make(chan struct{})
	tr.Client(Rhythm{Calm: time.Hour, Tide: time.Hour}, func(context.Context, *rand.Rand) error {
		defer close(ran)
		panic("oops")
	})
	<-ran
	if err := tr.Stop(); err != nil {
		t.Error(err)
	}
	if err := tr.Err(); err == nil || err.Error() != "send traffic: panic: oops" {
		t.Errorf("got %v", err)
	}
}
