package stage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Graphite asks the stage's Graphite, and can tell it more.
type Graphite struct {
	url    string
	line   string // address of the plaintext receiver
	client *http.Client
}

// NewGraphite returns what asks the Graphite-web at a URL, and sends lines to an address.
func NewGraphite(url, line string) *Graphite {
	return &Graphite{url, line, &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}}
}

// Series is one line of a graph.
type Series struct {
	Target string         `json:"target"`
	Tags   map[string]any `json:"tags"`
	// Points are pairs of a number, if there is one, and the time.
	Points [][2]*float64 `json:"datapoints"`
}

// Values returns the numbers there are.
func (s Series) Values() []float64 {
	var values []float64
	for _, p := range s.Points {
		if p[0] != nil {
			values = append(values, *p[0])
		}
	}
	return values
}

const (
	// answerTimeout and answerMax bound an answer of Graphite's.
	answerTimeout = 3 * time.Minute
	answerMax     = 32 << 20
)

// URL is where Graphite answers.
func (g *Graphite) URL() string { return g.url }

// Render returns what a target is, over the last so many seconds.
func (g *Graphite) Render(ctx context.Context, target string, seconds int) ([]Series, error) {
	body, err := g.Post(ctx, "/render", url.Values{
		"target": {target}, "from": {fmt.Sprintf("-%ds", seconds)}, "until": {"now"}, "format": {"json"},
	})
	if err != nil {
		return nil, err
	}
	var series []Series
	if err := json.Unmarshal(body, &series); err != nil {
		return nil, fmt.Errorf("render %s: %w: %s", target, err, body)
	}
	return series, nil
}

// Find returns the names that match the last part of a pattern, as Grafana's
// metric queries ask for them.
func (g *Graphite) Find(ctx context.Context, pattern string) ([]string, error) {
	body, err := g.Post(ctx, "/metrics/find", url.Values{"query": {pattern}})
	if err != nil {
		return nil, err
	}
	var found []struct {
		Text string `json:"text"`
	}
	if err := json.Unmarshal(body, &found); err != nil {
		return nil, fmt.Errorf("find %s: %w: %s", pattern, err, body)
	}
	var names []string
	for _, f := range found {
		names = append(names, f.Text)
	}
	return names, nil
}

// Expand returns the whole paths that match a pattern.
func (g *Graphite) Expand(ctx context.Context, pattern string) ([]string, error) {
	body, err := g.Post(ctx, "/metrics/expand", url.Values{"query": {pattern}})
	if err != nil {
		return nil, err
	}
	var found struct {
		Results []string `json:"results"`
	}
	if err := json.Unmarshal(body, &found); err != nil {
		return nil, fmt.Errorf("expand %s: %w: %s", pattern, err, body)
	}
	return found.Results, nil
}

// FindSeries returns the paths of the tagged series that match expressions, such as
// "proxy=www".
func (g *Graphite) FindSeries(ctx context.Context, expressions ...string) ([]string, error) {
	return g.list(ctx, "/tags/findSeries", url.Values{"expr": expressions})
}

// CompleteTags returns the names of the tags of the series that match expressions.
func (g *Graphite) CompleteTags(ctx context.Context, expressions ...string) ([]string, error) {
	return g.list(ctx, "/tags/autoComplete/tags", url.Values{"expr": expressions})
}

// CompleteValues returns the values that a tag has in the series that match expressions.
func (g *Graphite) CompleteValues(ctx context.Context, tag string, expressions ...string) ([]string, error) {
	return g.list(ctx, "/tags/autoComplete/values", url.Values{"tag": {tag}, "expr": expressions, "limit": {"1000"}})
}

// list asks for a list of texts.
func (g *Graphite) list(ctx context.Context, path string, form url.Values) (all []string, err error) {
	body, err := g.Post(ctx, path, form)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(body, &all); err != nil {
		return nil, fmt.Errorf("%s %v: %w: %s", path, form, err, body)
	}
	return all, nil
}

// Post sends a form and returns the answer, which must be of status 200.
func (g *Graphite) Post(ctx context.Context, path string, form url.Values) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, g.url+path, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := g.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, answerMax))
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s: %s", path, resp.Status, body[:min(len(body), 500)])
	}
	return body, err
}

// Send delivers metrics in Graphite's plaintext format.
func (g *Graphite) Send(ctx context.Context, lines string) error {
	d := net.Dialer{Timeout: answerTimeout}
	c, err := d.DialContext(ctx, "tcp", g.line)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(answerTimeout)); err != nil {
		return err
	}
	if _, err := io.WriteString(c, lines); err != nil {
		return err
	}
	return errors.Join(c.(*net.TCPConn).CloseWrite(), drained(c))
}

// drained waits for the other side to close.
func drained(c net.Conn) error {
	_, err := io.Copy(io.Discard, c)
	return err
}

// unsettled is how many seconds before now metrics may be missing, because not all hosts have
// sent theirs.
const unsettled = 6

// Size is that of a picture.
type Size struct{ Width, Height int }

// Picture draws a graph of a dashboard for Graphite-web, given by its
// parameters, over the last so many seconds, as PNG.
func (g *Graphite) Picture(ctx context.Context, params json.RawMessage, size Size, seconds int) ([]byte, error) {
	var all map[string]any
	if err := json.Unmarshal(params, &all); err != nil {
		return nil, err
	}
	form := url.Values{}
	for key, value := range all {
		switch v := value.(type) {
		case []any:
			for _, one := range v {
				form.Add(key, fmt.Sprint(one))
			}
		default:
			form.Set(key, fmt.Sprint(v))
		}
	}
	form.Set("width", fmt.Sprint(size.Width))
	form.Set("height", fmt.Sprint(size.Height))
	form.Set("from", fmt.Sprintf("-%ds", seconds))
	form.Set("until", fmt.Sprintf("-%ds", unsettled))
	form.Set("format", "png")
	return g.Post(ctx, "/render", form)
}
