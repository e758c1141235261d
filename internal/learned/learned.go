// Package learned keeps what HAProxy has said of fields that the catalogue lacks: of what
// kind they are, by version, field and row. It survives a restart in a file.
package learned

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"haproxystats/internal/catalogue"
	"haproxystats/internal/durable"
	"haproxystats/internal/haproxy"
	"haproxystats/internal/metric"
)

const (
	// maxFields bounds the fields of a scope, and maxVersions the versions that are
	// remembered.
	maxFields   = 256
	maxVersions = 16
	// maxFile bounds the file, and maxHelp a description, in bytes.
	maxFile = 4 << 20
	maxHelp = 512
	title   = "haproxystats learned 1"
)

var (
	fieldName   = regexp.MustCompile(`^[A-Za-z0-9_ -]{1,64}$`)
	versionName = regexp.MustCompile(`^[!-~]{1,64}$`)
)

// Options are those of a [Store].
type Options struct {
	// File is where the fields are kept; empty to keep them in memory only.
	File string
	// Log gets each field once, and faults of the file. Nil means none.
	Log *slog.Logger
}

// Store has what was learned. It is safe for concurrent use.
type Store struct {
	opt Options
	log *slog.Logger
	// isKnown reports whether the catalogue has a field.
	isKnown func(haproxy.Typed) bool

	mu sync.Mutex // of those who learn
	// fields are in the order in which they were learned.
	fields  []field
	ignored bool // that a field was ignored is logged
	known   atomic.Pointer[index]
}

// field is a field of a version.
type field struct {
	version string
	haproxy.Typed
}

// name is a field of a scope.
type name struct {
	in    catalogue.Scopes
	field string
}

// index is what is known now. It never changes.
type index struct {
	fields     map[name]catalogue.Field
	shown      []metric.LearnedField
	generation uint64
}

// Open returns a store with what the file has. A file that can't be used is logged and
// written anew: HAProxy says again what was in it.
func Open(o Options) *Store {
	s := &Store{opt: o, log: cmp.Or(o.Log, slog.New(slog.DiscardHandler)), isKnown: isKnown}
	if o.File != "" {
		fields, err := read(o.File)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			s.log.Warn("learned fields can't be read, they are learned anew", "file", o.File, "error", err)
		}
		s.fields = fields
	}
	s.publish()
	return s
}

// scopes has the scope of each letter of a row.
var scopes = map[byte]catalogue.Scopes{0: catalogue.Daemon, 'F': catalogue.Frontend, 'B': catalogue.Backend, 'S': catalogue.Server, 'L': catalogue.Listener}

// publish makes what was learned visible.
func (s *Store) publish() {
	x := &index{fields: make(map[name]catalogue.Field)}
	if before := s.known.Load(); before != nil {
		x.generation = before.generation + 1
	}
	for _, f := range s.fields { // the version that was learned last counts
		n := name{scopes[f.Row], f.Name}
		if _, ok := x.fields[n]; !ok {
			x.shown = append(x.shown, metric.LearnedField{Rows: words[n.in], Field: n.field})
		}
		x.fields[n] = fieldOf(f.Typed)
	}
	slices.SortFunc(x.shown, func(a, b metric.LearnedField) int {
		return cmp.Or(cmp.Compare(a.Rows, b.Rows), cmp.Compare(a.Field, b.Field))
	})
	s.known.Store(x)
}

// Generation changes when something was learned.
func (s *Store) Generation() uint64 { return s.known.Load().generation }

// Lookup returns what is known of a field that the catalogue lacks.
func (s *Store) Lookup(in catalogue.Scopes, field string) (catalogue.Field, bool) {
	f, ok := s.known.Load().fields[name{in, field}]
	return f, ok
}

// Fields returns the fields that are known, sorted. The caller must not change them.
func (s *Store) Fields() []metric.LearnedField { return s.known.Load().shown }

