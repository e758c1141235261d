package cli_test

import (
	"compress/gzip"
	"fmt"
	"io"
	"maps"
	"math"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/rogpeppe/go-internal/testscript"

	"haproxystats/internal/encode/remotewrite"
	"haproxystats/internal/encode/remotewrite/writetest"
)

// receiver is a server of HTTP that takes what is posted to it, when it is up.
type receiver struct {
	address string
	posted  watched[[]string] // the requests that it has taken, as text

	server  *http.Server // nil while it is down
	serving sync.WaitGroup
}

// up begins to listen, and to answer with a status.
func (r *receiver) up(status int) error {
	r.down()
	l, err := net.Listen("tcp", r.address)
	if err != nil {
		return err
	}
	r.server = &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		text, err := requestText(q)
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		if status < 300 {
			w.Header().Set("X-Prometheus-Remote-Write-Samples-Written", "1")
			r.posted.update(func(all []string) []string { return append(all[:len(all):len(all)], text) })
		}
		w.WriteHeader(status)
	})}
	r.serving.Go(func() { _ = r.server.Serve(l) })
	return nil
}

func (r *receiver) down() {
	if r.server != nil {
		r.server.Close()
		r.serving.Wait()
	}
	r.server = nil
}

// requestText returns a request with its headers, and its body as it was before
// compression.
func requestText(q *http.Request) (string, error) {
	var text strings.Builder
	fmt.Fprintf(&text, "%s %s\n", q.Method, q.RequestURI)
	var headers []string
	for name, values := range q.Header {
		headers = append(headers, fmt.Sprintf("%s: %s\n", name, strings.Join(values, ", ")))
	}
	slices.Sort(headers)
	text.WriteString(strings.Join(headers, "") + "\n")
	body := io.Reader(q.Body)
	if q.Header.Get("Content-Encoding") == "snappy" {
		return requestSamples(text.String(), q)
	}
	if q.Header.Get("Content-Encoding") == "gzip" {
		var err error
		if body, err = gzip.NewReader(q.Body); err != nil {
			return "", err
		}
	}
	if !isOTLP(q) {
		_, err := io.Copy(&text, body)
		return text.String(), err
	}
	all, err := io.ReadAll(body)
	if err != nil {
		return "", err
	}
	points, err := requestPoints(all)
	return text.String() + points, err
}

// requestSamples returns a request of remote write, with a line for each sample, type and
// text.
func requestSamples(head string, q *http.Request) (string, error) {
	sent, err := io.ReadAll(q.Body)
	if err != nil {
		return "", err
	}
	body, err := remotewrite.Expand(sent, 16<<20)
	if err != nil {
		return "", err
	}
	two := strings.HasSuffix(q.Header.Get("Content-Type"), "v2.Request")
	request, err := writetest.Decode(two, body)
	if err != nil {
		return "", err
	}
	text := new(strings.Builder)
	text.WriteString(head)
	for _, name := range slices.Sorted(maps.Keys(request.Types)) {
		fmt.Fprintf(text, "family %s %d %s\n", name, request.Types[name], request.Helps[name])
	}
	for _, s := range request.Samples {
		fmt.Fprintf(text, "%v start %d type %d %s\n", s, s.Start, s.Type, s.Help)
	}
	return text.String(), nil
}

// cmdReceiver starts the server, or stops it.
func cmdReceiver(ts *testscript.TestScript, neg bool, args []string) {
	r := onStage(ts).receiver
	switch {
	case !neg && len(args) == 1 && args[0] == "up":
		ts.Check(r.up(http.StatusNoContent))
	case !neg && len(args) == 2 && args[0] == "up":
		ts.Check(r.up(number(ts, args[1])))
	case !neg && len(args) == 1 && args[0] == "down":
		r.down()
	default:
		ts.Fatalf("usage: receiver up [status]|down")
	}
}

// cmdPosted waits for requests that the server has taken, and prints them.
func cmdPosted(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: posted n|some text")
	}
	s := onStage(ts)
	n, most := 1, math.MaxInt
	if args[0] != "some" {
		n = number(ts, args[0])
		most = n
	}
	with := func(all []string) (some []string) {
		for _, text := range all {
			if strings.Contains(text, args[1]) {
				some = append(some, text)
			}
		}
		return some
	}
	all, ok := s.receiver.posted.wait(func(all []string) bool { return len(with(all)) >= n })
	if got := with(all); !ok || len(got) > most {
		ts.Fatalf("got %d requests with %q, want %d%s", len(got), args[1], n, s.logs())
	}
	_, _ = io.WriteString(ts.Stdout(), strings.Join(with(all), "\n"))
}
