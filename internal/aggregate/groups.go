package aggregate

// Group is a named set of names of frontends, backends or servers. Several
// goroutines may call Match at once.
type Group struct {
	Name  string
	Match func(name string) bool
}

// groups are the groups of one kind of names.
type groups struct {
	all  []Group
	used []bool // by group: whether it has had a name
}

func newGroups(all []Group) groups { return groups{all, make([]bool, len(all))} }

// of returns the name of the first group that contains the name, or "".
func (g *groups) of(name string) string {
	for i, group := range g.all {
		if group.Match(name) {
			g.used[i] = true
			return group.Name
		}
	}
	return ""
}

// unused returns the names of the groups that have had no name, in their order.
func (g *groups) unused() []string {
	var names []string
	for i, used := range g.used {
		if !used {
			names = append(names, g.all[i].Name)
		}
	}
	return names
}