// Learn takes what HAProxy of a version has said, and reports whether any of it is new.
// Fields of the catalogue are left out: it knows better.
func (s *Store) Learn(version string, said []haproxy.Typed) bool {
	if !versionName.MatchString(version) {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var news []field
	for _, t := range said {
		if s.isKnown(t) {
			continue
		}
		if !s.fits(t, news) {
			if !s.ignored && fieldOf(t).Combine != catalogue.Never {
				s.ignored = true
				s.log.Warn("field of HAProxy can't be learned, it stays a level that is added up", "field", t.Name, "version", version)
			}
			continue
		}
		t.Help = strings.ToValidUTF8(t.Help[:min(len(t.Help), maxHelp)], "")
		f := field{version, t}
		if i := slices.IndexFunc(s.fields, func(o field) bool { return o.version == version && o.Row == t.Row && o.Name == t.Name }); i >= 0 {
			if s.fields[i] == f {
				continue
			}
			s.fields = slices.Delete(s.fields, i, i+1)
		}
		if !slices.Contains(news, f) {
			news = append(news, f)
		}
	}
	if len(news) == 0 {
		return false
	}
	for _, f := range news {
		if _, before := s.Lookup(scopes[f.Row], f.Name); !before {
			of := fieldOf(f.Typed)
			s.log.Info("field of HAProxy is learned", "field", f.Name, "scope", words[scopes[f.Row]], "version", version,
				"counter", of.IsCounter(), "metric", of.Combine != catalogue.Never, "help", f.Help)
		}
	}
	s.fields = append(s.fields, news...)
	s.forget()
	s.publish()
	if s.opt.File != "" {
		if err := write(s.opt.File, s.fields); err != nil {
			s.log.Warn("learned fields can't be stored, a restart forgets them", "file", s.opt.File, "error", err)
		}
	}
	return true
}

// words has the word for each scope.
var words = map[catalogue.Scopes]string{
	catalogue.Daemon: "process", catalogue.Frontend: "frontend", catalogue.Backend: "backend", catalogue.Server: "server", catalogue.Listener: "listener",
}

func isKnown(t haproxy.Typed) bool {
	lookup := catalogue.LookupStat
	if t.Row == 0 {
		lookup = catalogue.LookupInfo
	}
	_, known := lookup(t.Name)
	return known
}

// fits reports whether a field can be kept, beside others that are new.
func (s *Store) fits(t haproxy.Typed, news []field) bool {
	if !fieldName.MatchString(t.Name) {
		return false
	}
	names := make(map[string]bool)
	for _, all := range [][]field{s.fields, news} {
		for _, f := range all {
			if f.Row == t.Row {
				names[f.Name] = true
			}
		}
	}
	return names[t.Name] || len(names) < maxFields
}

// forget forgets the versions that were learned longest ago.
func (s *Store) forget() {
	var versions []string
	for _, f := range slices.Backward(s.fields) {
		if !slices.Contains(versions, f.version) {
			versions = append(versions, f.version)
		}
	}
	if len(versions) > maxVersions {
		s.fields = slices.DeleteFunc(s.fields, func(f field) bool { return !slices.Contains(versions[:maxVersions], f.version) })
	}
}

// fieldOf returns what the tags of a field mean.
func fieldOf(t haproxy.Typed) catalogue.Field {
	f := catalogue.Field{Name: t.Name, In: scopes[t.Row], Combine: catalogue.Sum, Help: t.Help}
	if f.Help == "" {
		f.Help = "Shown by HAProxy, and not known to this version of haproxystats"
	}
	ofProcess := t.Scope == 'P'
	switch {
	case t.Kind == "str", t.Origin == 'K', t.Origin == 'P':
		f.Nature, f.Combine = catalogue.Text, catalogue.Never
	case t.Nature == 'C':
		f.Nature = catalogue.Counter
		if t.Kind == "u32" {
			f.Nature = catalogue.Counter32
		}
		if !ofProcess { // all processes tell the same
			f.Combine = catalogue.Largest
		}
	case t.Nature == 'M':
		f.Nature, f.Combine = catalogue.Maximum, catalogue.Largest
	case t.Nature == 'm':
		f.Nature, f.Combine = catalogue.Minimum, catalogue.Smallest
	case t.Nature == 'a':
		f.Nature, f.Combine = catalogue.Average, catalogue.Mean
		if (t.Row == 'B' || t.Row == 'S') && strings.Contains(t.Name, "time") {
			f.Combine = catalogue.MeanOfActive
		}
	case t.Nature == 'A':
		f.Nature, f.Combine = catalogue.Age, catalogue.SmallestOfKnown
	case t.Nature == 'L':
		f.Nature = catalogue.Limit
		if !ofProcess {
			f.Combine = catalogue.Largest
		}
	case t.Nature == 'D', t.Nature == 'T':
		f.Nature, f.Combine = catalogue.Duration, catalogue.Largest
	case t.Nature == 'O', t.Origin == 'S':
		f.Nature, f.Combine = catalogue.State, catalogue.Largest
	case t.Nature == 'R':
		f.Nature = catalogue.Rate
		if !ofProcess {
			f.Combine = catalogue.Largest
		}
	case t.Nature == 'G':
		if !ofProcess {
			f.Combine = catalogue.Largest
		}
	}
	return f
}

// The file has a title, a line for each field, and a last line with the number of bytes
// before it:
//
//	haproxystats learned 1
//	field "3.5.0" F "novel" MCP u64 "What it counts"
//	end 62

// write puts a file in the place of the one before.
func write(file string, fields []field) error {
	text := []byte(title + "\n")
	for _, f := range fields {
		row := f.Row
		if row == 0 {
			row = 'I'
		}
		text = fmt.Appendf(text, "field %q %c %q %c%c%c %s %q\n", f.version, row, f.Name, f.Origin, f.Nature, f.Scope, f.Kind, f.Help)
	}
	text = fmt.Appendf(text, "end %d\n", len(text))
	dir, name, err := durable.OpenParent(file)
	if err != nil {
		return err
	}
	defer dir.Close()
	draft := name + ".tmp"
	if err := dir.Remove(draft); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := dir.Create(draft)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, dir.Remove(draft))
	}
	if err := dir.Rename(draft, name); err != nil {
		return errors.Join(err, dir.Remove(draft))
	}
	return dir.Sync()
}

