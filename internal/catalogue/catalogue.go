// Package catalogue describes every field of `show info` and `show stat`: its
// meaning, where HAProxy fills it, and how the values of several processes combine.
package catalogue

//go:generate go run ./gendoc

// Scopes is a set of scopes in which a field applies.
type Scopes uint16

// The members of [Scopes].
const (
	Daemon   Scopes = 1 << iota // a process: every field of `show info`
	Frontend                    // rows of type 0 of `show stat`
	Backend                     // rows of type 1
	Server                      // rows of type 2
	Listener                    // rows of type 3

	StickTable      // a line of `show table`
	Resolver        // a row of `show stat domain resolvers`
	ServerProcesses // how many processes see a server in a state
)

// Nature is the kind of number in a field, after the second letter of the tags of
// `show info typed` and `show stat typed` (HAProxy's management guide, "Typed output
// format").
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
	Key                     // identifies a row: not a metric
	Text                    // not a number: not a metric
)

// Combine is the rule by which the values of several processes for one entity become
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
	// MeanOfActive is the mean over the processes whose row has taken connections (lbtot
	// above 0): idle processes would pull a response time towards 0.
	MeanOfActive
	// Largest takes the largest value.
	Largest
	// MeanOfKnown is the mean of the values that are not negative. A negative value is a
	// marker, such as -1 for "never", and counts only if there is no other.
	MeanOfKnown
	// MeanUnlessClassic is the mean, or the sum in the classic metric set, as in the
	// original.
	MeanUnlessClassic
	// Smallest takes the smallest value.
	Smallest
	// SmallestOfKnown takes the smallest of the values that are not negative; see
	// MeanOfKnown.
	SmallestOfKnown
	// Processes counts the processes that have the field, whatever its value.
	Processes
)

// Field describes one field of a reply.
type Field struct {
	Name   string
	Nature Nature
	// In lists the scopes in which HAProxy fills the field.
	In Scopes
	// Classic lists the scopes in which the field is in the classic metric set; there a
	// missing value counts as 0.
	Classic Scopes
	Combine Combine
	// Unit is the unit in the plural, such as "bytes" or "connections per second"; empty
	// for a plain number.
	Unit string
	// Since is the first HAProxy version known to have the field, such as "1.8".
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

// Rule returns the rule of the field, which may differ in the classic metric set.
func (f Field) Rule(classic bool) Combine {
	switch {
	case f.Combine != MeanUnlessClassic:
		return f.Combine
	case classic:
		return Sum
	}
	return Mean
}

// IsCounter reports whether the field only grows until the process restarts; a
// counter of 32 bits also wraps to 0.
func (f Field) IsCounter() bool { return f.Nature == Counter || f.Nature == Counter32 }

// Scale returns the factor that converts a value to the base unit of its kind: 0.001
// for milliseconds, whose base unit is the second.
func (f Field) Scale() float64 {
	switch f.Unit {
	case "milliseconds":
		return 0.001
	case "megabytes":
		return 1 << 20
	}
	return 1
}

// IsMetric reports whether the field is a metric in scope: a number that HAProxy
// fills there.
func (f Field) IsMetric(scope Scopes) bool { return f.Combine != Never && f.In&scope != 0 }

// IsClassic reports whether the field is a classic metric in scope.
func (f Field) IsClassic(scope Scopes) bool { return f.Classic&scope != 0 }

// IsMetric reports whether the named field is a metric in scope; for Daemon it is a
// field of `show info`. With classic, only classic metrics count. A field that is
// not in the catalogue comes from a newer HAProxy, and is a metric wherever it is a
// number.
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

// isPlaceholder reports whether a column of `show stat` has no field: the last
// column of every reply has no name, and one named "-" precedes those of the
// modules.
func isPlaceholder(name string) bool { return name == "" || name == "-" }

// LookupInfo finds a field of `show info` by the name HAProxy gives it.
func LookupInfo(name string) (Field, bool) { return lookup(infoIndex, infoFields, name) }

// LookupStat finds a field of `show stat` by the name HAProxy gives it, or one of
// [StateFields].
func LookupStat(name string) (Field, bool) { return lookup(statIndex, rowFields, name) }

func lookup(index map[string]int, fields []Field, name string) (Field, bool) {
	i, ok := index[name]
	if !ok {
		return Field{}, false
	}
	return fields[i], true
}

var (
	infoIndex = indexByName(infoFields)
	statIndex = indexByName(rowFields)
)

func indexByName(fields []Field) map[string]int {
	m := make(map[string]int, len(fields))
	for i, f := range fields {
		m[f.Name] = i
	}
	return m
}
