package stage

import (
	"context"
	"io"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"time"

	"haproxystats/test/real"
)

// door is where clients reach an instance: by what package real knows, and by
// the socket of the shop.
type door struct {
	haproxy *real.HAProxy
	shop    string
}

// mix is how often each kind of request comes, of the sum of all.
var mix = []struct {
	kind   real.Request
	weight int
}{
	{real.Page, 60},
	{real.APICall, 30},
	{real.TCPStream, 12},
	{real.Slow, 8},
	{real.NotFound, 4},
	{real.Failure, 1},
	{real.Refused, 1},
	{real.Denied, 2},
	{real.Aborted, 1},
}

const (
	visitors = 3  // clients of an instance that send the mix
	buyers   = 22 // clients of an instance's shop
	tide     = 200 * time.Second
	calm     = 80 * time.Millisecond // mean pause of a client
)

// traffic sends requests until it is stopped.
type traffic struct {
	cancel context.CancelFunc
	wg     sync.WaitGroup
}

func startTraffic(doors []door) *traffic {
	ctx, cancel := context.WithCancel(context.Background())
	t := &traffic{cancel: cancel}
	for i, d := range doors {
		for v := range visitors {
			t.client(ctx, i, v, func(random *rand.Rand) { _ = d.haproxy.Send(ctx, pick(random), 1) }) // what fails is counted by HAProxy
		}
		dialer := net.Dialer{Timeout: time.Second}
		client := &http.Client{
			Timeout: 5 * time.Second,
			Transport: &http.Transport{
				DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
					return dialer.DialContext(ctx, "unix", d.shop)
				},
				MaxIdleConnsPerHost: buyers / 2, IdleConnTimeout: time.Second,
			},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}
		for b := range buyers {
			t.client(ctx, i, visitors+b, func(*rand.Rand) { buy(ctx, client) })
		}
		t.wg.Go(func() { <-ctx.Done(); client.CloseIdleConnections() })
	}
	return t
}

// stop waits for the last requests.
func (t *traffic) stop() error {
	t.cancel()
	t.wg.Wait()
	return nil
}

// client does its work again and again, at a pace that follows the tide.
func (t *traffic) client(ctx context.Context, instance, number int, work func(*rand.Rand)) {
	t.wg.Go(func() {
		random := rand.New(rand.NewPCG(uint64(instance), uint64(number)))
		start := time.Now()
		timer := time.NewTimer(0)
		defer timer.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-timer.C:
			}
			work(random)
			phase := 2*math.Pi*time.Since(start).Seconds()/tide.Seconds() + float64(instance)/2
			timer.Reset(time.Duration(float64(calm) * min(random.ExpFloat64(), 3) * (1.3 + math.Sin(phase)) * (1 + float64(instance)/3)))
		}
	})
}

func buy(ctx context.Context, client *http.Client) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://shop/", nil)
	if err != nil {
		panic("unreachable: a constant address: " + err.Error())
	}
	resp, err := client.Do(req)
	if err != nil {
		return // HAProxy counts it
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
}

func pick(random *rand.Rand) real.Request {
	total := 0
	for _, m := range mix {
		total += m.weight
	}
	n := random.IntN(total)
	for _, m := range mix {
		if n -= m.weight; n < 0 {
			return m.kind
		}
	}
	panic("unreachable: the weights add up to more than n")
}
