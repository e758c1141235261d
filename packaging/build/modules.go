package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// module is one that the programs contain. Go's own library is the one named std.
type module struct {
	path, version string
	sum           string // as in go.sum; none for std
	licences      []string
	text          string // of all licences and notices
}

// linked returns what the programs contain, in the order of paths.
func linked(ctx context.Context, programs []program) ([]module, error) {
	found := map[string]module{"std": {path: "std", version: strings.TrimPrefix(programs[0].info.GoVersion, "go")}}
	for _, p := range programs {
		for _, d := range p.info.Deps {
			if d.Replace != nil {
				return nil, fmt.Errorf("module %s is replaced by %s: no release contains what has no version of its own", d.Path, d.Replace.Path)
			}
			found[d.Path] = module{path: d.Path, version: d.Version, sum: d.Sum}
		}
	}
	dirs, err := directories(ctx)
	if err != nil {
		return nil, err
	}
	var modules []module
	for _, m := range found {
		if m.licences, m.text, err = licences(dirs[m.path]); err != nil {
			return nil, fmt.Errorf("licence of %s: %w", m.path, err)
		}
		modules = append(modules, m)
	}
	slices.SortFunc(modules, func(a, b module) int { return cmp.Compare(a.path, b.path) })
	return modules, nil
}

// directories returns where each module of go.mod and Go itself are.
func directories(ctx context.Context) (map[string]string, error) {
	root, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return nil, fmt.Errorf("go env GOROOT: %w", err)
	}
	list, err := exec.CommandContext(ctx, "go", "list", "-mod=readonly", "-m", "-json=Path,Dir", "all").Output()
	if err != nil {
		return nil, fmt.Errorf("go list -m all: %w", err)
	}
	dirs := map[string]string{"std": strings.TrimSpace(string(root))}
	for d := json.NewDecoder(bytes.NewReader(list)); ; {
		var m struct{ Path, Dir string }
		if err := d.Decode(&m); errors.Is(err, io.EOF) {
			return dirs, nil
		} else if err != nil {
			return nil, fmt.Errorf("go list -m all: %w", err)
		}
		dirs[m.Path] = m.Dir
	}
}

// phrases tell a licence by words that it alone has.
var phrases = []struct{ id, phrase string }{
	{"Apache-2.0", "Apache License"},
	{"BSD-3-Clause", "endorse or promote products"},
	{"MIT", "Permission is hereby granted, free of charge"},
	{"BSD-2-Clause", "Redistribution and use in source and binary forms"},
}

// licences returns the SPDX names and the texts of a module's licences.
func licences(dir string) ([]string, string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, "", err
	}
	var ids []string
	var text strings.Builder
	for _, e := range entries {
		name := strings.ToUpper(e.Name())
		licence := strings.HasPrefix(name, "LICENSE") || strings.HasPrefix(name, "LICENCE") || strings.HasPrefix(name, "COPYING")
		if e.IsDir() || !licence && !strings.HasPrefix(name, "NOTICE") {
			continue
		}
		content, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, "", err
		}
		text.Write(bytes.TrimSpace(content))
		text.WriteString("\n\n")
		if licence {
			ids = append(ids, identify(string(content))...)
		}
	}
	if len(ids) == 0 {
		return nil, "", fmt.Errorf("none that is known in %s: teach packaging/build its words, if it may be shipped", dir)
	}
	slices.Sort(ids)
	return slices.Compact(ids), text.String(), nil
}

// identify returns the SPDX names of the licences in a text.
func identify(text string) []string {
	text = strings.Join(strings.Fields(text), " ")
	var ids []string
	for _, p := range phrases {
		if p.id == "BSD-2-Clause" && slices.Contains(ids, "BSD-3-Clause") {
			continue // whose words contain those of the shorter
		}
		if strings.Contains(text, p.phrase) {
			ids = append(ids, p.id)
		}
	}
	return ids
}
