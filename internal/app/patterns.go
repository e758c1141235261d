package app

import (
	"errors"
	"log/slog"

	"haproxystats/internal/aggregate"
	"haproxystats/internal/config"
	"haproxystats/internal/pattern"
)

// patternCompiler compiles the patterns of a configuration, which share one budget of time.
type patternCompiler struct {
	log      *slog.Logger
	slow     func() // may be nil
	together *pattern.Budget
}

// group returns the function that matches names with the pattern of a group.
func (c *patternCompiler) group(g config.Group) (func(string) bool, error) {
	return c.compile(g.Pattern, func(name string) {
		c.log.Warn("pattern of a group takes too long, the name is not in the group", "group", g.Name, "pattern", g.Pattern, "name", name)
	}, func() {
		c.log.Error("pattern of a group takes too long too often and is switched off", "group", g.Name, "pattern", g.Pattern)
	})
}

// names returns what a file of names holds; nil without a file.
func (c *patternCompiler) names(f config.NameFileOption) (*aggregate.Names, error) {
	if !f.IsSet() {
		return nil, nil
	}
	n := &aggregate.Names{Exact: f.Names}
	for _, p := range f.Patterns {
		match, err := c.compile(p.Text, func(name string) {
			c.log.Warn("pattern of a file of names takes too long, it does not match the name", "option", f.Option, "file", f.File, "line", p.Pos.Line, "name", name)
		}, func() {
			c.log.Error("pattern of a file of names takes too long too often and is switched off", "option", f.Option, "file", f.File, "line", p.Pos.Line)
		})
		if err != nil {
			return nil, err
		}
		n.Patterns = append(n.Patterns, aggregate.Group{Name: p.Text, Match: match})
	}
	return n, nil
}

// compile compiles a pattern. It calls tooSlow for each name that takes too long, and off
// when the pattern is switched off.
func (c *patternCompiler) compile(text string, tooSlow func(name string), off func()) (func(string) bool, error) {
	p, err := pattern.Compile(text)
	if err != nil {
		return nil, err
	}
	p.Budget = c.together
	p.Slow = func(name string, last bool) {
		if c.slow != nil {
			c.slow()
		}
		tooSlow(name)
		if last {
			off()
		}
	}
	return p.Match, nil
}

// CheckPatterns refuses patterns of groups and of files of names that are not regular
// expressions.
func CheckPatterns(c *config.Config) []config.Problem {
	var problems []config.Problem
	for _, groups := range [][]config.Group{c.FrontendGroups, c.BackendGroups, c.ServerGroups} {
		for _, g := range groups {
			if _, err := pattern.Compile(g.Pattern); err != nil {
				problems = append(problems, config.Problem{
					Pos: g.Pos, Section: g.Section, Option: g.Name, Value: g.Pattern,
					Reason: err.Error(), Allowed: "a regular expression of Python's",
				})
			}
		}
	}
	for _, f := range c.Process.NameFiles() {
		for _, p := range f.Patterns {
			_, err := pattern.Compile(p.Text)
			if fault, ok := errors.AsType[*pattern.Error](err); ok { // it returns no other
				problems = append(problems, f.Refuse(p, fault.Offset, fault.Cause))
			}
		}
	}
	return problems
}
