package config

import (
	"errors"
	"maps"
	"os"
	"slices"
	"strings"

	"haproxystats/internal/config/ini"
)

// Loaded is a configuration as [Load] has read it.
type Loaded struct {
	Config Config
	// Warnings are problems that do not stop the program, as names that nothing reads
	// and bad values for the other program.
	Warnings []Problem
	// Relative are the relative paths, unless Warnings has them. They are right as long as
	// the program is started in the same directory.
	Relative []Problem
	// Unset are the options that need variables of the environment that are not set, for a
	// reader with [Files.Elsewhere]. Other faults are not told then: they may come of these.
	Unset []Problem
	// Notice is a message that defaults apply because there is no file; or it is empty.
	Notice string
	// SHA256 is the hash of the program's configuration in hexadecimal; empty if the
	// program refuses the configuration. The status document has the hash of the
	// configuration that the running program started with.
	SHA256 string

	program Program
	doc     *ini.Document
	files   Files
	checks  []Check
}

// Again reads the same files again, for the same program. A file that was there must still be
// there: one that is missing for a moment must not make a running program fall back to
// defaults.
func (l *Loaded) Again() (*Loaded, error) {
	files := l.files
	files.Required = files.Required || l.Notice == ""
	return Load(l.program, files, l.checks...)
}

// Programs returns the programs that the files are for. A file from which
// haproxystats-central has something to read, nodes or Kafka, is that program's, which
// takes some options of [pull] and [process], too; it is also that of the programs of a
// node if it says where their statistics are.
func (l *Loaded) Programs() []Program {
	sets := func(section string, names ...string) bool {
		return slices.ContainsFunc(names, func(name string) bool {
			o, ok := l.doc.Lookup(section, name)
			return ok && !o.Pos.IsZero()
		})
	}
	central := l.Config.Central.Kafka
	for _, s := range l.doc.Sections() {
		known, _, _ := instanceOf(s.Name)
		central = central || known.Name == "node"
	}
	if !central {
		return []Program{ForPull, ForProcess}
	}
	if sets("pull", "socket-dir", "servers", "dst-dir") || sets("process", "src-dir") {
		return []Program{ForPull, ForProcess, ForCentral}
	}
	return []Program{ForCentral}
}

// Check returns the problems of a configuration. Values that were refused before are
// zero. Load fills in the position and the value of a problem with an option.
type Check func(*Config) []Problem

// Load reads files for a program. The error is nil or [Problems]: all problems of the
// sections that the program uses, also those that the checks have found. Bad values in
// the other program's sections are warnings, and become zero.
//
// Together with an error it returns what it has read, for [Loaded.Print] only.
func Load(program Program, files Files, checks ...Check) (*Loaded, error) {
	sources, notice, problems := files.read()
	loaded, err := assembleIn(files, program, sources, problems, checks)
	loaded.Notice, loaded.files, loaded.checks = notice, files, checks
	return loaded, err
}

// assemble makes a configuration from the content of files. problems are those of
// reading the files.
func assemble(program Program, sources []source, problems []Problem, checks []Check) (*Loaded, error) {
	return assembleIn(Files{}, program, sources, problems, checks)
}

