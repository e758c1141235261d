package stage

import (
	"context"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"time"

	"haproxystats/test/real"
	"haproxystats/test/traffic"
)

// door is where clients reach an instance: by what package real knows, and by
// the socket of the shop.
type door struct {
	haproxy *real.HAProxy
	shop    string
}

// mix has fewer failures than the usual one, so that a bad time stands out.
var mix = traffic.Mix{
	{Kind: real.Page, Weight: 60},
	{Kind: real.APICall, Weight: 30},
	{Kind: real.TCPStream, Weight: 12},
	{Kind: real.Slow, Weight: 8},
	{Kind: real.NotFound, Weight: 4},
	{Kind: real.Failure, Weight: 1},
	{Kind: real.Refused, Weight: 1},
	{Kind: real.Denied, Weight: 2},
	{Kind: real.Aborted, Weight: 1},
}

const (
	visitors = 3  // clients of an instance that send the mix
	buyers   = 22 // clients of an instance's shop
)

// startTraffic sends requests to all doors, to each one less than to the one
// before.
func startTraffic(doors []door) *traffic.Traffic {
	t := traffic.New()
	for i, d := range doors {
		nth := float64(i)
		r := traffic.Rhythm{
			Calm: time.Duration(float64(100*time.Millisecond) * (1 + nth/3)), Swell: 0.8, Tide: 200 * time.Second, Phase: nth / 2,
		}
		for range visitors {
			t.Client(r, mix.To(d.haproxy))
		}
		for range buyers {
			t.Client(r, buyAt(d.shop))
		}
	}
	return t
}

// buyAt returns the work of a client that buys in the shop behind a socket.
func buyAt(shop string) func(context.Context, *rand.Rand) error {
	client := &http.Client{
		Timeout: time.Minute,
		Transport: &http.Transport{
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "unix", shop)
			},
			DisableKeepAlives: true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return func(ctx context.Context, _ *rand.Rand) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://shop/", nil)
		if err != nil {
			return err
		}
		resp, err := client.Do(req)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		_, err = io.Copy(io.Discard, resp.Body)
		return err
	}
}
