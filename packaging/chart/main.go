// Command chart packs the Helm chart: an archive that `helm install` and `helm push` take, with
// the version of the release. The same source, version and date make the same bytes. It runs
// at the root of a checkout.
package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// source is the chart in a checkout.
const source = "contrib/helm/haproxystats"

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "chart:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	flags := flag.NewFlagSet("chart", flag.ContinueOnError)
	version := flags.String("version", "", "version of the chart and of the image, as semver.org has them")
	date := flags.Int64("date", 0, "date of all files, in seconds since 1970")
	homepage := flags.String("homepage", "", "address of the project that the chart names")
	out := flags.String("out", "dist", "directory for the archive")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *version == "" || *homepage == "" || *date <= 0 || flags.NArg() > 0 {
		return errors.New("-version, -homepage and -date are needed: `make chart` gives them")
	}
	archive, err := pack(os.DirFS(source), *version, *homepage, time.Unix(*date, 0).UTC())
	if err != nil {
		return err
	}
	if err := os.MkdirAll(*out, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(*out, "haproxystats-"+*version+".tgz"), archive, 0o644)
}

// pack returns the archive of a chart.
func pack(chart fs.FS, version, homepage string, date time.Time) ([]byte, error) {
	var archive bytes.Buffer
	zip, err := gzip.NewWriterLevel(&archive, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	files := tar.NewWriter(zip)
	add := func(name string, text []byte) error {
		err := files.WriteHeader(&tar.Header{Name: path.Join("haproxystats", name), Mode: 0o644, Size: int64(len(text)), ModTime: date, Format: tar.FormatUSTAR})
		if err == nil {
			_, err = files.Write(text)
		}
		return err
	}
	// Helm's own archives begin with Chart.yaml.
	description, err := fs.ReadFile(chart, "Chart.yaml")
	if err != nil {
		return nil, err
	}
	for field, value := range map[string]string{"version": version, "appVersion": version, "home": homepage} {
		if description, err = set(description, field, value); err != nil {
			return nil, err
		}
	}
	if err := add("Chart.yaml", description); err != nil {
		return nil, err
	}
	err = fs.WalkDir(chart, ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || name == "Chart.yaml" || ignored(name) {
			return err
		}
		if !e.Type().IsRegular() {
			return fmt.Errorf("%s is not a regular file", name)
		}
		text, err := fs.ReadFile(chart, name)
		if err != nil {
			return err
		}
		return add(name, text)
	})
	if err := errors.Join(err, files.Close(), zip.Close()); err != nil {
		return nil, err
	}
	return archive.Bytes(), nil
}

// ignored reports whether .helmignore leaves a file out.
func ignored(name string) bool {
	base := path.Base(name)
	return base == ".helmignore" || strings.HasPrefix(base, ".") || strings.HasSuffix(base, "~") || strings.HasSuffix(base, ".tgz")
}

// set sets a field of Chart.yaml, which has it once.
func set(description []byte, field, value string) ([]byte, error) {
	line := regexp.MustCompile(`(?m)^` + field + `: .*$`)
	if n := len(line.FindAll(description, -1)); n != 1 {
		return nil, fmt.Errorf("the file Chart.yaml has %d lines of %s, want 1", n, field)
	}
	return line.ReplaceAllLiteral(description, []byte(field+": "+value)), nil
}
