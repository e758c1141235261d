package aggregate

// Group is a named set of names of frontends, backends or servers.
type Group struct {
	Name  string
	Match func(name string) bool
}

// NewGroup returns the group of the names in which a pattern, a regular
// expression of Python 3.11, matches somewhere, as re.search finds it. An error
// is a *PatternError.
//
// Match may be called by several goroutines at once. Names hold no line ends.
// A name in ASCII takes time in proportion to its length, unless the pattern
// needs backtracking (look-around, references to groups, atomic groups): a
// search that is not over after some tenths of a second ends, and the name is
// not in the group.
func NewGroup(name, pattern string) (Group, error) {
	p, err := compilePattern(pattern)
	if err != nil {
		return Group{}, err
	}
	return Group{Name: name, Match: p.match}, nil
}

// group returns the name of the first group that a name is in, or "".
func group(groups []Group, name string) string {
	for _, g := range groups {
		if g.Match(name) {
			return g.Name
		}
	}
	return ""
}
