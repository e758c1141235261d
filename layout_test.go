// Package haproxystats tests the layout of the module.
package haproxystats

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// plan returns what each package may import of ours, by the table of
// docs/architecture.md: with ["*"] all.
func plan(t *testing.T) map[string][]string {
	t.Helper()
	text, err := os.ReadFile("docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	allowed := make(map[string][]string)
	for _, row := range tableRow.FindAllStringSubmatch(string(text), -1) {
		var imports []string
		switch list, _, _ := strings.Cut(row[2], ":"); list {
		case "none":
		case "all":
			imports = []string{"*"}
		default:
			for name := range strings.SplitSeq(list, ", ") {
				imports = append(imports, "internal/"+name)
			}
		}
		for name := range strings.SplitSeq(row[1], ", ") {
			allowed[name] = imports
		}
	}
	if len(allowed) == 0 {
		t.Fatal("docs/architecture.md has no table of packages")
	}
	return allowed
}

// tableRow is a row of the table: packages, what they own, imports.
var tableRow = regexp.MustCompile(`(?m)^\| ((?:cmd|internal)/[^|]+) \|[^|]+\| ([^|]+) \|$`)

// outside are the folders that are no part of the programs: they may import
// what they like and must not be linked into the programs.
var outside = []string{"bench", "demo", "dev", "packaging", "test", "internal/dashboard", "internal/dial/dialtest", "internal/encode/encodetest", "internal/encode/remotewrite/writetest", "internal/haproxysim", "internal/kafka/kafkatest", "internal/man", "internal/sink/sinktest", "internal/tlsfile/tlstest", "internal/truth/truthtest"}

const module = "haproxystats"

type goPackage struct {
	ImportPath string
	Name       string
	Imports    []string
	Standard   bool
}

func list(t *testing.T, args ...string) []goPackage {
	t.Helper()
	out, err := exec.Command("go", append([]string{"list", "-json=ImportPath,Name,Imports,Standard"}, args...)...).Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("go list: %v\n%s", err, exit.Stderr)
		}
		t.Fatal(err)
	}
	var packages []goPackage
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p goPackage
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return packages
		} else if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
}

// room returns the path of a package inside the module.
func room(importPath string) (string, bool) {
	if importPath == module {
		return "", false
	}
	return strings.CutPrefix(importPath, module+"/")
}

func isOutside(room string) bool {
	return slices.ContainsFunc(outside, func(o string) bool { return below(room, o) })
}

// imports returns what each package imports of ours, generators, sinktest and encodetest
// excepted.
func imports(t *testing.T) map[string][]string {
	t.Helper()
	found := make(map[string][]string)
	for _, p := range list(t, "./cmd/...", "./internal/...") {
		from, ours := room(p.ImportPath)
		generator := p.Name == "main" && strings.HasPrefix(from, "internal/")
		if !ours || generator || from == "internal/sink/sinktest" || from == "internal/encode/encodetest" {
			continue
		}
		found[from] = nil
		for _, i := range p.Imports {
			if to, ours := room(i); ours {
				found[from] = append(found[from], to)
			}
		}
	}
	return found
}

// TestImportsFollowThePlan compares both ways: an import needs a permission, and
// a permission that no import uses is out of date.
func TestImportsFollowThePlan(t *testing.T) {
	allowed, found := plan(t), imports(t)
	for from, imported := range found {
		may, planned := allowed[from]
		if !planned {
			t.Errorf("%s is not in the table of docs/architecture.md: add a row", from)
			continue
		}
		if slices.Contains(may, "*") {
			continue
		}
		for _, to := range imported {
			if !slices.Contains(may, to) {
				t.Errorf("%s imports %s, which the table of docs/architecture.md does not allow", from, to)
			}
		}
		for _, to := range may {
			if !slices.Contains(imported, to) {
				t.Errorf("%s may import %s by the table of docs/architecture.md, and does not: remove the permission", from, to)
			}
		}
	}
	for from := range allowed {
		if _, exists := found[from]; !exists {
			t.Errorf("%s is in the table of docs/architecture.md and does not exist", from)
		}
	}
}

// never lists imports that no row of the table may allow. Both from and to are a package,
// or a folder with everything below it.
var never = []struct{ from, to, reason string }{
	{"internal/metric", "internal/haproxy", "tables are what sinks know, and sinks do not know HAProxy's protocol"},
	{"internal/haproxy", "internal/catalogue", "client and scanners read fields whatever they mean"},
	{"internal/sink", "internal/process", "a sink takes batches and does not know who brings them"},
	{"internal/sink", "internal/spool", "a sink's durable half is its own queue, so that one that is down stops no other"},
	{"internal/encode", "internal/sink", "an encoder is a pure function from a batch to bytes, whatever takes them"},
	{"internal/pull", "internal/sink", "pulling must never wait for delivering"},
	{"internal/pull", "internal/process", "the two programs share nothing but a directory"},
	{"internal/process", "internal/pull", "the two programs share nothing but a directory"},
	{"internal/process", "internal/sink", "sinks are given to the processor as an interface, so that a sink is added without it"},
	{"internal/aggregate", "internal/sink", "data flows one way: aggregation comes before sinks"},
	{"internal/spool", "internal/haproxy", "the spool moves files whose content it does not know"},
	{"internal", "internal/cli", "flags and printing are the outermost layer"},
	{"internal/app", "internal/doctor", "a program does its work; looking at it from outside is another's"},
	{"internal/app", "internal/check", "a program does its work; looking at it from outside is another's"},
}

