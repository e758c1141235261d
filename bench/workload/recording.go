package workload

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"haproxystats/internal/snapshot"
)

// recorded is the snapshot that everything is made of: a build with zlib, so
// that the original program, which insists on its info keys, reads it too, and
// with all columns of the classic metric set.
const recorded = "testdata/recordings/3.2.0-zlib-rich/1795337158"

// recording is a recorded snapshot taken apart.
type recording struct {
	header string // with its newline
	info   []infoLine
	// Rows by what they stand for.
	frontends, backends, busyServers, otherServers []*template
}

// loadRecording reads the recording from the module's testdata.
func loadRecording() (*recording, error) {
	root, err := moduleRoot()
	if err != nil {
		return nil, err
	}
	dir := os.DirFS(filepath.Join(root, recorded))
	info, err := fs.ReadFile(dir, "haproxy.sock"+snapshot.InfoSuffix)
	if err != nil {
		return nil, err
	}
	stat, err := fs.ReadFile(dir, "haproxy.sock"+snapshot.StatSuffix)
	if err != nil {
		return nil, err
	}
	r := &recording{info: parseInfo(string(info))}
	if err := r.parseStat(string(stat)); err != nil {
		return nil, fmt.Errorf("parse %s: %w", recorded, err)
	}
	return r, nil
}

// moduleRoot is the nearest directory above the working directory that holds
// the module: benchmarks and tests run in their package's directory.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("find testdata: no go.mod above the working directory; run inside the checkout")
		}
		dir = parent
	}
}

// parseStat sorts the rows of a reply to "show stat" into templates.
func (r *recording) parseStat(reply string) error {
	header, _, _ := strings.Cut(reply, "\n")
	r.header = header + "\n"
	records, err := csv.NewReader(strings.NewReader(reply)).ReadAll()
	if err != nil {
		return err
	}
	columns := records[0]
	index := make(map[string]int, len(columns))
	for i, name := range columns {
		index[name] = i
	}
	for _, fields := range records[1:] {
		busy := fields[index["stot"]] != "0"
		t := newTemplate(columns, fields, busy)
		switch fields[index["type"]] {
		case "0":
			if busy {
				r.frontends = append(r.frontends, t)
			}
		case "1":
			if busy && fields[index["status"]] == "UP" {
				r.backends = append(r.backends, t)
			}
		case "2":
			if ok := fields[index["hrsp_2xx"]]; ok != "" && ok != "0" && fields[index["lbtot"]] != "0" {
				r.busyServers = append(r.busyServers, t)
			} else {
				r.otherServers = append(r.otherServers, t)
			}
		}
	}
	if len(r.frontends) == 0 || len(r.backends) == 0 || len(r.busyServers) == 0 || len(r.otherServers) == 0 {
		return errors.New("the recording lacks a kind of row")
	}
	return nil
}
