package real

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"time"
)

// VictoriaMetrics is a running VictoriaMetrics.
type VictoriaMetrics struct {
	Process *Process
	URL     string

	client *http.Client
}

// StartVictoriaMetrics starts Debian's VictoriaMetrics on a free port, with its data in dir.
// It returns when it answers. It keeps values of any age.
func StartVictoriaMetrics(ctx context.Context, binary, dir string) (*VictoriaMetrics, error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	return onFreePort(0, func(port int) (*VictoriaMetrics, error) {
		address := fmt.Sprintf("127.0.0.1:%d", port)
		process, err := StartProcess(Command{Name: "victoria-metrics", Path: binary, Dir: dir, Args: []string{
			"-storageDataPath=" + filepath.Join(dir, "data"), "-httpListenAddr=" + address, "-loggerLevel=WARN", "-retentionPeriod=100y",
			"-memory.allowedBytes=128MB",
		}})
		if err != nil {
			return nil, err
		}
		v := &VictoriaMetrics{process, "http://" + address, &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: time.Minute}}
		return v, process.await(ctx, func(ctx context.Context) error {
			answer, err := v.get(ctx, "/health", nil)
			if err != nil {
				return err
			}
			return answer.Body.Close()
		})
	})
}

// Stop ends VictoriaMetrics.
func (v *VictoriaMetrics) Stop() error { return v.Process.Stop() }

func (v *VictoriaMetrics) get(ctx context.Context, path string, query url.Values) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, v.URL+path+"?"+query.Encode(), nil)
	if err != nil {
		return nil, err
	}
	answer, err := v.client.Do(r)
	if err == nil && answer.StatusCode != http.StatusOK {
		answer.Body.Close()
		err = fmt.Errorf("%s answers %s", path, answer.Status)
	}
	return answer, err
}

// VictoriaSeries is a series with its raw values. "__name__" is its name.
type VictoriaSeries struct {
	Metric     map[string]string
	Values     []float64
	Timestamps []int64 // in milliseconds
}

// Export returns the raw values of the series that match a selector.
func (v *VictoriaMetrics) Export(ctx context.Context, selector string) (all []VictoriaSeries, err error) {
	// What has come is searched a second later unless it is asked for.
	if answer, err := v.get(ctx, "/internal/force_flush", nil); err == nil {
		answer.Body.Close()
	}
	answer, err := v.get(ctx, "/api/v1/export", url.Values{"match[]": {selector}})
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	lines := bufio.NewScanner(answer.Body)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var s VictoriaSeries
		if err := json.Unmarshal(lines.Bytes(), &s); err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, lines.Err()
}
