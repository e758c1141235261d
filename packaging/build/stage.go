package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// staged is a pattern of files of the checkout, and the directory of the stage that
// they go to.
type staged struct {
	pattern, to string
	zip         bool
}

// addFiles adds the files that go with the programs to a stage, where nfpm.yaml
// expects them, and gives everything in the stage the same date.
func addFiles(o order, root string, modules []module) error {
	for _, f := range []staged{
		{pattern: "docs/man/*.1", to: "man/man1", zip: true},
		{pattern: "docs/man/*.5", to: "man/man5", zip: true},
		{pattern: "contrib/completion/bash/*", to: "completion/bash"},
		{pattern: "contrib/completion/fish/*", to: "completion/fish"},
		{pattern: "contrib/completion/zsh/*", to: "completion/zsh"},
		{pattern: "contrib/systemd/*.service", to: "units"},
		{pattern: "contrib/systemd/haproxystats-pull.service.d/*.conf", to: "units/haproxystats-pull.service.d"},
		{pattern: "contrib/systemd/haproxystats-process.service.d/*.conf", to: "units/haproxystats-process.service.d"},
		{pattern: "contrib/systemd/haproxystats-central.service.d/*.conf", to: "units/haproxystats-central.service.d"},
		{pattern: "contrib/grafana/*", to: "examples/grafana"},
		{pattern: "contrib/graphite-web/*", to: "examples/graphite-web"},
		{pattern: "contrib/alerts/*", to: "examples/alerts"},
		{pattern: "contrib/prometheus/*.yml", to: "examples/prometheus"},
		{pattern: "contrib/prometheus/grafana/*", to: "examples/prometheus/grafana"},
		{pattern: "contrib/nagios/*", to: "examples/nagios"},
		{pattern: "contrib/kubernetes/*", to: "examples/kubernetes"},
		{pattern: "contrib/systemd/README.md", to: "examples/systemd"},
		{pattern: "haproxystats.conf", to: "examples"},
		{pattern: "packaging/deb/*", to: "deb"},
		{pattern: "packaging/rpm/*", to: "rpm"},
		{pattern: "packaging/apk/*", to: "apk"},
		{pattern: "packaging/openrc/*", to: "openrc"},
		{pattern: "packaging/deb/copyright", to: "doc"},
		{pattern: "README.md", to: "doc"},
		{pattern: "SECURITY.md", to: "doc"},
		{pattern: "docs/*.md", to: "pages"},
		{pattern: "haproxystats.conf", to: "."},
		{pattern: "packaging/nfpm.yaml", to: "."},
	} {
		if err := f.copyTo(root); err != nil {
			return err
		}
	}
	changes, err := os.ReadFile("CHANGELOG.md")
	if err != nil {
		return err
	}
	for name, text := range map[string][]byte{
		"doc/changelog.gz":            zip(changes),
		"doc/licenses.gz":             zip(licenceTexts(modules)),
		"deb-doc/changelog.Debian.gz": zip(debianChanges(o)),
	} {
		if err := write(root, name, text); err != nil {
			return err
		}
	}
	return filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Chtimes(path, o.date, o.date)
	})
}

// copyTo copies the files of the pattern. It is an error if there are none.
func (f staged) copyTo(root string) error {
	paths, err := filepath.Glob(f.pattern)
	if err != nil {
		return err
	}
	if len(paths) == 0 {
		return f.missing()
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name := filepath.Join(f.to, filepath.Base(path))
		if f.zip {
			name, text = name+".gz", zip(text)
		}
		if err := write(root, name, text); err != nil {
			return err
		}
	}
	return nil
}

// missing is the error for a pattern of no file.
func (f staged) missing() error {
	return fmt.Errorf("no file is called %s: `go generate ./...` writes what is generated", f.pattern)
}

// write writes a file with the mode that it has in the packages unless nfpm.yaml
// gives another, whatever the umask is.
func write(root, name string, text []byte) error {
	path := filepath.Join(root, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(path, text, 0o644); err != nil {
		return err
	}
	return os.Chmod(path, 0o644)
}

// zip compresses without a name or a date, as gzip -n does.
func zip(text []byte) []byte {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		panic(err) // the level is one of gzip's
	}
	_, _ = w.Write(text) // a buffer takes all
	_ = w.Close()
	return b.Bytes()
}

func licenceTexts(modules []module) []byte {
	var b bytes.Buffer
	b.WriteString("The programs of haproxystats contain these Go modules and Go's own library (std).\n")
	for _, m := range modules {
		fmt.Fprintf(&b, "\n%s\n%s %s\n\n%s", strings.Repeat("=", 80), m.path, m.version, m.text)
	}
	return b.Bytes()
}

func debianChanges(o order) []byte {
	return fmt.Appendf(nil, "haproxystats (%s-1) unstable; urgency=medium\n\n  * See changelog.gz.\n\n -- %s  %s\n",
		packageVersion("deb", o.version), maintainer, o.date.Format(time.RFC1123Z))
}
