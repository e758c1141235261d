package learned

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"haproxystats/internal/catalogue"
	"haproxystats/internal/haproxy"
	"haproxystats/internal/metric"
)

// said is what HAProxy says of a field with these tags.
func said(row byte, name, tags, kind string) haproxy.Typed {
	return haproxy.Typed{Row: row, Name: name, Origin: tags[0], Nature: tags[1], Scope: tags[2], Kind: kind, Help: "About " + name}
}

func TestRules(t *testing.T) {
	for _, c := range []struct {
		row        byte
		tags, kind string
		name       string
		nature     catalogue.Nature
		combine    catalogue.Combine
	}{
		{'F', "MCP", "u64", "n", catalogue.Counter, catalogue.Sum},
		{'F', "MCP", "u32", "n", catalogue.Counter32, catalogue.Sum},
		{'F', "MCS", "u64", "n", catalogue.Counter, catalogue.Largest},
		{'F', "MGP", "u32", "n", catalogue.Gauge, catalogue.Sum},
		{0, "CGS", "u32", "n", catalogue.Gauge, catalogue.Largest},
		{'B', "MRP", "u32", "n", catalogue.Rate, catalogue.Sum},
		{'B', "CLP", "u32", "n", catalogue.Limit, catalogue.Sum},
		{'B', "CLS", "u32", "n", catalogue.Limit, catalogue.Largest},
		{'S', "MMP", "u32", "n", catalogue.Maximum, catalogue.Largest},
		{'S', "MmP", "u32", "n", catalogue.Minimum, catalogue.Smallest},
		{'S', "MaP", "u32", "n", catalogue.Average, catalogue.Mean},
		{'S', "MaP", "u32", "newtime", catalogue.Average, catalogue.MeanOfActive},
		{'F', "MaP", "u32", "newtime", catalogue.Average, catalogue.Mean},
		{'S', "MAP", "s32", "n", catalogue.Age, catalogue.SmallestOfKnown},
		{'S', "MDP", "u32", "n", catalogue.Duration, catalogue.Largest},
		{'S', "MTP", "u32", "n", catalogue.Duration, catalogue.Largest},
		{'S', "SOP", "u32", "n", catalogue.State, catalogue.Largest},
		{'S', "SGP", "u32", "n", catalogue.State, catalogue.Largest},
		{'S', "KGP", "u32", "n", catalogue.Text, catalogue.Never},
		{'S', "POS", "str", "n", catalogue.Text, catalogue.Never},
		{'S', "MOP", "str", "n", catalogue.Text, catalogue.Never},
	} {
		f := fieldOf(said(c.row, c.name, c.tags, c.kind))
		if f.Nature != c.nature || f.Combine != c.combine {
			t.Errorf("%s %s of %c: got nature %v and rule %v, want %v and %v", c.tags, c.kind, c.row, f.Nature, f.Combine, c.nature, c.combine)
		}
	}
}

