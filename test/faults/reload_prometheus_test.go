package faults

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"haproxystats/test/faults/harness"
)

// TestReloadKeepsEndpoint reloads haproxystats-process while Prometheus scrapes it. As long
// as [prometheus] stays as it is, also if another sink comes or goes, no connection is refused or reset: not a new one, not one
// that rests between two scrapes, and not one in the middle of a request.
func TestReloadKeepsEndpoint(t *testing.T) {
	t.Parallel()
	row := harness.Begin(t, "SIGUSR1 to process while Prometheus scrapes it", "0 scrapes failed, of new and of kept connections")
	s := harness.NewSite(t)
	src := s.Source(harness.Shape{})
	graphite := s.Graphite(src)
	at := s.FreeAddress()
	config := func(workers, confirm string, more harness.Options) string {
		set := harness.Options{"prometheus": {"listen": at}, "process": {"workers": workers}, "graphite": {"confirm": confirm}}
		maps.Copy(set, more)
		return s.Configure(harness.Config{Source: src, Port: graphite.Port(), Set: set})
	}
	another := harness.Options{"graphite:another": {"port": fmt.Sprint(s.Graphite(src).Port())}}
	confs := []string{config("1", "half-close", nil), config("2", "drain", nil), config("2", "drain", another)}
	conf := s.Path("now.conf")
	put := func(from string) {
		text, err := os.ReadFile(from)
		s.Must(err, os.WriteFile(conf+".new", text, 0o640), os.Rename(conf+".new", conf))
	}
	put(confs[0])
	process := s.Start(harness.Process, conf)
	pull := s.Start(harness.Pull, conf)
	scrape := func(client *http.Client) error {
		answer, err := client.Get("http://" + at + "/metrics")
		if err != nil {
			return err
		}
		defer answer.Body.Close()
		return whole(answer)
	}
	fresh := &http.Client{Timeout: time.Minute, Transport: &http.Transport{DisableKeepAlives: true}}
	s.Until("the first scrape", time.Minute, func() bool { return scrape(fresh) == nil })

	ctx, stop := context.WithCancel(s.Ctx)
	var running sync.WaitGroup
	var mu sync.Mutex
	scrapes := 0
	var failures []error
	running.Go(func() {
		for ctx.Err() == nil {
			err := scrape(fresh)
			mu.Lock()
			scrapes++
			if err != nil {
				failures = append(failures, err)
			}
			mu.Unlock()
		}
	})
	resting, begun := dialEndpoint(s, at), dialEndpoint(s, at)
	kept := 0
	for i := range harness.Count(6, 200) {
		resting.ask(s)
		begun.begin(s)
		since := time.Now()
		put(confs[(i+1)%len(confs)])
		s.Must(process.Signal(syscall.SIGUSR1))
		row.Inject(1)
		s.Until("the reload", time.Minute, func() bool { return len(process.Lines("configuration reloaded")) == i+1 })
		resting.ask(s)
		if time.Since(since) > headerTime { // the machine is too busy for this one
			begun = dialEndpoint(s, at)
			continue
		}
		begun.finish(s)
		kept++
	}
	if kept == 0 {
		t.Error("no request was finished in time to tell anything")
	}
	stop()
	running.Wait()
	for _, err := range failures {
		t.Errorf("a scrape over a new connection: %v", err)
	}
	row.Result("%d of %d scrapes over new connections failed, 0 of %d that began before the reload and ended after it", len(failures), scrapes, kept)
	pull.End(stopSignal)
	process.End(stopSignal)
}

// headerTime is less than the endpoint gives a connection for the header of a request.
const headerTime = 3 * time.Second

// whole reads an answer of metrics to its end.
func whole(answer *http.Response) error {
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK || !strings.Contains(string(text), "\nhaproxy_frontend_bytes_in_total{") {
		return fmt.Errorf("got status %d and %d bytes without haproxy_frontend_bytes_in_total", answer.StatusCode, len(text))
	}
	return nil
}

// endpointConn is a connection to the endpoint of [prometheus] that is kept.
type endpointConn struct {
	net.Conn
	from *bufio.Reader
}

func dialEndpoint(s *harness.Site, at string) endpointConn {
	s.T.Helper()
	c, err := net.Dial("tcp", at)
	s.Must(err)
	s.T.Cleanup(func() { _ = c.Close() })
	s.Must(c.SetDeadline(time.Now().Add(10 * time.Minute)))
	return endpointConn{c, bufio.NewReader(c)}
}

// begin sends a part of a request.
func (c endpointConn) begin(s *harness.Site) {
	s.T.Helper()
	_, err := io.WriteString(c, "GET /metrics HTTP/1.1\r\nHost: haproxystats\r\n")
	s.Must(err)
}

// finish sends the rest, and reads the answer.
func (c endpointConn) finish(s *harness.Site) {
	s.T.Helper()
	_, err := io.WriteString(c, "\r\n")
	s.Must(err)
	answer, err := http.ReadResponse(c.from, nil)
	s.Must(err)
	s.Must(whole(answer), answer.Body.Close())
}

func (c endpointConn) ask(s *harness.Site) {
	s.T.Helper()
	c.begin(s)
	c.finish(s)
}
