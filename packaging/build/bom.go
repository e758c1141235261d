package main

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// The part of CycloneDX 1.6 that is used: https://cyclonedx.org/docs/1.6/json/.
type bom struct {
	Format       string       `json:"bomFormat"`
	Spec         string       `json:"specVersion"`
	Version      int          `json:"version"`
	Metadata     metadata     `json:"metadata"`
	Components   []component  `json:"components"`
	Dependencies []dependency `json:"dependencies"`
}

type metadata struct {
	Timestamp string    `json:"timestamp"`
	Component component `json:"component"`
}

type component struct {
	Type     string    `json:"type"`
	Ref      string    `json:"bom-ref"`
	Name     string    `json:"name"`
	Version  string    `json:"version"`
	Hashes   []hash    `json:"hashes,omitempty"`
	Licences []licence `json:"licenses,omitempty"`
	PURL     string    `json:"purl,omitempty"`
}

type hash struct {
	Algorithm string `json:"alg"`
	Content   string `json:"content"`
}

// A licence is one by its name in SPDX, or an expression of several.
type licence struct {
	Licence    *spdx  `json:"license,omitempty"`
	Expression string `json:"expression,omitempty"`
}

type spdx struct {
	ID string `json:"id"`
}

type dependency struct {
	Ref string   `json:"ref"`
	On  []string `json:"dependsOn"`
}

func bomName(version string) string { return "haproxystats-" + version + ".cdx.json" }

// writeBOM writes which programs the packages hold, and what these contain.
func writeBOM(o order, programs []program, modules []module) error {
	all := component{Type: "application", Ref: "haproxystats", Name: "haproxystats", Version: o.version, Licences: named("Apache-2.0")}
	b := bom{
		Format: "CycloneDX", Spec: "1.6", Version: 1,
		Metadata: metadata{Timestamp: o.date.Format(time.RFC3339), Component: all},
	}
	whole := dependency{Ref: all.Ref}
	for _, p := range programs {
		content, err := os.ReadFile(p.path)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(content)
		ref := p.name + "/" + p.arch
		if p.system != "linux" {
			ref = p.name + "/" + p.target.String()
		}
		c := component{
			Type: "application", Ref: ref, Name: p.name, Version: o.version,
			Hashes: []hash{{"SHA-256", hex.EncodeToString(sum[:])}}, Licences: all.Licences,
		}
		b.Components = append(b.Components, c)
		whole.On = append(whole.On, c.Ref)
		parts := dependency{Ref: c.Ref, On: []string{purl("std", strings.TrimPrefix(p.info.GoVersion, "go"))}}
		for _, d := range p.info.Deps {
			parts.On = append(parts.On, purl(d.Path, d.Version))
		}
		b.Dependencies = append(b.Dependencies, parts)
	}
	b.Dependencies = append(b.Dependencies, whole)
	for _, m := range modules {
		c := component{
			Type: "library", Ref: purl(m.path, m.version), Name: m.path, Version: m.version,
			Licences: named(m.licences...), PURL: purl(m.path, m.version),
		}
		// What go.sum calls h1 is the SHA-256 of the list of the module's files.
		if sum, ok := strings.CutPrefix(m.sum, "h1:"); ok {
			raw, err := base64.StdEncoding.DecodeString(sum)
			if err != nil {
				return fmt.Errorf("sum of %s: %w", m.path, err)
			}
			c.Hashes = []hash{{"SHA-256", hex.EncodeToString(raw)}}
		}
		b.Components = append(b.Components, c)
	}
	text, err := json.MarshalIndent(b, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(o.out, bomName(o.version)), append(text, '\n'), 0o644)
}

func purl(path, version string) string { return "pkg:golang/" + path + "@" + version }

func named(ids ...string) []licence {
	if len(ids) == 1 {
		return []licence{{Licence: &spdx{ids[0]}}}
	}
	return []licence{{Expression: strings.Join(ids, " AND ")}}
}
