package real

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

//go:embed fetch.py
var fetchScript string

// Series is the points of one metric: values by time, which whisper rounds
// down to its retention's step.
type Series map[int64]float64

// Paths returns the metrics that carbon has made a whisper file for.
func (c *Carbon) Paths() ([]string, error) {
	var paths []string
	err := filepath.WalkDir(c.data, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if stem, ok := strings.CutSuffix(name, ".wsp"); ok && !d.IsDir() {
			rel, err := filepath.Rel(c.data, stem)
			if err != nil {
				return err
			}
			paths = append(paths, strings.ReplaceAll(rel, string(filepath.Separator), "."))
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list whisper files: %w", err)
	}
	return paths, nil
}

// Fetch reads metrics back from disk, with Debian's whisper library, from since
// until now. A metric without a file, or with one that carbon is just making, is
// left out.
func (c *Carbon) Fetch(ctx context.Context, since time.Time, paths ...string) (map[string]Series, error) {
	files := make([]string, len(paths))
	for i, p := range paths {
		files[i] = c.file(p)
	}
	ask, err := json.Marshal(map[string]any{"from": since.Unix(), "until": time.Now().Unix(), "files": files})
	if err != nil {
		return nil, fmt.Errorf("read whisper files: %w", err)
	}
	cmd := exec.CommandContext(ctx, systemPython, "-I", "-c", fetchScript)
	cmd.WaitDelay = time.Second
	cmd.Stdin = bytes.NewReader(ask)
	var stderr tail
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("read whisper files: %w: %s", err, stderr.String())
	}
	var found map[string]Series
	if err := json.Unmarshal(out, &found); err != nil {
		return nil, fmt.Errorf("read whisper files: %w", err)
	}
	series := make(map[string]Series, len(found))
	for i, p := range paths {
		if s, ok := found[files[i]]; ok {
			series[p] = s
		}
	}
	return series, nil
}

// Await reads metrics back until ok is content or ctx ends, and returns what it
// read last. Carbon writes about once a second.
func (c *Carbon) Await(ctx context.Context, since time.Time, paths []string, ok func(map[string]Series) bool) (map[string]Series, error) {
	ticker := time.NewTicker(200 * time.Millisecond)
	defer ticker.Stop()
	var last map[string]Series
	for {
		series, err := c.Fetch(ctx, since, paths...)
		if err == nil {
			last = series
			if ok(series) {
				return series, nil
			}
		}
		if ctx.Err() != nil { // which may be why nothing could be read
			return last, fmt.Errorf("wait for %d metrics in whisper files: %w", len(paths), context.Cause(ctx))
		}
		if err != nil {
			return nil, err
		}
		select {
		case <-ctx.Done():
		case <-c.Process.Done():
			return series, c.Process.ended()
		case <-ticker.C:
		}
	}
}

func (c *Carbon) file(path string) string {
	return filepath.Join(c.data, filepath.FromSlash(strings.ReplaceAll(path, ".", "/"))+".wsp")
}
