package real

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// PrometheusConfig says what kind of Prometheus to start.
type PrometheusConfig struct {
	Promtool string   // as Find and Need return "prometheus"
	Binary   string   // the server; empty for the one beside Promtool
	Dir      string   // gets prometheus.yml and the data
	Config   string   // text of prometheus.yml
	Args     []string // further arguments
}

// Prometheus is a running Prometheus.
type Prometheus struct {
	Process *Process
	URL     string

	client *http.Client
}

// StartPrometheus starts a Prometheus on a free port. It returns when Prometheus is ready.
func StartPrometheus(ctx context.Context, c PrometheusConfig) (*Prometheus, error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	binary := cmp.Or(c.Binary, filepath.Join(filepath.Dir(c.Promtool), "prometheus"))
	file := filepath.Join(c.Dir, "prometheus.yml")
	if err := os.WriteFile(file, []byte(c.Config), 0o640); err != nil {
		return nil, err
	}
	return onFreePort(0, func(port int) (*Prometheus, error) {
		address := fmt.Sprintf("127.0.0.1:%d", port)
		process, err := StartProcess(Command{
			Name: "prometheus", Path: binary, Dir: c.Dir,
			Args: append([]string{
				"--config.file=" + file, "--storage.tsdb.path=" + filepath.Join(c.Dir, "data"), "--web.listen-address=" + address,
				"--log.level=warn",
			}, c.Args...),
		})
		if err != nil {
			return nil, err
		}
		p := &Prometheus{process, "http://" + address, &http.Client{Transport: new(http.Transport), Timeout: time.Minute}}
		return p, process.await(ctx, func(ctx context.Context) error {
			_, err := p.get(ctx, "/-/ready", nil)
			return err
		})
	})
}

// Stop ends Prometheus.
func (p *Prometheus) Stop() error {
	p.client.CloseIdleConnections()
	return p.Process.Stop()
}

func (p *Prometheus) get(ctx context.Context, path string, query url.Values) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, p.URL+path+"?"+query.Encode(), nil)
	if err != nil {
		return nil, err
	}
	answer, err := p.client.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, 64<<20))
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", answer.Status, text)
	}
	return text, err
}

// PrometheusSample is a value with its labels; "__name__" is the name of the series.
type PrometheusSample struct {
	Labels map[string]string
	Value  float64
}

// Query returns the value of an expression at a time, which must be an instant vector or a
// scalar.
func (p *Prometheus) Query(ctx context.Context, expression string, at time.Time) ([]PrometheusSample, error) {
	kind, result, err := p.query(ctx, expression, at)
	if err != nil {
		return nil, err
	}
	type pair struct {
		Metric map[string]string
		Value  [2]any
	}
	var pairs []pair
	switch kind {
	case "vector":
		err = json.Unmarshal(result, &pairs)
	case "scalar":
		pairs = make([]pair, 1)
		err = json.Unmarshal(result, &pairs[0].Value)
	default:
		err = fmt.Errorf("%s has the type %q", expression, kind)
	}
	if err != nil {
		return nil, err
	}
	var all []PrometheusSample
	for _, p := range pairs {
		word, _ := p.Value[1].(string)
		v, err := strconv.ParseFloat(word, 64)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", expression, err)
		}
		all = append(all, PrometheusSample{p.Metric, v})
	}
	return all, nil
}

// query returns the type of an expression's result at a time, and the result.
func (p *Prometheus) query(ctx context.Context, expression string, at time.Time) (kind string, result json.RawMessage, err error) {
	text, err := p.get(ctx, "/api/v1/query", url.Values{
		"query": {expression}, "time": {strconv.FormatFloat(float64(at.UnixMilli())/1000, 'f', 3, 64)},
	})
	if err != nil {
		return "", nil, err
	}
	var answer struct {
		Data struct {
			ResultType string
			Result     json.RawMessage
		}
	}
	err = json.Unmarshal(text, &answer)
	return answer.Data.ResultType, answer.Data.Result, err
}

// PrometheusSeries is a series with its samples as they are stored, but for the markers of
// its end.
type PrometheusSeries struct {
	Labels map[string]string
	Values map[int64]float64 // by the time in milliseconds
}

// Stored returns the samples of an expression, which must be a range selector, up to a time.
func (p *Prometheus) Stored(ctx context.Context, expression string, to time.Time) ([]PrometheusSeries, error) {
	kind, result, err := p.query(ctx, expression, to)
	if err != nil {
		return nil, err
	}
	if kind != "matrix" {
		return nil, fmt.Errorf("%s has the type %q, want a matrix", expression, kind)
	}
	var found []struct {
		Metric map[string]string
		Values [][2]any
	}
	if err := json.Unmarshal(result, &found); err != nil {
		return nil, err
	}
	var all []PrometheusSeries
	for _, f := range found {
		s := PrometheusSeries{f.Metric, make(map[int64]float64)}
		for _, pair := range f.Values {
			at, _ := pair[0].(float64)
			word, _ := pair[1].(string)
			v, err := strconv.ParseFloat(word, 64)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", expression, err)
			}
			s.Values[int64(math.Round(at*1000))] = v
		}
		all = append(all, s)
	}
	return all, nil
}

// LabelValues returns the values that a label has in the series that match a selector, as
// label_values() of Grafana.
func (p *Prometheus) LabelValues(ctx context.Context, selector, label string) ([]string, error) {
	text, err := p.get(ctx, "/api/v1/label/"+url.PathEscape(label)+"/values", url.Values{"match[]": {selector}})
	if err != nil {
		return nil, err
	}
	var answer struct{ Data []string }
	err = json.Unmarshal(text, &answer)
	return answer.Data, err
}
