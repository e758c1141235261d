package packages

import (
	"debug/buildinfo"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"haproxystats/test/real"
)

// schemas is the module that carries the schemas of CycloneDX.
const schemas = "github.com/CycloneDX/cyclonedx-go@v0.12.0"

// validate is Python's: jsonschema has the drafts that the schemas are in. The
// schemas name each other by address, and are found beside each other.
const validate = `
import json, pathlib, sys
import jsonschema
schemas, document = pathlib.Path(sys.argv[1]), json.load(open(sys.argv[2]))
def load(name):
    return json.loads((schemas / name).read_text())
schema = load("bom-1.6.schema.json")
store = {"http://cyclonedx.org/schema/" + n: load(n) for n in ("spdx.schema.json", "bom-1.6.schema.json")}
store["http://cyclonedx.org/schema/jsf-0.82.schema.json"] = load("jsf-0.82.schemax.json")
def nowhere(address):
    raise SystemExit("no schema " + address)
resolver = jsonschema.RefResolver.from_schema(schema, store=store, handlers={"http": nowhere, "https": nowhere})
faults = list(jsonschema.Draft7Validator(schema, resolver=resolver).iter_errors(document))
for f in faults:
    print(list(f.absolute_path), f.message[:300])
sys.exit(bool(faults))
`

type bom struct {
	Components []struct {
		Type, Name, Version, PURL string
		Licenses                  []any
		Hashes                    []struct{ Alg, Content string }
	}
	Dependencies []struct {
		Ref       string
		DependsOn []string
	}
}

func TestBillOfMaterials(t *testing.T) {
	path := filepath.Join(dist(t, newer), "haproxystats-1.0.0.cdx.json")
	python := real.Need(t, "python3-jsonschema")
	var module struct{ Dir string }
	if err := json.Unmarshal([]byte(say(t, "go", "mod", "download", "-json", schemas)), &module); err != nil {
		t.Fatal(err)
	}
	check := func(path string) ([]byte, error) {
		return exec.Command(python, "-W", "ignore", "-c", validate, filepath.Join(module.Dir, "schema"), path).CombinedOutput()
	}
	if out, err := check(path); err != nil {
		t.Errorf("the schema refuses it: %v\n%s", err, out)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	wrong := filepath.Join(t.TempDir(), "wrong.json")
	if err := os.WriteFile(wrong, []byte(strings.Replace(string(text), `"id": "MIT"`, `"id": "MITT"`, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := check(wrong); err == nil || !strings.Contains(string(out), "MITT") {
		t.Errorf("the schema has taken a licence that there is not: %v\n%s", err, out)
	}
	var b bom
	if err := json.Unmarshal(text, &b); err != nil {
		t.Fatal(err)
	}
	complete(t, b)
}

// complete holds a bill against the programs of the debs.
func complete(t *testing.T, b bom) {
	t.Helper()
	bySum, modules := map[string]string{}, map[string]bool{}
	for _, c := range b.Components {
		if len(c.Licenses) == 0 {
			t.Errorf("%s has no licence", c.Name)
		}
		if c.Type == "library" {
			modules[c.PURL] = true
		} else if len(c.Hashes) == 1 {
			bySum[c.Hashes[0].Content] = c.Name
		}
	}
	dependsOn := map[string][]string{}
	for _, d := range b.Dependencies {
		dependsOn[d.Ref] = d.DependsOn
	}
	seen := 0
	for _, p := range packed {
		if p.format != "deb" {
			continue
		}
		for name, f := range readDeb(t, filepath.Join(dist(t, newer), p.file)) {
			if f.sum == "" || f.mode != 0o755 {
				continue
			}
			seen++
			if bySum[f.sum] != filepath.Base(name) {
				t.Errorf("%s of %s: the bill has its sum for %q", name, p.arch, bySum[f.sum])
			}
			file := filepath.Join(t.TempDir(), "program")
			if err := os.WriteFile(file, f.content, 0o600); err != nil {
				t.Fatal(err)
			}
			info, err := buildinfo.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			want := []string{"pkg:golang/std@" + strings.TrimPrefix(info.GoVersion, "go")}
			for _, d := range info.Deps {
				want = append(want, "pkg:golang/"+d.Path+"@"+d.Version)
			}
			for _, purl := range want {
				if !modules[purl] {
					t.Errorf("%s of %s contains %s, which the bill lacks", name, p.arch, purl)
				}
			}
			if got := dependsOn[filepath.Base(name)+"/"+p.arch]; !slices.Equal(got, want) {
				t.Errorf("%s of %s depends on %q, want %q", name, p.arch, got, want)
			}
		}
	}
	if seen != 10 {
		t.Errorf("%d programs were compared, want 5 for each of 2 architectures", seen)
	}
}
