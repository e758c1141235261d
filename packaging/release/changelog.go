package main

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

const (
	section    = "## "
	unreleased = section + "Unreleased"
)

// changelog is the text of CHANGELOG.md, split at its section of unreleased changes. The
// title may name the intended version:
//
//	## Unreleased: 1.2.0
type changelog struct {
	before string // up to the title's line
	meant  string // the version of the title, or empty
	notes  string // what is below the title
	after  string // from the next section on
}

// parseChangelog finds the section.
func parseChangelog(text string) (changelog, error) {
	var c changelog
	var before, notes, after strings.Builder
	to, found := &before, 0
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, section) {
			title := strings.TrimSpace(line)
			meant, versioned := strings.CutPrefix(title, unreleased+": ")
			if title == unreleased || versioned {
				c.meant = meant
				if !versioned {
					c.meant = ""
				}
				found++
				to = &notes
				continue
			}
			if to == &notes {
				to = &after
			}
		}
		to.WriteString(line)
	}
	if found != 1 {
		return c, fmt.Errorf("%d sections %q, want one", found, unreleased)
	}
	c.before, c.notes, c.after = before.String(), strings.TrimSpace(notes.String()), after.String()
	return c, nil
}

// check returns an error if the section can't become that of version v.
func (c changelog) check(v version) error {
	var errs []error
	if c.meant != "" && c.meant != v.String() {
		errs = append(errs, fmt.Errorf("%q is meant for %s", unreleased, c.meant))
	}
	if c.empty() {
		errs = append(errs, fmt.Errorf("%q says nothing: tell users what is new", unreleased))
	}
	return errors.Join(errs...)
}

// empty reports whether the section has only headings.
func (c changelog) empty() bool {
	for line := range strings.Lines(c.notes) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			return false
		}
	}
	return true
}

// released returns the text with the section turned into that of a version.
func (c changelog) released(v version, day time.Time) string {
	return c.before + section + v.String() + " - " + day.Format(time.DateOnly) + "\n\n" + c.notes + "\n" + gap(c.after)
}

// opened returns a released text with a new section above the newest one.
func opened(text string) string {
	before, after, found := strings.Cut(text, "\n"+section)
	if !found {
		return strings.TrimRight(text, "\n") + "\n\n" + unreleased + "\n"
	}
	return before + "\n" + unreleased + "\n\n" + section + after
}

// gap puts an empty line before what follows.
func gap(text string) string {
	if text == "" {
		return ""
	}
	return "\n" + text
}