// assembleIn is assemble for a reader of files.
func assembleIn(in Files, program Program, sources []source, problems []Problem, checks []Check) (*Loaded, error) {
	l := loader{Loaded: &Loaded{program: program, doc: defaults()}, problems: problems, elsewhere: in.Elsewhere}
	l.doc.LookupEnv = os.LookupEnv
	var names []string
	for _, s := range sources {
		names = append(names, s.name)
		for _, fault := range l.doc.Parse(s.name, s.data) {
			l.problems = append(l.problems, syntaxProblem(fault))
		}
	}
	l.checkInstances()
	l.setSwitched()
	l.config = &l.Config
	for _, o := range options {
		l.setOption(o)
	}
	l.inheritTimeouts()
	l.setPorts()
	l.setGroups()
	switch program {
	case ForPull:
		l.checkDirectories()
		l.checkTimes()
	case ForCentral:
		l.checkCentral()
		fallthrough
	case ForProcess:
		l.checkForward()
		l.checkEvents()
		l.checkPrometheus()
		l.checkPushed()
		l.checkInflux()
		l.checkRemoteWrite()
		l.checkOTLP()
		l.checkGraphite()
		l.checkKafka()
		l.checkGroups()
		l.checkMetricLists()
		l.readNames()
	}
	l.checkServerRows()
	l.checkPaths()
	l.checkStatusSockets()
	if len(l.problems) == 0 {
		l.checkSpool()
	}
	for _, check := range checks {
		for _, p := range check(l.config) {
			if p.Pos.IsZero() && p.Option != "" {
				at := l.problemIn(p.Section, p.Option, "", "")
				p.Section, p.Pos, p.Value = at.Section, at.Pos, at.Value
			}
			l.problems = append(l.problems, p)
		}
	}
	l.findUnknown()
	l.hideEnvironment()
	if len(l.Unset) > 0 {
		l.problems = nil
	}
	l.problems = tidy(l.problems, names)
	l.Warnings = slices.DeleteFunc(tidy(l.Warnings, names), func(w Problem) bool {
		return slices.ContainsFunc(l.problems, func(p Problem) bool { return p.Pos == w.Pos })
	})
	if len(l.problems) > 0 {
		return l.Loaded, Problems(l.problems)
	}
	l.SHA256 = l.hash()
	return l.Loaded, nil
}

// defaults returns a document of built-in values.
func defaults() *ini.Document {
	doc := new(ini.Document)
	for _, o := range options {
		if s, _ := lookupSection(o.Section); o.HasDefault && !s.Switch && s.Named != OnlyNamed {
			doc.Set(o.Section, o.Name, o.defaultOf(""))
		}
	}
	return doc
}

// loader assembles one configuration.
type loader struct {
	*Loaded
	config   *Config
	problems []Problem
	kinds    map[string][]inFile // the sections of the file
	// elsewhere is [Files.Elsewhere].
	elsewhere bool
}

// setSwitched adds the defaults of sections that have defaults only if a file has
// them.
func (l *loader) setSwitched() {
	_, l.Config.LocalStore.Enabled = l.doc.Section("local-store")
	_, l.Config.Prometheus.Enabled = l.doc.Section("prometheus")
	l.kinds = byKind(l.doc)
	for _, o := range options {
		for _, s := range l.kinds[o.Section] {
			l.inherit(s, o)
			_, ok := l.doc.Lookup(s.name, o.Name)
			if kind, _ := lookupSection(o.Section); kind.Separator != "" || o.New { // its defaults go before [DEFAULT], as everywhere
				ok = o.isOwn(l.doc, s.name)
			}
			if !ok && o.HasDefault {
				l.doc.Set(s.name, o.Name, o.defaultOf(s.instance))
			}
		}
	}
}

// setOption sets an option in each section of its kind.
func (l *loader) setOption(o Option) {
	for _, s := range l.kinds[o.Section] {
		l.setOptionIn(o, s.name, s.instance)
	}
}

func (l *loader) setOptionIn(o Option, section, instance string) {
	written, ok := l.doc.Lookup(section, o.Name)
	if !ok {
		return
	}
	text, err := l.doc.Get(section, o.Name)
	if err != nil && instance != "" && written.Pos.IsZero() {
		return // it has inherited a value that has been reported
	}
	if err != nil {
		l.reportReference(section, err)
		return
	}
	if err := o.set(l.config, instance, text); err != nil {
		variables := l.doc.Environment(section, o.Name)
		if written.Pos.IsZero() && len(variables) == 0 {
			return // the fault is that of base-dir, which has been reported
		}
		if len(variables) > 0 { // the fault may quote what is secret
			p := l.problem(section, o.Name, "the value from the environment is not allowed", "Correct the environment variable "+strings.Join(variables, " or "))
			p.Allowed = o.Allowed
			l.report(section, p)
			return
		}
		p := l.problem(section, o.Name, err.Error(), valueHint(o.Kind, text, err))
		p.Allowed = o.Allowed
		l.report(section, p)
	}
}

