package real

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// influxConfig is a configuration of InfluxDB 1.x: a directory and an address.
const influxConfig = `reporting-disabled = true
bind-address = "127.0.0.1:0"
[meta]
dir = "%[1]s/meta"
[data]
dir = "%[1]s/data"
wal-dir = "%[1]s/wal"
query-log-enabled = false
[monitor]
store-enabled = false
[http]
bind-address = "%[2]s"
log-enabled = false
[logging]
level = "warn"
`

// InfluxDB is a running InfluxDB 1.x.
type InfluxDB struct {
	Process *Process
	URL     string

	client *http.Client
}

// StartInfluxDB starts Debian's InfluxDB on a free port, with its data in dir. It returns
// when InfluxDB answers.
func StartInfluxDB(ctx context.Context, binary, dir string) (*InfluxDB, error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	return onFreePort(0, func(port int) (*InfluxDB, error) {
		address := fmt.Sprintf("127.0.0.1:%d", port)
		file := filepath.Join(dir, "influxdb.conf")
		if err := os.WriteFile(file, fmt.Appendf(nil, influxConfig, dir, address), 0o640); err != nil {
			return nil, err
		}
		process, err := StartProcess(Command{Name: "influxdb", Path: binary, Dir: dir, Args: []string{"-config", file}})
		if err != nil {
			return nil, err
		}
		i := &InfluxDB{process, "http://" + address, &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: time.Minute}}
		return i, process.await(ctx, func(ctx context.Context) error {
			_, err := i.Query(ctx, "", "SHOW DATABASES")
			return err
		})
	})
}

// Stop ends InfluxDB.
func (i *InfluxDB) Stop() error { return i.Process.Stop() }

// InfluxSeries is a series of an answer: values by its columns. Numbers are [json.Number].
type InfluxSeries struct {
	Name    string
	Tags    map[string]string
	Columns []string
	Values  [][]any
}

// Query sends a statement. Times of the answer are seconds.
func (i *InfluxDB) Query(ctx context.Context, database, statement string) ([]InfluxSeries, error) {
	form := url.Values{"q": {statement}, "db": {database}, "epoch": {"s"}}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, i.URL+"/query", strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer, err := i.client.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	var all struct {
		Error   string
		Results []struct {
			Error  string
			Series []InfluxSeries
		}
	}
	d := json.NewDecoder(io.LimitReader(answer.Body, 256<<20))
	d.UseNumber()
	if err := d.Decode(&all); err != nil {
		return nil, err
	}
	var series []InfluxSeries
	for _, result := range all.Results {
		if result.Error != "" {
			return nil, errors.New(result.Error)
		}
		series = append(series, result.Series...)
	}
	if all.Error != "" {
		return nil, errors.New(all.Error)
	}
	return series, nil
}
