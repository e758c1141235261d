package config

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"haproxystats/internal/config/ini"
)

// setGroups reads the options of the group sections, in their order.
func (l *loader) setGroups() {
	for _, groups := range []struct {
		section string
		to      *[]Group
	}{
		{"frontend-groups", &l.config.FrontendGroups},
		{"backend-groups", &l.config.BackendGroups},
		{"server-groups", &l.config.ServerGroups},
	} {
		s, ok := l.doc.Section(groups.section)
		if !ok {
			continue
		}
		for _, o := range s.Options {
			if g, ok := l.group(s.Name, o); ok {
				*groups.to = append(*groups.to, g)
			}
		}
	}
}

func (l *loader) group(section string, o ini.Option) (Group, bool) {
	if l.isInherited(o.Name) {
		l.warn(l.problem(section, o.Name, "not used as a group, because [DEFAULT] has an option of this name", "Give the group another name"))
		return Group{}, false
	}
	pattern, err := l.doc.Get(section, o.Name)
	if err != nil {
		l.reportReference(section, err)
		return Group{}, false
	}
	if _, err := parseGraphitePath(o.Name); err != nil {
		p := l.problem(section, o.Name, "the name of a group becomes part of paths: "+err.Error(), "")
		p.Allowed = pathPrefix.allowed
		l.report(section, p)
		return Group{}, false
	}
	return Group{Section: section, Name: o.Name, Pattern: pattern, Pos: o.Pos}, true
}

// isInherited reports whether haproxystats 0.5 considers the option of a group section
// to be inherited from [DEFAULT]. Defaults of options that 0.5 did not have do not
// count.
func (l *loader) isInherited(name string) bool {
	return slices.ContainsFunc(l.doc.Defaults().Options, func(o ini.Option) bool {
		known, ok := lookupOption("DEFAULT", name)
		return o.Name == name && !(ok && known.New && o.Pos.IsZero())
	})
}

// checkGroups refuses groups without a namespace, and a namespace without groups.
func (l *loader) checkGroups() {
	var opened []*ini.Section
	for _, s := range l.doc.Sections() {
		if known, ok := lookupSection(s.Name); ok && known.Groups {
			opened = append(opened, s)
		}
	}
	var moving []string // the sections that move groups
	for _, g := range l.kinds["graphite"] {
		if _, ok := l.doc.Lookup(g.name, "group-namespace"); ok {
			moving = append(moving, g.name)
		}
	}
	if len(moving) == 0 {
		for _, s := range opened {
			l.problems = append(l.problems, Problem{
				Pos: s.Pos, Section: s.Name,
				Reason: "groups need a namespace", Hint: "Set group-namespace in [graphite], or remove this section",
			})
		}
		return
	}
	for _, section := range moving {
		if !l.isOwn(section, "group-namespace") {
			continue // [graphite] sets it
		}
		if len(opened) == 0 {
			l.refuse(section, "group-namespace",
				"a namespace needs groups", "Add a section [frontend-groups], [backend-groups] or [server-groups], or remove this option")
		}
		if _, ok := l.doc.Lookup(section, "group-namespace-double-writes"); !ok {
			l.refuse(section, "group-namespace",
				"needs group-namespace-double-writes",
				"Set that to true to send the metrics of groups under their normal path, too, or to false")
		}
	}
}

// checkDirectories refuses one directory for both unfinished and finished snapshots.
func (l *loader) checkDirectories() {
	p := l.config.Pull
	o, _ := l.doc.Lookup("pull", "tmp-dst-dir")
	section, name, other := "pull", "tmp-dst-dir", "tmp-dst-dir"
	if o.Pos.IsZero() {
		section, name, other = "process", "src-dir", "dst-dir"
	}
	same := func(dir string) bool { return dir != "" && filepath.Clean(dir) == filepath.Clean(p.TmpDstDir) }
	switch {
	case same(p.DstDir):
		l.refuse("pull", other, "dst-dir and tmp-dst-dir are one directory: snapshots would be processed before they are complete",
			"Set tmp-dst-dir to another directory on the same file system")
	case same(l.config.Process.SrcDir):
		l.refuse(section, name, "tmp-dst-dir is src-dir of [process]: snapshots would be processed before they are complete",
			"Set src-dir in [process] to dst-dir of [pull]")
	}
}

