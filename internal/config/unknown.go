package config

import (
	"fmt"
	"slices"
	"strings"

	"haproxystats/internal/config/ini"
)

// maxUnknown bounds the unknown names that are reported one by one: a file of another
// program may have any number.
const maxUnknown = 100

// unknownNames warns of names that nothing reads.
type unknownNames struct {
	*loader
	references ini.References
	warned     int
	more       int
	last       ini.Pos // of the last one that is only counted
}

// findUnknown warns of names that nothing reads. A name that a reference uses is
// read: it is a variable.
func (l *loader) findUnknown() {
	u := unknownNames{loader: l, references: l.doc.References()}
	for _, o := range l.doc.Defaults().Options {
		u.checkDefault(o)
	}
	for _, s := range l.doc.Sections() {
		known, _, ok := instanceOf(s.Name)
		switch {
		case !ok:
			u.checkSection(s)
		case !known.Groups:
			for _, o := range s.Options {
				u.checkOption(s.Name, o)
			}
		}
	}
	if u.more > 0 {
		l.warn(Problem{
			Pos: u.last, Reason: fmt.Sprintf("%d more names that nothing reads, this is the last one", u.more),
			Hint: "Check that this is a file of haproxystats",
		})
	}
}

// add warns of an unknown name, or only counts it if there are many. It calls problem
// only for a warning, because the search for similar names takes time.
func (u *unknownNames) add(pos ini.Pos, problem func() Problem) {
	if u.warned == maxUnknown {
		u.more++
		u.last = pos
		return
	}
	u.warned++
	u.warn(problem())
}

func (u *unknownNames) checkSection(s *ini.Section) {
	if slices.ContainsFunc(s.Options, func(o ini.Option) bool { return u.references.Has(s.Name, o.Name) }) {
		return
	}
	u.add(s.Pos, func() Problem {
		if kind, ok := lookupSection(s.Name); ok {
			return Problem{Pos: s.Pos, Section: s.Name, Reason: "nothing in the section is read: it has no name", Hint: "Write it as [" + kind.short() + "]"}
		}
		var names []string
		for _, s := range sections {
			names = append(names, s.short())
		}
		return Problem{Pos: s.Pos, Section: s.Name, Reason: "unknown section, nothing in it is read" + meant(s.Name, names)}
	})
}

func (u *unknownNames) checkOption(section string, o ini.Option) {
	if _, ok := lookupOption(section, o.Name); ok || u.references.Has(section, o.Name) {
		return
	}
	u.add(o.Pos, func() Problem {
		p := u.problem(section, o.Name, "unknown option", "")
		kind, _ := lookupSection(section)
		switch in := sectionsWith(o.Name, func(Option) bool { return true }); {
		case synonyms[kind.Name][o.Name] != "":
			p.Reason += "; did you mean " + `"` + synonyms[kind.Name][o.Name] + `"` + "?"
		case in != "":
			p.Hint = "Move it to " + in
		default:
			p.Reason += meant(o.Name, namesIn(kind.Name, "DEFAULT"))
		}
		return p
	})
}

// synonyms are the names of options in other programs, by section, if their spelling
// is not close to ours.
var synonyms = map[string]map[string]string{
	"pull": {
		"sockets": "servers", "socket": "servers", "url": "servers", "urls": "servers", "stats-socket": "servers", "haproxy": "servers",
		"socket-path": "socket-dir", "directory": "socket-dir", "dir": "socket-dir",
		"frequency": "pull-interval", "period": "pull-interval", "step": "pull-interval", "threads": "workers",
	},
	"process": {"threads": "workers", "metrics": "metric-set", "exclude": "exclude-backends"},
	"graphite": {
		"host": "server", "hosts": "server", "hostname": "server", "address": "server", "relay": "server", "url": "server", "carbon": "server",
		"prefix": "namespace", "root": "namespace", "path": "namespace", "ssl": "tls", "ca": "ca-file", "cert": "cert-file", "key": "key-file",
		"buffer-size": "queue-size", "max-queue": "queue-size", "spool-dir": "queue-dir",
	},
	"kafka": {
		"bootstrap-servers": "brokers", "bootstrap-server": "brokers", "server": "brokers", "servers": "brokers", "hosts": "brokers",
		"security-protocol": "tls", "ssl": "tls", "enable-tls": "tls", "ca": "ca-file", "cert": "cert-file", "key": "key-file",
		"mechanism": "sasl-mechanism", "username": "sasl-username", "user": "sasl-username",
		"password": "sasl-password-file", "sasl-password": "sasl-password-file", "password-file": "sasl-password-file",
		"sasl-token": "sasl-token-file", "token": "sasl-token-file", "timeout": "connect-timeout", "message-timeout": "delivery-timeout",
		"topics": "topic", "encoding": "format", "codec": "compression", "required-acks": "acks", "max-message-bytes": "max-batch-bytes",
	},
	"local-store": {"directory": "dir", "path": "dir"},
	"paths":       {"dir": "base-dir", "data-dir": "base-dir", "path": "base-dir"},
}

// checkDefault warns of an option of [DEFAULT] that no section inherits.
func (u *unknownNames) checkDefault(o ini.Option) {
	if _, ok := lookupOption("DEFAULT", o.Name); ok || u.references.Has("DEFAULT", o.Name) {
		return
	}
	if sectionsWith(o.Name, inherits) != "" {
		return
	}
	u.add(o.Pos, func() Problem {
		p := u.problem("DEFAULT", o.Name, "unknown option", "")
		if in := sectionsWith(o.Name, func(Option) bool { return true }); in != "" {
			p.Reason, p.Hint = "no effect here, because its section has a default of its own", "Move it to "+in
		} else {
			p.Reason += meant(o.Name, namesIn("DEFAULT"))
		}
		return p
	})
}

// inherits reports whether a value in [DEFAULT] overrides the option's own default. It
// does in sections that get their defaults only after the files are read.
func inherits(o Option) bool {
	s, _ := lookupSection(o.Section)
	return !o.HasDefault || s.Switch && s.Separator == ""
}

// sectionsWith returns the names of the sections that have a fitting option of that
// name.
func sectionsWith(name string, fits func(Option) bool) string {
	var found []string
	for _, o := range options {
		if o.Name == name && fits(o) {
			s, _ := lookupSection(o.Section)
			found = append(found, "["+s.short()+"]")
		}
	}
	return strings.Join(found, " or ")
}

// namesIn returns the names of the options of sections.
func namesIn(sections ...string) []string {
	var names []string
	for _, o := range options {
		if slices.Contains(sections, o.Section) {
			names = append(names, o.Name)
		}
	}
	return names
}