// read reads a file.
func read(file string) ([]field, error) {
	dir, name, err := durable.OpenParent(file)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	f, err := dir.OpenRegular(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, err
	}
	return parse(text)
}

var errDamaged = errors.New("it is not what was written")

func parse(text []byte) ([]field, error) {
	end := bytes.LastIndex(text, []byte("\nend "))
	if end < 0 || !bytes.HasPrefix(text, []byte(title+"\n")) || string(text[end+1:]) != fmt.Sprintf("end %d\n", end+1) {
		return nil, errDamaged
	}
	var all []field
	for line := range strings.Lines(string(text[len(title)+1 : end+1])) {
		f, err := parseField(strings.TrimSuffix(line, "\n"))
		if err != nil {
			return nil, err
		}
		if len(all) < maxVersions*len(scopes)*maxFields {
			all = append(all, f)
		}
	}
	return all, nil
}

func parseField(line string) (f field, err error) {
	var tags, row string
	rest, ok := strings.CutPrefix(line, "field ")
	quoted := func() (text string) {
		q, e := strconv.QuotedPrefix(rest)
		if e != nil {
			ok = false
			return ""
		}
		text, _ = strconv.Unquote(q)
		rest = strings.TrimPrefix(rest[len(q):], " ")
		return text
	}
	word := func() (text string) {
		text, rest, _ = strings.Cut(rest, " ")
		return text
	}
	f.version = quoted()
	row = word()
	f.Name = quoted()
	tags, f.Kind = word(), word()
	f.Help = quoted()
	if !ok || len(row) != 1 || len(tags) != 3 || !versionName.MatchString(f.version) || !fieldName.MatchString(f.Name) || rest != "" {
		return f, fmt.Errorf("%w: %.100q", errDamaged, line)
	}
	f.Origin, f.Nature, f.Scope = tags[0], tags[1], tags[2]
	if f.Row = row[0]; row == "I" {
		f.Row = 0
	}
	if _, ok := scopes[f.Row]; !ok {
		return f, fmt.Errorf("%w: %.100q", errDamaged, line)
	}
	return f, nil
}