// checkSpool warns of snapshots that one program stores and the other never processes.
// It needs options of both programs: a file with those of one program only means that
// the other program has a file of its own.
func (l *loader) checkSpool() {
	dst, src := l.config.Pull.DstDir, l.config.Process.SrcDir
	if dst == "" || src == "" || !l.isSet("pull") || !l.isSet("process") || sameDirectory(dst, src) {
		return
	}
	section, name := "process", "src-dir"
	if o, _ := l.doc.Lookup(section, name); o.Pos.IsZero() {
		section, name = "pull", "dst-dir"
	}
	p := l.problem(section, name, fmt.Sprintf(
		"src-dir of [process] (%s) is not dst-dir of [pull] (%s): haproxystats-process does not process the snapshots that haproxystats-pull stores", src, dst),
		"Set both to one directory, or remove both")
	if p.Pos.IsZero() { // neither is set: it comes from base-dir
		return
	}
	l.warn(p)
}

// isSet reports whether the files set an option of the section.
func (l *loader) isSet(section string) bool {
	s, ok := l.doc.Section(section)
	return ok && slices.ContainsFunc(s.Options, func(o ini.Option) bool { return !o.Pos.IsZero() })
}

// sameDirectory reports whether two paths lead to one directory, also through links.
func sameDirectory(a, b string) bool {
	if filepath.Clean(a) == filepath.Clean(b) {
		return true
	}
	first, err := os.Stat(a)
	if err != nil {
		return false
	}
	second, err := os.Stat(b)
	return err == nil && os.SameFile(first, second)
}

// checkTimes warns of rounds that may last longer than the interval between them.
func (l *loader) checkTimes() {
	p := l.config.Pull
	if p.PullInterval > 0 && p.PullTimeout > p.PullInterval {
		name := "pull-timeout"
		if o, _ := l.doc.Lookup("pull", name); o.Pos.IsZero() {
			name = "pull-interval"
		}
		l.warn(l.problem("pull", name, fmt.Sprintf(
			"pull-timeout (%v) is longer than pull-interval (%v): after a slow round the next ones are missed", p.PullTimeout, p.PullInterval),
			"Set pull-timeout below pull-interval"))
	}
}

// pathKinds are the kinds of options that are paths.
var pathKinds = []string{directory.name, pemFile.name, socketFile.name, nameFile.name}

// checkPaths refuses paths that only a shell would expand. It warns of relative paths
// if the working directory is /, as under a supervisor, and else adds them to Relative.
func (l *loader) checkPaths() {
	dir, err := os.Getwd()
	supervised := err == nil && dir == "/"
	for _, o := range options {
		if !slices.Contains(pathKinds, o.Kind) {
			continue
		}
		for _, s := range l.kinds[o.Section] {
			l.checkPath(s.name, o.Name, supervised)
		}
	}
}

func (l *loader) checkPath(section, option string, supervised bool) {
	written, ok := l.doc.Lookup(section, option)
	text, err := l.doc.Get(section, option)
	if !ok || written.Pos.IsZero() || err != nil || text == "" {
		return
	}
	p := l.problem(section, option, "", "")
	switch {
	case strings.HasPrefix(text, "~"):
		p.Reason, p.Hint = "~ is not expanded here", "Write the absolute path"
		l.report(section, p)
	case isQuoted(text):
		p.Reason, p.Hint = "quotes are part of the value here", "Remove them"
		l.report(section, p)
	case strings.Contains(text, " #") || strings.Contains(text, " ;"):
		p.Reason, p.Hint = "text after the path is part of the path", commentHint
		l.warn(p)
	case supervised && !filepath.IsAbs(text):
		p.Reason = fmt.Sprintf("a relative path means /%s here, because the program was started in /", text)
		p.Hint = "Write the absolute path"
		l.warn(p)
	case !filepath.IsAbs(text):
		p.Reason = "a relative path depends on the directory that a program is started in, and systemd starts it in /"
		p.Hint = "Write the absolute path"
		l.Relative = append(l.Relative, p)
	}
}

// isQuoted reports whether a text is in quotes, as a shell or YAML would have it.
func isQuoted(text string) bool {
	return len(text) > 1 && (text[0] == '"' || text[0] == '\'') && text[len(text)-1] == text[0]
}

// checkStatusSockets refuses one socket for two programs: only one of them could listen
// on it.
func (l *loader) checkStatusSockets() {
	type owner struct{ section, socket string }
	owners := []owner{
		{"pull", l.config.Pull.StatusSocket},
		{"process", l.config.Process.StatusSocket},
		{"central", l.config.Central.StatusSocket},
	}
	for i, a := range owners {
		for _, b := range owners[i+1:] {
			if a.socket == "" || filepath.Clean(a.socket) != filepath.Clean(b.socket) {
				continue
			}
			section := a.section
			if o, _ := l.doc.Lookup(section, "status-socket"); o.Pos.IsZero() {
				section = b.section
			}
			l.refuse(section, "status-socket", "another program has the same one", "Give each program its own socket")
			return
		}
	}
}
