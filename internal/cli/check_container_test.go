package cli

import (
	"errors"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"haproxystats/internal/config"
)

func TestProcess1(t *testing.T) {
	unset := config.Files{File: config.DefaultFile}
	named := config.Files{File: "/named.conf", Required: true}
	for _, c := range []struct {
		line  string
		given config.Files
		first string
		files config.Files
	}{
		{"haproxystats-pull", unset, "haproxystats-pull", unset},
		{"/usr/bin/haproxystats-process -d /conf.d", unset, "haproxystats-process", config.Files{File: config.DefaultFile, Dir: "/conf.d"}},
		{"haproxystats-central -f /my.conf", unset, "haproxystats-central", config.Files{File: "/my.conf", Required: true}},
		{"haproxystats-pull -f /my.conf", unset, "haproxystats-pull", config.Files{File: "/my.conf", Required: true}},
		{"haproxystats-pull -f/my.conf --dir=x", unset, "haproxystats-pull", config.Files{File: "/my.conf", Required: true, Dir: "x"}},
		{"haproxystats-process --file " + config.DefaultFile, unset, "haproxystats-process", config.Files{File: config.DefaultFile, Required: true}},
		{"haproxystats-pull -f /my.conf -d /conf.d", named, "haproxystats-pull", named},
		{"haproxystats-pull -f /my.conf", config.Files{File: config.DefaultFile, Dir: "/named"}, "haproxystats-pull", config.Files{File: config.DefaultFile, Dir: "/named"}},
		{"/sbin/docker-init -- haproxystats-pull -f /my.conf", unset, "docker-init", unset},
		{"haproxystats-pull2 -f /my.conf", unset, "haproxystats-pull2", unset},
	} {
		root := fstest.MapFS{"proc/1/cmdline": {Data: []byte(strings.ReplaceAll(c.line, " ", "\x00") + "\x00")}}
		o := checkOptions{files: c.given}
		first, files, err := o.ofProcess1(root)
		if err != nil || first != c.first || files != c.files {
			t.Errorf("%s: %q, %+v, %v; want %q, %+v", c.line, first, files, err, c.first, c.files)
		}
		if o.files != c.given {
			t.Errorf("%s: the options were changed", c.line)
		}
	}
	var o checkOptions
	if _, _, err := o.ofProcess1(fstest.MapFS{}); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if _, _, err := o.ofProcess1(fstest.MapFS{"proc/1/cmdline": {Data: []byte("haproxystats-pull\x00--colour\x00")}}); err == nil || !strings.Contains(err.Error(), "read the command line of haproxystats-pull: unknown flag: --colour") {
		t.Error(err)
	}
}
