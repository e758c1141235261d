package catalogue

import "strings"

// List selects metrics by their names: each item takes metrics, or removes them from what
// the items before it have taken. A list whose first item removes begins with all metrics of
// the metric set.
type List []Item

// Item is an item of a [List].
type Item struct {
	// Name is a name, or a pattern in which `*` stands for any number of characters and `?`
	// for one.
	Name string
	// Exclude reports whether the item removes.
	Exclude bool
}

// ParseList reads a list: its items are separated by white space, and those that remove
// begin with a hyphen.
func ParseList(text string) List {
	var l List
	for word := range strings.FieldsSeq(text) {
		name, exclude := strings.CutPrefix(word, "-")
		l = append(l, Item{name, exclude})
	}
	return l
}

// IsPattern reports whether the item may match several names.
func (i Item) IsPattern() bool { return strings.ContainsAny(i.Name, "*?") }

// Matches reports whether the item is about a name.
func (i Item) Matches(name string) bool {
	if !i.IsPattern() {
		return i.Name == name
	}
	return matches(i.Name, name)
}

// matches reports whether a pattern matches a whole name. Its time is bounded by the product
// of both lengths.
func matches(pattern, name string) bool {
	star, again := -1, 0 // the last `*`, and where the name goes on if that takes one more
	p, n := 0, 0
	for n < len(name) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, again = p, n
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == name[n]):
			p++
			n++
		case star >= 0:
			again++
			p, n = star+1, again
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// Takes reports whether the list takes a metric. inSet is whether the metric set has it, and
// isMetric whether it is a metric at all; patterns take nothing else.
func (l List) Takes(name string, inSet, isMetric bool) bool {
	taken := len(l) > 0 && l[0].Exclude && inSet
	for _, i := range l {
		if i.Matches(name) {
			taken = !i.Exclude && (isMetric || !i.IsPattern())
		}
	}
	return taken
}
