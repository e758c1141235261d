package plaintext_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"haproxystats/internal/aggregate"
	"haproxystats/internal/encode/plaintext"
	"haproxystats/internal/reply"
)

// oneOf is a group of the names that match.
func oneOf(name, pattern string) aggregate.Group {
	return aggregate.Group{Name: name, Match: regexp.MustCompile(pattern).MatchString}
}

// everything is options that show all that names are used for.
func everything(set string) aggregate.Options {
	return aggregate.Options{
		Spell:          plaintext.Component,
		Classic:        set == "classic",
		ServerNames:    true,
		PerProcess:     true,
		Percentages:    true,
		Backends:       aggregate.Wanted{Exclude: &aggregate.Names{Exact: []string{"gone_one"}}},
		FrontendGroups: []aggregate.Group{oneOf("web", "www_example_com"), oneOf("letters", "a_b")},
		BackendGroups:  []aggregate.Group{oneOf("apps", "app_")},
		ServerGroups:   []aggregate.Group{oneOf("numbered", "s_1")},
	}
}

var grouped = plaintext.Paths{Namespace: "lb", GroupNamespace: "grp", DoubleWrites: true}

// lines returns what Graphite gets of a snapshot, in the order of the paths.
func lines(t interface{ Fatal(...any) }, a *aggregate.Aggregator, e *plaintext.Encoder, files fs.FS) ([]string, plaintext.Result) {
	a.Reset()
	var r reply.Reader
	if _, err := r.Read(files, a); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	result, err := e.Encode(&out, a.Batch(1795890966))
	if err != nil {
		t.Fatal(err)
	}
	all := slices.Sorted(strings.Lines(out.String()))
	for i, line := range all[min(1, len(all)):] {
		if path, _, _ := strings.Cut(line, " "); strings.HasPrefix(all[i], path+" ") {
			t.Fatal("a path comes twice: ", path)
		}
	}
	return all, result
}

// TestNamesThatMeet compares with the lines that were made when names became
// paths before they were combined. The snapshot has names that meet in every scope,
// groups, excluded names, columns that one process lacks and odd numbers.
func TestNamesThatMeet(t *testing.T) {
	for _, set := range []string{"all", "classic"} {
		t.Run(set, func(t *testing.T) {
			want, err := os.ReadFile("testdata/meetings/" + set + ".txt")
			if err != nil {
				t.Fatal(err)
			}
			a, e := aggregate.New(everything(set)), plaintext.New(grouped)
			for round := range 2 { // the second has everything at hand
				got, result := lines(t, a, e, os.DirFS("testdata/meetings/snapshot"))
				if d := cmp.Diff(slices.Sorted(strings.Lines(string(want))), got); d != "" {
					t.Errorf("round %d: want -, got +\n%s", round, d)
				}
				if met := len(result.Met); met != 17*(1-round) {
					t.Errorf("round %d: %d pairs are told, want 17 in the first", round, met)
				}
			}
		})
	}
}

// TestNamesMadePathsBefore: a snapshot whose names are replaced by what they are
// in paths gives the same lines.
func TestNamesMadePathsBefore(t *testing.T) {
	names := []string{"a.b", "a_b", "a b", "c", "é.é", "app.1", "app_1", "gone.one", "www.example.com"}
	number := rapid.SampledFrom([]string{"", "0", "1", "7", "100", "9223372036854775807", "18446744073709551615", "-1", "0.5", "x"})
	fields := []string{"scur", "weight", "lbtot", "rtime", "eint", "qtime_max", "throttle", "brand_new", "brand.new", "brand new"}
	rapid.Check(t, func(t *rapid.T) {
		opt := everything(rapid.SampledFrom([]string{"all", "classic"}).Draw(t, "set"))
		opt.PerProcess = false
		used, before := aggregate.New(opt), aggregate.New(opt)
		e := plaintext.New(grouped)
		for range rapid.IntRange(1, 3).Draw(t, "snapshots") {
			raw, clean := fstest.MapFS{}, fstest.MapFS{}
			for i := range rapid.IntRange(1, 3).Draw(t, "processes") {
				columns := rapid.Permutation(fields).Draw(t, "columns")[:rapid.IntRange(0, len(fields)).Draw(t, "n")]
				var stat, cleanStat strings.Builder
				for _, w := range []*strings.Builder{&stat, &cleanStat} {
					w.WriteString("# pxname,svname,type," + strings.Join(columns, ",") + "\n")
				}
				for range rapid.IntRange(0, 8).Draw(t, "rows") {
					typ := rapid.IntRange(0, 2).Draw(t, "type")
					proxy := rapid.SampledFrom(names).Draw(t, "proxy")
					service := []string{"FRONTEND", "BACKEND", rapid.SampledFrom(names).Draw(t, "server")}[typ]
					values := fmt.Sprintf(",%d", typ)
					for range columns {
						values += "," + number.Draw(t, "value")
					}
					stat.WriteString(proxy + "," + service + values + "\n")
					cleanStat.WriteString(plaintext.Component(proxy) + "," + plaintext.Component(service) + values + "\n")
				}
				stat.WriteByte('\n')
				cleanStat.WriteByte('\n')
				raw[fmt.Sprint(i, "_stat")] = &fstest.MapFile{Data: []byte(stat.String())}
				clean[fmt.Sprint(i, "_stat")] = &fstest.MapFile{Data: []byte(cleanStat.String())}
			}
			got, _ := lines(t, used, e, raw)
			want, _ := lines(t, before, plaintext.New(grouped), clean)
			if d := cmp.Diff(want, got); d != "" {
				t.Fatalf("made paths before -, raw names +\n%s", d)
			}
		}
	})
}
