// Package catalogue says what every field of `show info` and `show stat` means,
// where HAProxy fills it, and how the values of several processes combine.
package catalogue

//go:generate go run ./gendoc

// Scopes is a set of the places where a field applies.
type Scopes uint8

// The members of [Scopes].
const (
	Daemon   Scopes = 1 << iota // a process: every field of `show info`
	Frontend                    // rows of type 0 of `show stat`
	Backend                     // rows of type 1
	Server                      // rows of type 2
	Listener                    // rows of type 3
)

// Nature is what kind of number a field holds, after the second letter of the
// tags of `show info typed` and `show stat typed` (HAProxy's management guide,
// "Typed output format").
type Nature uint8

// The natures.
const (
	Gauge     Nature = iota // a level now
	Counter                 // grows until the process restarts, 64 bits wide
	Counter32               // the same, 32 bits wide: after 4294967295 it begins at 0 again
	Limit                   // a configured maximum
	Maximum                 // the largest value seen
	Minimum                 // the smallest value seen
	Rate                    // events a second
	Age                     // time since an event
	Average                 // an average over the last events
	Duration                // a length of time
	State                   // a status or a code
	Key                     // identifies a row: no metric
	Text                    // not a number: no metric
)

// Combine says how the values that several processes give for one entity make
// one value.
type Combine uint8

// The ways to combine.
const (
	// Never is for fields without metrics.
	Never Combine = iota
	// Sum adds the values.
	Sum
	// Mean divides the sum by the number of processes.
	Mean
	// MeanOfActive is the mean over the processes whose row has taken
	// connections (lbtot above 0): idle ones would pull a response time to 0.
	MeanOfActive
	// Largest takes the largest value.
	Largest
	// MeanOfKnown is the mean of the values that are not negative: a negative one
	// is a marker, as -1 for "never", and taken only if there is nothing else.
	MeanOfKnown
	// MeanUnlessClassic is the mean, but the sum in the classic metric set, as the
	// original had it.
	MeanUnlessClassic
)

// Field describes one field of a reply.
type Field struct {
	Name   string
	Nature Nature
	// In is where HAProxy fills the field.
	In Scopes
	// Classic is where the field belongs to the classic metric set, which a
	// missing value of counts as 0.
	Classic Scopes
	Combine Combine
	// Unit is "bytes", "seconds", "connections per second" and the like, in the
	// plural, or empty for a plain number.
	Unit string
	// Since is the first HAProxy version, as "1.8", that is known to have the field.
	Since string
	// Help is one sentence without a full stop.
	Help string
}

// InfoFields returns the fields of `show info` in the order of the catalogue.
// The caller must not change them.
func InfoFields() []Field { return infoFields }

// StatFields returns the fields of `show stat` in the order of the catalogue.
// The caller must not change them.
func StatFields() []Field { return statFields }

// Rule returns how the values of the field combine, which the classic metric set
// may have otherwise.
func (f Field) Rule(classic bool) Combine {
	switch {
	case f.Combine != MeanUnlessClassic:
		return f.Combine
	case classic:
		return Sum
	}
	return Mean
}

// IsCounter reports whether the field only grows until the process restarts, a
// counter of 32 bits until it begins at 0 again.
func (f Field) IsCounter() bool { return f.Nature == Counter || f.Nature == Counter32 }

// Scale returns what a value is multiplied with to be in the base unit of its
// kind: 0.001 for milliseconds, whose base unit is the second.
func (f Field) Scale() float64 {
	switch f.Unit {
	case "milliseconds":
		return 0.001
	case "megabytes":
		return 1 << 20
	}
	return 1
}

// IsMetric reports whether the field is a metric of the rows in scope: a number
// that HAProxy fills there.
func (f Field) IsMetric(scope Scopes) bool { return f.Combine != Never && f.In&scope != 0 }

// IsClassic reports whether the field is a classic metric of the rows in scope.
func (f Field) IsClassic(scope Scopes) bool { return f.Classic&scope != 0 }

// IsMetric reports whether a field of that name is a metric of the rows in
// scope, a field of `show info` if scope is Daemon. With classic, only the classic
// metrics are. Of a field that the catalogue lacks nothing is known but that a
// newer HAProxy shows it: it is a metric wherever it is a number.
func IsMetric(name string, scope Scopes, classic bool) bool {
	find := LookupStat
	if scope == Daemon {
		find = LookupInfo
	}
	f, known := find(name)
	switch {
	case !known:
		return !classic && !isPlaceholder(name)
	case classic:
		return f.IsClassic(scope)
	}
	return f.IsMetric(scope)
}

// isPlaceholder reports whether a column of `show stat` is none: the last column
// of every reply has no name, and one named "-" stands in front of the modules'.
func isPlaceholder(name string) bool { return name == "" || name == "-" }

// LookupInfo finds a field of `show info` by the name HAProxy gives it.
func LookupInfo(name string) (Field, bool) { return lookup(infoIndex, infoFields, name) }

// LookupStat finds a field of `show stat` by the name HAProxy gives it.
func LookupStat(name string) (Field, bool) { return lookup(statIndex, statFields, name) }

func lookup(index map[string]int, fields []Field, name string) (Field, bool) {
	i, ok := index[name]
	if !ok {
		return Field{}, false
	}
	return fields[i], true
}

var (
	infoIndex = indexByName(infoFields)
	statIndex = indexByName(statFields)
)

func indexByName(fields []Field) map[string]int {
	m := make(map[string]int, len(fields))
	for i, f := range fields {
		m[f.Name] = i
	}
	return m
}
