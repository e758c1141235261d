package config

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"haproxystats/internal/config/ini"
)

// NameFile is a file with names of frontends, backends or servers, and what it holds.
type NameFile struct {
	File string // empty where none is set
	// Names are as they are in paths: with "_" for dots. Those of servers may have the name
	// of their backend and a slash before them.
	Names    []string
	Patterns []NamePattern
}

// IsSet reports whether there is such a file.
func (n NameFile) IsSet() bool { return n.File != "" }

// NamePattern is a regular expression in a file of names. Whoever uses it compiles it.
type NamePattern struct {
	Text string
	Pos  ini.Pos // of its line in the file of names
}

// NameFileOption is a file of names and the option that names it.
type NameFileOption struct {
	Option string
	*NameFile
}

// NameFiles returns the files of names that the section has, set or not.
func (p *Process) NameFiles() []NameFileOption {
	return []NameFileOption{
		{"include-frontends", &p.IncludeFrontends},
		{"exclude-frontends", &p.ExcludeFrontends},
		{"include-backends", &p.IncludeBackends},
		{"exclude-backends", &p.ExcludeBackends},
		{"include-servers", &p.IncludeServers},
		{"exclude-servers", &p.ExcludeServers},
	}
}

// maxNameFaults bounds the faults of one file of names that are reported.
const maxNameFaults = 10

// worst returns the faults that are reported: what is refused goes before warnings, so that
// no number of warnings hides it. The last one tells how many more there are.
func worst(faults []nameFault) []nameFault {
	slices.SortStableFunc(faults, func(a, b nameFault) int {
		switch {
		case a.warning == b.warning:
			return 0
		case b.warning:
			return -1
		}
		return 1
	})
	if more := len(faults) - maxNameFaults; more > 0 {
		faults = faults[:maxNameFaults]
		faults[maxNameFaults-1].Reason += fmt.Sprintf(" (and %d more lines of the file have faults)", more)
	}
	return faults
}

// readNames reads the files of names.
func (l *loader) readNames() {
	for _, f := range l.config.Process.NameFiles() {
		if !f.IsSet() {
			continue
		}
		data, err := readAll(f.File, true)
		if err != nil {
			l.refuse("process", f.Option, cause(err), fileHint(err))
			continue
		}
		if !utf8.Valid(data) {
			l.refuse("process", f.Option, "the file is not UTF-8 text", "Save the file as UTF-8")
			continue
		}
		faults := f.parse(string(data), strings.HasSuffix(f.Option, "-servers"))
		for _, fault := range worst(faults) {
			fault.Section, fault.Option = "process", f.Option
			if fault.warning {
				l.warn(fault.Problem)
			} else {
				l.problems = append(l.problems, fault.Problem)
			}
		}
		if len(f.Names)+len(f.Patterns)+len(faults) > 0 {
			continue
		}
		if strings.HasPrefix(f.Option, "include") {
			l.refuse("process", f.Option, "the file has no names, so nothing would be included", "Write one name or /regular expression/ per line, or remove the option")
			continue
		}
		l.warn(l.problem("process", f.Option, "the file has no names, so nothing is excluded", "Write one name or /regular expression/ per line"))
	}
}

// nameFault is a fault of a line of a file of names.
type nameFault struct {
	Problem
	warning bool
}

// parse reads a name or a regular expression between slashes from each line.
func (n *NameFile) parse(text string, servers bool) (faults []nameFault) {
	for number, line := range numberedLines(text) {
		pos := ini.Pos{File: n.File, Line: number}
		refuse := func(reason, hint string) {
			faults = append(faults, nameFault{Problem: Problem{Pos: pos, Value: line, Reason: reason, Hint: hint}})
		}
		if pattern, ok := strings.CutPrefix(line, "/"); ok {
			pattern, closed := strings.CutSuffix(pattern, "/")
			switch {
			case !closed:
				refuse(fmt.Sprintf("position %d: the regular expression has no slash at its end", utf8.RuneCountInString(line)), "Write it between two slashes, without anything behind them; (?i) at its beginning ignores case")
			case pattern == "":
				refuse("position 1: the regular expression is empty", "Write /./ to match every name")
			default:
				n.Patterns = append(n.Patterns, NamePattern{pattern, pos})
				if strings.Contains(pattern, `\.`) {
					faults = append(faults, nameFault{Problem{
						Pos: pos, Value: line, Reason: `\. matches nothing: names have "_" for dots here`, Hint: "Write _ for the dot",
					}, true})
				}
			}
			continue
		}
		backend, server, slash := strings.Cut(line, "/")
		switch {
		case slash && servers && (backend == "" || server == "" || strings.Contains(server, "/")):
			refuse("neither a server nor backend/server", "Write the name of a server, or that of its backend, a slash and that of the server")
		default:
			if slash && !servers {
				faults = append(faults, nameFault{Problem{
					Pos: pos, Value: line, Reason: "matches nothing: no frontend or backend has a slash in its name",
					Hint: "Write one name per line, or a regular expression between two slashes",
				}, true})
			}
			n.Names = append(n.Names, strings.ReplaceAll(line, ".", "_"))
		}
	}
	return faults
}

// numberedLines yields the lines of a text with their numbers, without surrounding white space; it
// passes over empty ones and comments.
func numberedLines(text string) func(yield func(int, string) bool) {
	return func(yield func(int, string) bool) {
		number := 0
		text := strings.TrimPrefix(text, "\ufeff")
		for text != "" {
			end := strings.IndexAny(text, "\r\n")
			line, next := text, ""
			if end >= 0 {
				line, next = text[:end], text[end+1:]
				if text[end] == '\r' {
					next = strings.TrimPrefix(next, "\n")
				}
			}
			text = next
			number++
			if line = strings.TrimSpace(line); line != "" && line[0] != '#' && !yield(number, line) {
				return
			}
		}
	}
}

// readLines takes a name a line, and passes over empty lines and comments.
func readLines(text string) []string {
	var names []string
	for _, line := range numberedLines(text) {
		names = append(names, line)
	}
	return names
}

// Refuse returns the problem that a pattern of a file of names is not a regular expression.
// before is the number of its characters before the fault.
func (f NameFileOption) Refuse(p NamePattern, before int, cause string) Problem {
	position := before + len("/") + 1 // in the line, from 1
	return Problem{
		Pos: p.Pos, Section: "process", Option: f.Option, Value: "/" + p.Text + "/",
		Reason:  fmt.Sprintf("position %d: %s", position, cause),
		Allowed: "a regular expression of Python's between slashes",
	}
}
