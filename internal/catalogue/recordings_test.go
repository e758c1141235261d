package catalogue

import (
	"bufio"
	"compress/gzip"
	"encoding/csv"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const recordings = "../../testdata"

// seen is what the typed recordings of all versions say of a field.
type seen struct {
	tags []string
	text bool
	u32  bool // in any version
	// negative is whether any version shows a negative number, which is a marker.
	negative bool
	in       Scopes
}

// typedRecordings reads `show info typed` or `show stat typed` of all versions:
// lines as F.2.0.4.scur.1:MGP:u32:5 and 13.CurrConns.1:MGP:u32:4.
func typedRecordings(t *testing.T, kind string) map[string]*seen {
	t.Helper()
	letters := map[string]Scopes{"F": Frontend, "B": Backend, "S": Server, "L": Listener}
	fields := make(map[string]*seen)
	files, err := filepath.Glob(filepath.Join(recordings, "typed", "*-"+kind+".txt.gz"))
	if err != nil || len(files) < 8 {
		t.Fatalf("typed recordings: %v, %v", files, err)
	}
	for _, path := range files {
		file, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		unzipped, err := gzip.NewReader(file)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		lines := bufio.NewScanner(unzipped)
		for lines.Scan() {
			parts := strings.SplitN(lines.Text(), ":", 4)
			if len(parts) < 4 {
				continue
			}
			where := strings.Split(parts[0], ".")
			name, in := where[1], Daemon
			if kind == "stat" {
				name, in = where[4], letters[where[0]]
			}
			s := fields[name]
			if s == nil {
				s = &seen{}
				fields[name] = s
			}
			if !slices.Contains(s.tags, parts[1]) {
				s.tags = append(s.tags, parts[1])
			}
			s.text = s.text || parts[2] == "str"
			s.u32 = s.u32 || parts[2] == "u32"
			s.negative = s.negative || parts[2] == "s32" && strings.HasPrefix(parts[3], "-")
			s.in |= in
		}
		if err := lines.Err(); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
	}
	return fields
}

// csvRecordings tells which kinds of rows hold a value for each column.
func csvRecordings(t *testing.T) map[string]Scopes {
	t.Helper()
	types := map[string]Scopes{"0": Frontend, "1": Backend, "2": Server, "3": Listener}
	filled := make(map[string]Scopes)
	files, _ := filepath.Glob(filepath.Join(recordings, "recordings", "*", "*", "*_stat"))
	golden, _ := filepath.Glob(filepath.Join(recordings, "golden", "*", "snapshot", "*", "*_stat"))
	if len(files) < 3 || len(golden) < 3 {
		t.Fatalf("CSV recordings: %v, %v", files, golden)
	}
	for _, path := range append(files, golden...) {
		file, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		r := csv.NewReader(file)
		r.FieldsPerRecord = -1
		r.LazyQuotes = true
		rows, err := r.ReadAll()
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		header := rows[0]
		header[0] = strings.TrimPrefix(header[0], "# ")
		kind := slices.Index(header, "type")
		for _, row := range rows[1:] {
			for i, value := range row[:min(len(row), len(header))] {
				if value != "" {
					filled[header[i]] |= types[row[kind]]
				}
			}
		}
	}
	return filled
}

// recordedField is a line of the list of all fields of all recorded versions.
type recordedField struct {
	version string // as "3.4.0"
	build   string // "zlib" or "quic" where the fields hang on it
	kind    string // info or stat
	name    string
}

func recordedFields(t *testing.T) []recordedField {
	t.Helper()
	file, err := os.ReadFile(filepath.Join(recordings, "typed", "fields.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	var out []recordedField
	for line := range strings.Lines(string(file)) {
		cols := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(cols) != 4 {
			t.Fatalf("fields.tsv: %q has not four columns", line)
		}
		version, build, _ := strings.Cut(cols[0], "-")
		r := recordedField{version, build, cols[1], cols[3]}
		// Separators, and a defect of 2.8, don't count as fields.
		if slices.Contains([]string{"info", "stat"}, r.kind) && !slices.Contains([]string{"", "-", "(null)"}, r.name) {
			out = append(out, r)
		}
	}
	return out
}