// TestLearn: what was learned is known by its row, told once, and survives a restart.
func TestLearn(t *testing.T) {
	var log bytes.Buffer
	o := Options{File: filepath.Join(t.TempDir(), "learned"), Log: slog.New(slog.NewTextHandler(&log, nil))}
	s := Open(o)
	fields := []haproxy.Typed{
		said('F', "novel one", "MCP", "u64"), said('S', "novel one", "MGP", "u32"), said(0, "Novel", "MCP", "u32"),
		said('F', "stot", "MGP", "u64"), // known
		said('F', "bad/name", "MGP", "u64"), said('F', strings.Repeat("x", 65), "MGP", "u64"),
	}
	before := s.Generation()
	if !s.Learn("3.9-dev1", fields) || s.Generation() == before {
		t.Error("got nothing new, want three fields")
	}
	before = s.Generation()
	if s.Learn("3.9-dev1", fields) || s.Generation() != before {
		t.Error("got something new of what is known")
	}
	if s.Learn("bad version", fields) || s.Learn("", fields) {
		t.Error("got something of a version that is none")
	}
	want := []metric.LearnedField{{Rows: "frontend", Field: "novel one"}, {Rows: "process", Field: "Novel"}, {Rows: "server", Field: "novel one"}}
	for range 2 { // the second time of the file
		if diff := cmp.Diff(want, s.Fields()); diff != "" {
			t.Errorf("fields (-want +got):\n%s", diff)
		}
		front, ok := s.Lookup(catalogue.Frontend, "novel one")
		if !ok || front.Nature != catalogue.Counter || front.Help != "About novel one" {
			t.Errorf("got %+v, %t, want a counter", front, ok)
		}
		if server, ok := s.Lookup(catalogue.Server, "novel one"); !ok || server.Nature != catalogue.Gauge {
			t.Errorf("got %+v, %t, want a gauge", server, ok)
		}
		if f, ok := s.Lookup(catalogue.Backend, "novel one"); ok {
			t.Errorf("got %+v of rows that were not explained", f)
		}
		s = Open(o)
	}
	if n := strings.Count(log.String(), "field of HAProxy is learned"); n != 3 {
		t.Errorf("got %d messages, want 3:\n%s", n, &log)
	}
	// Another version says something else, and counts.
	if !s.Learn("4.0", []haproxy.Typed{said('F', "novel one", "MGP", "u64")}) {
		t.Error("got nothing new of another version")
	}
	if f, _ := s.Lookup(catalogue.Frontend, "novel one"); f.Nature != catalogue.Gauge {
		t.Errorf("got %+v, want what the last version said", f)
	}
}

// TestBounds: there are 256 fields of a row at most, and the versions that were learned last.
func TestBounds(t *testing.T) {
	var log bytes.Buffer
	s := Open(Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
	var many []haproxy.Typed
	for i := range maxFields + 9 {
		many = append(many, said('F', fmt.Sprint("novel", i), "MCP", "u64"))
	}
	s.Learn("4.0", many)
	if n := len(s.Fields()); n != maxFields {
		t.Errorf("got %d fields, want %d", n, maxFields)
	}
	if n := strings.Count(log.String(), "can't be learned"); n != 1 {
		t.Errorf("got %d warnings, want 1", n)
	}
	for i := range maxVersions {
		s.Learn(fmt.Sprint("5.", i), many[:1])
	}
	if n := len(s.Fields()); n != 1 {
		t.Errorf("got %d fields of the versions that are remembered, want 1", n)
	}
}

// TestDamagedFile: a file that can't be used costs what was in it, and no more.
func TestDamagedFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "learned")
	Open(Options{File: file}).Learn("4.0", []haproxy.Typed{said('F', "novel", "MCP", "u64")})
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"empty": "", "cut": string(whole[:len(whole)-3]), "changed": strings.Replace(string(whole), "MCP", "MC", 1),
		"another row": strings.Replace(string(whole), " F ", " X ", 1), "another title": strings.Replace(string(whole), " 1\n", " 2\n", 1),
	} {
		if err := os.WriteFile(file, []byte(text), 0o640); err != nil {
			t.Fatal(err)
		}
		var log bytes.Buffer
		s := Open(Options{File: file, Log: slog.New(slog.NewTextHandler(&log, nil))})
		if len(s.Fields()) > 0 || !strings.Contains(log.String(), "can't be read") {
			t.Errorf("%s: got %v and the log %q, want no field and a warning", name, s.Fields(), &log)
		}
		if !s.Learn("4.0", []haproxy.Typed{said('F', "novel", "MCP", "u64")}) {
			t.Errorf("%s: got nothing new", name)
		}
		if again := Open(Options{File: file}); len(again.Fields()) != 1 {
			t.Errorf("%s: got %v after it was learned anew, want one field", name, again.Fields())
		}
	}
}