// below reports whether a package is the folder or is in it.
func below(room, folder string) bool { return room == folder || strings.HasPrefix(room, folder+"/") }

func TestNeverImported(t *testing.T) {
	found := imports(t)
	for _, n := range never {
		for from, imported := range found {
			if !below(from, n.from) || below(from, n.to) {
				continue
			}
			for _, to := range imported {
				if below(to, n.to) {
					t.Errorf("%s imports %s: %s", from, to, n.reason)
				}
			}
		}
	}
}

func TestProgramsLinkNoTestCode(t *testing.T) {
	for _, p := range list(t, "-deps", "./cmd/...") {
		if p.ImportPath == "testing" || p.ImportPath == "net/http/httptest" || p.ImportPath == "pgregory.net/rapid" {
			t.Errorf("the programs link %s", p.ImportPath)
		}
		if r, ours := room(p.ImportPath); ours && isOutside(r) {
			t.Errorf("the programs link %s", r)
		}
	}
}

// TestOnlySomeLinkHTTP checks that haproxystats-pull and the check do not link
// net/http, which is large and which they do not need.
func TestOnlySomeLinkHTTP(t *testing.T) {
	for name, want := range map[string]bool{
		"haproxystats-process": true, "haproxystats-central": true,
		"haproxystats": false, "haproxystats-pull": false, "check_haproxystats": false,
	} {
		links := slices.ContainsFunc(list(t, "-deps", "./cmd/"+name), func(p goPackage) bool { return p.ImportPath == "net/http" })
		if links != want {
			t.Errorf("%s links net/http: got %t, want %t", name, links, want)
		}
	}
}

// TestNoTemplates: a template of the command line's library would have the linker keep
// methods that nobody calls, a quarter of each program.
func TestNoTemplates(t *testing.T) {
	files, err := filepath.Glob("internal/cli/*.go")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Fatal("got no files of internal/cli")
	}
	template := regexp.MustCompile(`\.Set\w*Template\(`)
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if found := template.Find(text); found != nil {
			t.Errorf("%s calls %s", f, found)
		}
	}
}

// TestOnlySomeLinkKafka: the client library takes 4 MB, and pull and the check have no
// use for it.
func TestOnlySomeLinkKafka(t *testing.T) {
	for name, want := range map[string]bool{
		"haproxystats": true, "haproxystats-process": true, "haproxystats-central": true,
		"haproxystats-pull": false, "check_haproxystats": false,
	} {
		links := slices.ContainsFunc(list(t, "-deps", "./cmd/"+name), func(p goPackage) bool {
			return strings.HasPrefix(p.ImportPath, "github.com/twmb/franz-go")
		})
		if links != want {
			t.Errorf("%s links a client of Kafka: got %t, want %t", name, links, want)
		}
	}
}

// linkedCode has, for programs without sinks, the packages of which nothing but what
// initialises their variables may be linked. An import alone costs next to nothing; a
// reference to what makes a program or opens a sink links all of them. `go build
// -ldflags=-dumpdep` prints what refers to what.
var linkedCode = map[string]string{
	"haproxystats-pull":  `internal/(sink|encode|process|aggregate|reply|cluster|window|journal|verify|selfstat|tlsfile|check|nagios)`,
	"check_haproxystats": `internal/(sink/(graphite|push|outbox|scrape|localstore|stream|kafka|forward)|encode|process|aggregate|reply|cluster|window|journal|verify|pull|workers|collect|haproxy|truth|transitions|learned|dial|event)`,
}

// TestProgramsLinkNoCodeOfOthers looks at the functions of the programs that have been
// linked.
func TestProgramsLinkNoCodeOfOthers(t *testing.T) {
	dir := t.TempDir()
	for name, forbidden := range linkedCode {
		path := filepath.Join(dir, name)
		build := exec.Command("go", "build", "-o", path, "./cmd/"+name)
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("build %s: %v\n%s", name, err, out)
		}
		out, err := exec.Command("go", "tool", "nm", path).Output()
		if err != nil {
			t.Fatalf("go tool nm %s: %v", name, err)
		}
		function := regexp.MustCompile(`(?m)^ *[0-9a-f]+ [Tt] (` + module + `/` + forbidden + `(?:/[a-z/]+)?\.\S+)$`)
		found := 0
		for _, m := range function.FindAllStringSubmatch(string(out), -1) {
			if strings.HasSuffix(m[1], ".init") || strings.Contains(m[1], ".map.init.") {
				continue
			}
			if found++; found <= 5 {
				t.Errorf("%s links %s", name, m[1])
			}
		}
		if !strings.Contains(string(out), " T "+module+"/internal/config.Load") {
			t.Errorf("%s: nm lists no function config.Load, so it would find none of the others either", name)
		}
	}
}