// problem returns a problem with an option of a section, or with the option of
// [DEFAULT] that the section inherits.
func (l *loader) problem(section, name, reason, hint string) Problem {
	p := Problem{Section: definingSection(l.doc, section, name), Option: name, Reason: reason, Hint: hint}
	if o, ok := l.doc.Lookup(section, name); ok {
		p.Pos, p.Value = o.Pos, o.Raw
	}
	if text, err := l.doc.Shown(section, name); err == nil {
		p.Value = text
	}
	return p
}

// reportReference adds a problem with a reference in an option of a section.
func (l *loader) reportReference(section string, err error) {
	p := referenceProblem(l.doc, err)
	if errors.Is(err, ini.ErrEnvironment) {
		if s, _ := lookupSection(section); l.elsewhere {
			l.Unset = append(l.Unset, p)
			return
		} else if !s.usedBy(l.program) {
			return // the other program may have another environment
		}
	}
	l.report(section, p)
}

// leastHidden is the length of the shortest value of a variable that is looked for in
// messages: a shorter one is part of other words.
const leastHidden = 4

// isWord reports whether the values of an option are words of the documentation. They are not
// secret, and messages have these words, such as "tls = true", also where no value is meant.
func isWord(section, name string) bool {
	o, ok := lookupOption(section, name)
	return ok && (o.Kind == wordKind || o.Kind == boolean.name)
}

// hideEnvironment replaces what has come from the environment in messages, since it may
// be secret.
func (l *loader) hideEnvironment() {
	values := make(map[string]string) // names of variables by their values
	for _, s := range append([]*ini.Section{l.doc.Defaults()}, l.doc.Sections()...) {
		for _, o := range s.Options {
			if !strings.Contains(o.Raw, "${"+ini.Environment+":") || isWord(s.Name, o.Name) {
				continue
			}
			for _, name := range l.doc.Environment(s.Name, o.Name) {
				if value, ok := l.doc.LookupEnv(name); ok && len(value) >= leastHidden {
					values[value] = name
				}
			}
		}
	}
	if len(values) == 0 {
		return
	}
	var pairs []string
	longest := slices.SortedFunc(maps.Keys(values), func(a, b string) int { return len(b) - len(a) })
	for _, value := range longest {
		pairs = append(pairs, value, "${"+ini.Environment+":"+values[value]+"}")
	}
	hidden := strings.NewReplacer(pairs...)
	for _, all := range [][]Problem{l.problems, l.Warnings, l.Relative, l.Unset} {
		for i, p := range all {
			if shown, err := l.doc.Shown(p.Section, p.Option); err == nil && len(l.doc.Environment(p.Section, p.Option)) > 0 {
				p.Value = shown
			}
			p.Value, p.Reason, p.Hint = hidden.Replace(p.Value), hidden.Replace(p.Reason), hidden.Replace(p.Hint)
			all[i] = p
		}
	}
}

// refuse adds a problem with an option that the program uses.
func (l *loader) refuse(section, name, reason, hint string) {
	l.problems = append(l.problems, l.problem(section, name, reason, hint))
}

func (l *loader) warn(p Problem) { l.Warnings = append(l.Warnings, p) }

// report adds a problem with an option of a section. It is a warning if only the
// other program uses the section.
func (l *loader) report(section string, p Problem) {
	s, _ := lookupSection(section)
	if s.usedBy(l.program) {
		l.problems = append(l.problems, p)
		return
	}
	p.Refuser = s.Programs[0]
	p.Reason = string(p.Refuser) + " will refuse this: " + p.Reason
	l.warn(p)
}
