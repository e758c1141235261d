package config

import (
	"reflect"
	"slices"
)

// Program is one of the programs that share a file.
type Program string

// The programs.
const (
	ForPull    Program = "haproxystats-pull"
	ForProcess Program = "haproxystats-process"
	ForCentral Program = "haproxystats-central"
)

// Section describes a section of the file.
type Section struct {
	Name string
	// Field is the field of [Config] that holds it.
	Field string
	// Programs are the programs that use it. A bad value in it stops only these.
	Programs []Program
	// Groups is true if the operator chooses the names of its options.
	Groups bool
	// Switch is true if the section has an effect just by its presence. It then has no
	// defaults unless a file has the section.
	Switch bool
	// Separator stands between the name and that which the operator gives, as in
	// [cluster eu]; empty where there is one section of the name.
	Separator string
	// Inherits tells that what the section without a name sets goes before the
	// defaults of those with one.
	Inherits bool
	// Named is which of these sections there are: without a name, with one, or both.
	Named NameUse
}

// NameUse says which sections with a [Section.Separator] there are.
type NameUse int

// The uses of names.
const (
	MayBeNamed NameUse = iota // one without a name, and any number with
	OnlyNamed                 // only with a name
)

// short returns the section's name as a message has it.
func (s Section) short() string {
	if s.Named == OnlyNamed {
		return s.Title()
	}
	return s.Name
}

// Title returns the section's name as the documentation has it.
func (s Section) Title() string {
	switch {
	case s.Separator == "":
		return s.Name
	case s.Named == OnlyNamed:
		return s.Name + s.Separator + "NAME"
	}
	return s.Name + "], [" + s.Name + s.Separator + "NAME"
}

// The programs of sections.
var (
	everyProgram = []Program{ForPull, ForProcess, ForCentral}
	pulling      = []Program{ForPull, ForCentral}
	processing   = []Program{ForProcess, ForCentral}
	central      = []Program{ForCentral}
)

var sections = []Section{
	{Name: "DEFAULT", Field: "Default", Programs: everyProgram},
	{Name: "paths", Field: "Paths", Programs: everyProgram},
	{Name: "pull", Field: "Pull", Programs: pulling},
	{Name: "process", Field: "Process", Programs: processing},
	{Name: "graphite", Field: "Graphite", Programs: processing, Separator: ":", Inherits: true},
	{Name: "kafka", Field: "Kafkas", Programs: processing, Switch: true, Separator: ":", Inherits: true},
	{Name: "forward", Field: "Forward", Programs: []Program{ForProcess}, Switch: true},
	{Name: "events", Field: "Events", Programs: processing, Switch: true},
	{Name: "prometheus", Field: "Prometheus", Programs: processing, Switch: true},
	{Name: "influx", Field: "Influxes", Programs: processing, Switch: true, Separator: ":", Inherits: true},
	{Name: "remote-write", Field: "RemoteWrites", Programs: processing, Switch: true, Separator: ":", Inherits: true},
	{Name: "otlp", Field: "OTLPs", Programs: processing, Switch: true, Separator: ":", Inherits: true},
	{Name: "local-store", Field: "LocalStore", Programs: processing, Switch: true},
	{Name: "frontend-groups", Field: "FrontendGroups", Programs: processing, Groups: true, Switch: true},
	{Name: "backend-groups", Field: "BackendGroups", Programs: processing, Groups: true, Switch: true},
	{Name: "server-groups", Field: "ServerGroups", Programs: processing, Groups: true, Switch: true},
	{Name: "central", Field: "Central", Programs: central},
	{Name: "node", Field: "Nodes", Programs: central, Separator: " ", Named: OnlyNamed},
	{Name: "cluster", Field: "Clusters", Programs: central, Separator: " ", Inherits: true},
}

// Sections returns the sections in the order of the documentation. The caller
// must not change them.
func Sections() []Section { return sections }

// lookupSection finds the kind of a section of the file.
func lookupSection(name string) (Section, bool) {
	i := slices.IndexFunc(sections, func(s Section) bool { return s.Name == name })
	if i < 0 {
		s, _, ok := instanceOf(name)
		return s, ok
	}
	return sections[i], true
}

// usedBy reports whether a bad value in the section stops the program.
func (s Section) usedBy(p Program) bool { return slices.Contains(s.Programs, p) }

// Option describes one option.
type Option struct {
	Section string
	Name    string
	// Default is the text of the default, as in a file.
	Default string
	// HasDefault distinguishes an empty default from none.
	HasDefault bool
	// Kind and Allowed describe the values.
	Kind, Allowed string
	// New is for options that haproxystats 0.5 did not have.
	New bool
	// Whole is for options of [DEFAULT] that count for the whole host: no other section may
	// set them.
	Whole bool
	// Apart is for options that a section with a name does not inherit.
	Apart bool
	// Together are options of which a section with a name inherits none if it sets one.
	Together []string

	// set parses a value into the option's field.
	set   func(c *Config, instance, text string) error
	field func(*Config) any
}

// Options returns every option, section by section. The caller must not change
// them.
func Options() []Option { return options }

// optional describes an option without a default of its own.
func optional[T any](section, name string, k kind[T], field func(*Config) *T) Option {
	return Option{
		Section: section, Name: name, Kind: k.name, Allowed: k.allowed,
		set: func(c *Config, _, text string) error {
			v, err := k.parse(text)
			if err != nil {
				return err
			}
			*field(c) = v
			return nil
		},
		field: func(c *Config) any { return field(c) },
	}
}

// option describes an option with a default.
func option[T any](section, name, text string, k kind[T], field func(*Config) *T) Option {
	o := optional(section, name, k, field)
	o.Default, o.HasDefault = text, true
	return o
}

// since1 marks an option that haproxystats 0.5 did not have.
func since1(o Option) Option {
	o.New = true
	return o
}

// forAll marks an option of [DEFAULT] that no other section may set.
func forAll(o Option) Option {
	o.Whole = true
	return o
}

// Field returns the name of the option's field, within the struct of its section or a
// struct that is embedded there.
func (o Option) Field() string {
	var c Config
	want := reflect.ValueOf(o.field(&c)).Pointer()
	section := reflect.ValueOf(&c).Elem()
	if s, ok := lookupSection(o.Section); ok {
		section = section.FieldByName(s.Field)
	}
	if section.Kind() == reflect.Slice {
		section = section.Index(0).FieldByName("Options")
	}
	for _, f := range reflect.VisibleFields(section.Type()) {
		if field := section.FieldByIndex(f.Index); field.Addr().Pointer() == want && f.Type == reflect.TypeOf(o.field(&c)).Elem() {
			return f.Name
		}
	}
	return ""
}

// lookupOption returns the option of that name in a section: the section's own, or
// else that of [DEFAULT], which every section may override.
func lookupOption(section, name string) (Option, bool) {
	if s, _, ok := instanceOf(section); ok {
		section = s.Name
	}
	for _, in := range []string{section, "DEFAULT"} {
		i := slices.IndexFunc(options, func(o Option) bool {
			return o.Section == in && o.Name == name && (!o.Whole || in == section)
		})
		if i >= 0 {
			return options[i], true
		}
	}
	return Option{}, false
}

// SetDefaults gives a section without a name that no file has the defaults of its options,
// for those who ask what it would do. Defaults that refer to other options stay as written.
func (c *Config) SetDefaults(section string) {
	for _, o := range options {
		if o.Section == section && o.HasDefault {
			_ = o.set(c, "", o.defaultOf("")) // fails only for such references
		}
	}
}
