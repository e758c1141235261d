package real

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"text/template"
)

// Ports 0 are off, or in the case of the query port any free one.
var carbonTemplate = template.Must(template.New("carbon.conf").Parse(`[cache]
STORAGE_DIR = {{.Dir}}
CONF_DIR = {{.Dir}}
LOCAL_DATA_DIR = {{.Data}}
LOG_DIR = {{.Dir}}
PID_DIR = {{.Dir}}
LINE_RECEIVER_INTERFACE = 127.0.0.1
LINE_RECEIVER_PORT = {{.Port}}
PICKLE_RECEIVER_INTERFACE = 127.0.0.1
PICKLE_RECEIVER_PORT = {{.Pickle}}
UDP_RECEIVER_INTERFACE = 127.0.0.1
CACHE_QUERY_INTERFACE = 127.0.0.1
CACHE_QUERY_PORT = {{.Query}}
MAX_CREATES_PER_MINUTE = inf
MAX_UPDATES_PER_SECOND = inf
CARBON_METRIC_INTERVAL = 0
ENABLE_TAGS = {{if .Tags}}True
GRAPHITE_URL = {{.Tags}}
TAG_UPDATE_INTERVAL = 1
{{else}}False{{end}}
`))

var schemasTemplate = template.Must(template.New("storage-schemas.conf").Parse(`{{.Schemas}}
[all]
pattern = .*
retentions = {{.Retention}}
`))

// CarbonConfig says what kind of carbon-cache to start.
type CarbonConfig struct {
	Binary    string // as Find and Need return it
	Dir       string // gets configuration, log and whisper files; may have been used before
	Retention string // "" is 10s:10m: a point every 10 s for 10 minutes
	Schemas   string // sections of storage-schemas.conf that go before Retention
	// Aggregation is the text of storage-aggregation.conf; "" for none.
	Aggregation string
	Port        int    // 0: a free one
	Pickle      int    // port of the pickle receiver; 0: none
	Query       int    // port for queries; 0: a free one
	Tags        string // the address of the Graphite-web that keeps the tags of series; "": none
}

// Carbon is a running carbon-cache.
type Carbon struct {
	Process *Process
	Addr    string // of the plaintext receiver
	Port    int    // the port of Addr
	data    string // the directory of whisper files
}

// StartCarbon starts carbon-cache. It returns when it accepts connections.
func StartCarbon(ctx context.Context, c CarbonConfig) (*Carbon, error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if c.Retention == "" {
		c.Retention = "10s:10m"
	}
	return onFreePort(c.Port, func(port int) (*Carbon, error) {
		return startCarbon(ctx, c, port)
	})
}

func startCarbon(ctx context.Context, c CarbonConfig, port int) (*Carbon, error) {
	s := &Carbon{Port: port, Addr: net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), data: whisperDir(c.Dir)}
	conf := filepath.Join(c.Dir, "carbon.conf")
	data := map[string]any{"Dir": c.Dir, "Data": s.data, "Port": port, "Pickle": c.Pickle, "Query": c.Query, "Retention": c.Retention, "Schemas": c.Schemas, "Tags": c.Tags}
	err := errors.Join(
		os.MkdirAll(s.data, 0o750),
		os.WriteFile(filepath.Join(c.Dir, "storage-aggregation.conf"), []byte(c.Aggregation), 0o640),
		writeTemplate(conf, carbonTemplate, data),
		writeTemplate(filepath.Join(c.Dir, "storage-schemas.conf"), schemasTemplate, data),
	)
	if err != nil {
		return nil, fmt.Errorf("start carbon-cache: %w", err)
	}
	// Named, as the script's own choice of interpreter goes by PATH elsewhere
	// than on Debian; no pid file, as one that a killed carbon left would count.
	s.Process, err = StartProcess(Command{
		Name: "carbon-cache", Path: systemPython, Dir: c.Dir,
		Args: []string{c.Binary, "--config=" + conf, "--logdir=" + c.Dir, "--nodaemon", "--pidfile=", "start"},
	})
	if err != nil {
		return nil, err
	}
	err = s.Process.await(ctx, func(ctx context.Context) error { return reachable(ctx, s.Addr) })
	if err != nil {
		return nil, err
	}
	return s, nil
}

// whisperDir is where a carbon-cache in dir has its whisper files.
func whisperDir(dir string) string { return filepath.Join(dir, "whisper") }

// Stop ends carbon-cache, which writes what it holds first.
func (c *Carbon) Stop() error { return c.Process.Stop() }
