package cli_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// cmdScrape asks the endpoint of [prometheus] at port $SCRAPE until the answer has a text,
// and prints the status, the content type and the answer.
func cmdScrape(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 || len(args) > 2 {
		ts.Fatalf("usage: scrape PATH [TEXT]")
	}
	client := &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	want := ""
	if len(args) == 2 {
		want = args[1]
	}
	var text string
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		answer, err := client.Get("http://127.0.0.1:" + ts.Getenv("SCRAPE") + args[0])
		if err == nil {
			var body []byte
			body, err = io.ReadAll(answer.Body)
			answer.Body.Close()
			text = fmt.Sprintf("%d %s\n%s", answer.StatusCode, answer.Header.Get("Content-Type"), body)
		}
		if err == nil && strings.Contains(text, want) {
			break
		}
		if time.Now().After(deadline) {
			ts.Fatalf("got %s (%v), want %q", text, err, want)
		}
	}
	_, _ = io.WriteString(ts.Stdout(), text)
}
