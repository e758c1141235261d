package real

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"text/template"
)

// Dashboards need a database; metrics come from the whisper files alone, as
// nothing that is cached may hide what has just been written.
var graphiteWebTemplate = template.Must(template.New("settings.py").Parse(`SECRET_KEY = 'for tests on loopback'
ALLOWED_HOSTS = ['127.0.0.1']
TIME_ZONE = 'UTC'
CONF_DIR = '{{.Dir}}'
STORAGE_DIR = '{{.Dir}}'
LOG_DIR = '{{.Dir}}'
WHISPER_DIR = '{{.Data}}'
STANDARD_DIRS = ['{{.Data}}']
INDEX_FILE = '{{.Dir}}/index'
CARBONLINK_HOSTS = []
MEMCACHE_HOSTS = []
DEFAULT_CACHE_DURATION = 0
FIND_CACHE_DURATION = 0
DATABASES = {'default': {'ENGINE': 'django.db.backends.sqlite3', 'NAME': '{{.Dir}}/graphite.db'}}
`))

// GraphiteWebConfig says what kind of Graphite-web to start.
type GraphiteWebConfig struct {
	Manage   string // its graphite-manage, as Find and Need return it
	Gunicorn string // as Find and Need return it
	Dir      string // gets settings, database and logs
	Carbon   *Carbon
	// CarbonDir is the directory of a carbon-cache that is started later, because it needs
	// the address of this Graphite-web; without Carbon.
	CarbonDir string
}

// GraphiteWeb is a running Graphite-web.
type GraphiteWeb struct {
	Process *Process
	URL     string // without a slash at the end
}

// StartGraphiteWeb starts Graphite-web under gunicorn, with a database of its
// own. It returns when it accepts connections.
func StartGraphiteWeb(ctx context.Context, c GraphiteWebConfig) (*GraphiteWeb, error) {
	ctx, cancel := context.WithTimeout(ctx, 3*startTimeout) // the database takes some seconds
	defer cancel()
	const settings = "settings_of_a_test"
	data := whisperDir(c.CarbonDir)
	if c.Carbon != nil {
		data = c.Carbon.data
	}
	err := errors.Join(
		os.MkdirAll(c.Dir, 0o750),
		os.MkdirAll(data, 0o750),
		writeTemplate(filepath.Join(c.Dir, settings+".py"), graphiteWebTemplate, map[string]any{"Dir": c.Dir, "Data": data}),
	)
	if err != nil {
		return nil, fmt.Errorf("start Graphite-web: %w", err)
	}
	env := append(os.Environ(), "PYTHONPATH="+c.Dir, "GRAPHITE_SETTINGS_MODULE="+settings, "DJANGO_SETTINGS_MODULE=graphite.settings", "PYTHONDONTWRITEBYTECODE=1")
	migrate := exec.CommandContext(ctx, systemPython, c.Manage, "migrate", "--run-syncdb", "--verbosity", "0")
	migrate.Env, migrate.Dir = env, c.Dir
	if out, err := migrate.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("make Graphite-web's database: %w: %s", err, out)
	}
	return onFreePort(0, func(port int) (*GraphiteWeb, error) {
		addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
		p, err := StartProcess(Command{
			Name: "Graphite-web", Path: systemPython, Dir: c.Dir, Env: env,
			Args: []string{c.Gunicorn, "--bind", addr, "--workers", "2", "--worker-tmp-dir", c.Dir, "--log-level", "warning", "graphite.wsgi"},
		})
		if err != nil {
			return nil, err
		}
		if err := p.await(ctx, func(ctx context.Context) error { return reachable(ctx, addr) }); err != nil {
			return nil, err
		}
		return &GraphiteWeb{Process: p, URL: "http://" + addr}, nil
	})
}
