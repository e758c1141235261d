package config

import (
	"reflect"
	"testing"
)

// The table and the structs say the same: every option has a field, and every
// field an option.
func TestOptionsAndFields(t *testing.T) {
	seen := map[string]bool{"LocalStore.Enabled": true, "Prometheus.Enabled": true} // say that the section is there
	for _, o := range Options() {
		s, ok := lookupSection(o.Section)
		if !ok {
			t.Fatalf("[%s] is not in the list of sections", o.Section)
		}
		field := s.Field + "." + o.Field()
		if o.Field() == "" || seen[field] {
			t.Errorf("[%s] %s has the field %q, which is none or another's", o.Section, o.Name, field)
		}
		seen[field] = true
	}
	c := reflect.TypeFor[Config]()
	for _, s := range Sections() {
		section, ok := c.FieldByName(s.Field)
		if !ok {
			t.Fatalf("[%s] has no field %s", s.Name, s.Field)
		}
		if s.Groups {
			continue
		}
		fields := section.Type
		if fields.Kind() == reflect.Slice {
			named, _ := fields.Elem().FieldByName("Options")
			fields = named.Type
		}
		for _, f := range reflect.VisibleFields(fields) {
			if field := s.Field + "." + f.Name; !seen[field] && !f.Anonymous {
				t.Errorf("the field %s has no option", field)
			}
		}
	}
	if c.NumField() != len(Sections())+1 { // [graphite] has two fields
		t.Errorf("Config has %d fields for %d sections", c.NumField(), len(Sections()))
	}
}

func TestOptionsAreUnique(t *testing.T) {
	seen := map[[2]string]bool{}
	for _, o := range Options() {
		key := [2]string{o.Section, o.Name}
		if seen[key] {
			t.Errorf("[%s] %s comes twice", o.Section, o.Name)
		}
		seen[key] = true
		if o.Kind == "" || o.Allowed == "" {
			t.Errorf("[%s] %s does not say what it takes", o.Section, o.Name)
		}
	}
}

// Every default is one that its option takes: a typo would show only when the
// option is inherited or printed.
func TestDefaultsAreAllowed(t *testing.T) {
	for _, o := range Options() {
		if !o.HasDefault {
			continue
		}
		doc := defaults()
		doc.Set(o.Section, o.Name, o.defaultOf(""))
		text, err := doc.Get(o.Section, o.Name)
		if err != nil {
			t.Errorf("[%s] %s: %v", o.Section, o.Name, err)
			continue
		}
		if err := o.set(new(Config), "", text); err != nil {
			t.Errorf("[%s] %s = %s: %v", o.Section, o.Name, text, err)
		}
	}
}
