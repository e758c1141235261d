package aggregate

// Group is a named set of names of frontends, backends or servers. Several
// goroutines may call Match at once.
type Group struct {
	Name  string
	Match func(name string) bool
}

// group returns the name of the first group that contains the name, or "".
func group(groups []Group, name string) string {
	for _, g := range groups {
		if g.Match(name) {
			return g.Name
		}
	}
	return ""
}
