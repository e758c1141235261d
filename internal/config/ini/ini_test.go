package ini

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFaults(t *testing.T) {
	for _, tt := range []struct {
		name string
		text string
		want []string
	}{
		{"none", "[s]\na = 1\n", nil},
		{"all at once", "x = 1\ny = 2\n[s]\nfoo\na = 1\nA = 2\n[s]\n= 3\nb = 1\nbar\n", []string{
			`f:1: "x = 1" stands before the first [section]. Put a header such as [DEFAULT] above it`,
			"f:4: [s]: \"foo\" is neither a [section] nor an `option = value`. Start the line with # for a comment, or indent it to continue the value above",
			`f:6: [s] a: the option was set in line 5 already. Keep one of them`,
			`f:7: [s]: the section was opened in line 3 already. Move the options there`,
			`f:8: [s]: "= 3" has no option name before its delimiter. Write the line as ` + "`option = value`",
			"f:10: [s]: \"bar\" is neither a [section] nor an `option = value`. Start the line with # for a comment, or indent it to continue the value above",
		}},
		{"a header without its end", "[s]\n[pull\na = 1\n", []string{`f:2: [s]: "[pull" begins a section and has no ] after its name. Write [name]`}},
		{"across two headers", "[s]\na = 1\n[s]\na = 2\n", []string{
			`f:3: [s]: the section was opened in line 1 already. Move the options there`,
			`f:4: [s] a: the option was set in line 2 already. Keep one of them`,
		}},
		{"not UTF-8", "[s]\na = caf\xe9\nb = 1\n \xff\n", []string{
			`f:2: [s]: byte 8 is not UTF-8. Save the file as UTF-8`,
			`f:4: [s]: byte 2 is not UTF-8. Save the file as UTF-8`,
		}},
		{"not UTF-8 in a comment", "# caf\xe9\n[s]\n  ; \xff\na = 1\n", nil},
		{"a true U+FFFD", "[s]\na = \ufffd\n", nil},
		{"UTF-16", "\xff\xfe[\x00s\x00]\x00\n\x00", []string{`f:1: the file is UTF-16. Save the file as UTF-8`}},
		{"UTF-16, big end first", "\xfe\xff\x00[", []string{`f:1: the file is UTF-16. Save the file as UTF-8`}},
		{"byte order mark", "\ufeff[s]\na = 1\n", nil},
		{"CR LF", "[s]\r\nfoo\r\n\r\nbar\r\n", []string{
			"f:2: [s]: \"foo\" is neither a [section] nor an `option = value`. Start the line with # for a comment, or indent it to continue the value above",
			"f:4: [s]: \"bar\" is neither a [section] nor an `option = value`. Start the line with # for a comment, or indent it to continue the value above",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var doc Document
			var got []string
			for _, f := range doc.Parse("f", []byte(tt.text)) {
				got = append(got, f.Error())
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("Parse(%q) (-want +got):\n%s", tt.text, diff)
			}
		})
	}
}

func TestPositions(t *testing.T) {
	var doc Document
	doc.Set("s", "built-in", "1")
	for _, f := range []struct{ name, text string }{
		{"one", "\ufeff# comment\r\n[DEFAULT]\rd = 1\n\n[s]\r\na = 1\n 2\n\nb: 2\n[t]\n"},
		{"two", "[s]\n\nb = 3\n[u]\n"},
	} {
		if faults := doc.Parse(f.name, []byte(f.text)); faults != nil {
			t.Fatal(faults)
		}
	}
	for _, tt := range []struct{ section, option, want string }{
		{"s", "a", "one:6"},
		{"s", "b", "two:3"},
		{"s", "d", "one:3"},
		{"DEFAULT", "d", "one:3"},
		{"t", "d", "one:3"},
		{"s", "built-in", "built-in default"},
	} {
		o, ok := doc.Lookup(tt.section, tt.option)
		if !ok || o.Pos.String() != tt.want {
			t.Errorf("Lookup(%q, %q) is at %s, %t, want %s", tt.section, tt.option, o.Pos, ok, tt.want)
		}
	}
	for section, want := range map[string]string{"DEFAULT": "one:2", "s": "one:5", "t": "one:10", "u": "two:4"} {
		if s, _ := doc.Section(section); s.Pos.String() != want {
			t.Errorf("section %s is at %s, want %s", section, s.Pos, want)
		}
	}
}

// A fault in a value is blamed on the option that holds it.
func TestInterpolationFaults(t *testing.T) {
	long := strings.Repeat("x", 1<<10)
	bomb := "[s]\na = " + strings.Repeat("${b}", 2048) + "\nb = $$" + long + "\n"
	many := "[s]\na = " + strings.Repeat("${b}", 1024) + "\nb = " + strings.Repeat("${c}", 1024) + "\nc =\n"
	for _, tt := range []struct {
		name, text string
		cause      error
		want       string
	}{
		{"dollar", "[s]\na = x$HOME\n", ErrReferenceSyntax, `f:2: [s] a: "$HOME": neither { nor another $ follows the $. Write $$ for a dollar sign`},
		{"open", "[s]\na = ${x\n", ErrReferenceSyntax, `f:2: [s] a: "${x": the reference is incomplete. Write ${option}, ${section:option}, or $$ for a dollar sign`},
		{"colons", "[s]\na = ${x:y:z}\n", ErrReferenceSyntax, `f:2: [s] a: ${x:y:z} has more than one colon. Write ${section:option}`},
		{"missing", "[s]\na = ${t:B}\n", ErrReference, `f:2: [s] a: ${t:b} refers to an option that is not set. Set that option, or write $$ for a dollar sign`},
		{"elsewhere", "[s]\na = ${t:b}\n[t]\nb = ${c}\n", ErrReference, `f:4: [t] b: ${c} refers to an option that is not set. Set that option, or write $$ for a dollar sign`},
		{"cycle", "[s]\na = ${a}\n", ErrDepth, `f:2: [s] a: "${a}" takes part in more than 10 nested references. Check that no option refers to itself`},
		{"length", bomb, ErrExpansion, `f:2: [s] a: the value is longer than 1048576 bytes`},
		{"number", many, ErrExpansion, `f:2: [s] a: the value needs more than 65536 references`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var doc Document
			if faults := doc.Parse("f", []byte(tt.text)); faults != nil {
				t.Fatal(faults)
			}
			_, err := doc.Get("s", "a")
			if !errors.Is(err, tt.cause) || err.Error() != tt.want {
				t.Errorf("Get = %v, want %s (%v)", err, tt.want, tt.cause)
			}
		})
	}
}

func TestGetOfNothing(t *testing.T) {
	var doc Document
	for _, section := range []string{"s", Default} {
		if _, err := doc.Get(section, "a"); !errors.Is(err, ErrNoOption) {
			t.Errorf("Get(%q) = %v, want %v", section, err, ErrNoOption)
		}
	}
}

func TestReferences(t *testing.T) {
	var doc Document
	text := `[DEFAULT]
var = 1
every = ${local} $$ ${own:x
[s]
local = 2
other = ${t:used} ${var}
bad = $ ${t:unseen}
[t]
used = 3
unseen = 4
local = 5
[u]
q = ${T2}
t2 = $${t:unseen}
`
	if faults := doc.Parse("f", []byte(text)); faults != nil {
		t.Fatal(faults)
	}
	got := map[string]bool{}
	for _, s := range append(doc.Sections(), doc.Defaults()) {
		for _, o := range s.Options {
			if doc.References().Has(s.Name, o.Name) {
				got[s.Name+" "+o.Name] = true
			}
		}
	}
	want := map[string]bool{"DEFAULT var": true, "s local": true, "t used": true, "t local": true, "u t2": true}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("referenced (-want +got):\n%s", diff)
	}
}

// What a document holds, written out again, reads as the same.
func FuzzParse(f *testing.F) {
	for _, c := range pythonCases(f) {
		f.Add([]byte(strings.Join(c.Files, "\n")))
	}
	f.Add([]byte("\ufeff[s]\r\na = \xff\n"))
	f.Add([]byte("\xff\xfe"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var doc Document
		faults := doc.Parse("f", data)
		lines := 1 + strings.Count(string(data), "\n") + strings.Count(string(data), "\r")
		for i, e := range faults {
			if e.Pos.Line < 1 || e.Pos.Line > lines || i > 0 && e.Pos.Line < faults[i-1].Pos.Line {
				t.Errorf("fault %d of %d lines is out of place: %v", i, lines, e)
			}
			if e.Err == nil || e.Detail == "" {
				t.Errorf("fault without cause or detail: %#v", e)
			}
		}
		values := map[optionKey]string{}
		var text strings.Builder
		for _, s := range append([]*Section{doc.Defaults()}, doc.Sections()...) {
			fmt.Fprintf(&text, "[%s]\n", s.Name)
			for _, o := range s.Options {
				fmt.Fprintf(&text, "%s = %s\n", o.Name, strings.ReplaceAll(o.Raw, "\n", "\n "))
				values[optionKey{s.Name, o.Name}] = o.Raw
				value, err := doc.Get(s.Name, o.Name)
				if e := (*Error)(nil); err != nil && (!errors.As(err, &e) || e.Pos.IsZero()) {
					t.Errorf("Get(%q, %q) gives an error without position: %v", s.Name, o.Name, err)
				}
				if len(value) > maxExpansion {
					t.Errorf("Get(%q, %q) is %d bytes long", s.Name, o.Name, len(value))
				}
			}
		}
		if len(faults) > 0 {
			return
		}
		var again Document
		if faults := again.Parse("f", []byte(text.String())); faults != nil {
			t.Fatalf("written again as %q: %v", text.String(), faults[0])
		}
		for key, want := range values {
			if o, _ := again.Lookup(key.section, key.name); o.Raw != want {
				t.Errorf("[%s] %s is %q, want %q after writing it as %q", key.section, key.name, o.Raw, want, text.String())
			}
		}
	})
}

func TestEnvironment(t *testing.T) {
	environment := map[string]string{"NAME": "lb 1", "name": "lower", "EMPTY": "", "DOLLAR": "${a} $$ $"}
	for _, tt := range []struct{ name, text, want, shown, fault string }{
		{"set", "a = <${env:NAME}>", "<lb 1>", "<${env:NAME}>", ""},
		{"case counts", "a = ${env:name}", "lower", "${env:name}", ""},
		{"empty", "a = x${env:EMPTY}y", "xy", "x${env:EMPTY}y", ""},
		{"nothing is replaced in it", "a = ${env:DOLLAR}", "${a} $$ $", "${env:DOLLAR}", ""},
		{"through another option", "a = ${b}/x\nb = ${env:NAME}", "lb 1/x", "${env:NAME}/x", ""},
		{"escaped", "a = $${env:NAME}", "${env:NAME}", "${env:NAME}", ""},
		{"a section of that name", "a = ${env:NAME}\n[env]\nname = mine", "mine", "mine", ""},
		{"a section without the option", "a = ${env:NAME}\n[env]\nother = mine", "lb 1", "${env:NAME}", ""},
		{"not set", "a = 1${env:NOWHERE}", "", "1${env:NOWHERE}", "f:2: [s] a: the environment variable NOWHERE is not set. Set it where the program is started, as in /etc/default/haproxystats, or write $$ for a dollar sign"},
		{"no name", "a = ${env:}", "", "", "f:2: [s] a: ${env:}: not the name of an environment variable. Write ${env:NAME}, with letters, digits and _ in the name"},
		{"a bad name", "a = ${env:1A}", "", "", "f:2: [s] a: ${env:1A}: not the name of an environment variable. Write ${env:NAME}, with letters, digits and _ in the name"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			doc := Document{LookupEnv: func(name string) (string, bool) {
				value, ok := environment[name]
				return value, ok
			}}
			if faults := doc.Parse("f", []byte("[s]\n"+tt.text+"\n")); faults != nil {
				t.Fatal(faults)
			}
			got, err := doc.Get("s", "a")
			fault := ""
			if err != nil {
				fault = err.Error()
			}
			if got != tt.want || fault != tt.fault {
				t.Errorf("got %q, %q, want %q, %q", got, fault, tt.want, tt.fault)
			}
			if shown, _ := doc.Shown("s", "a"); shown != tt.shown {
				t.Errorf("shown as %q, want %q", shown, tt.shown)
			}
		})
	}
	var like Document // without an environment it is Python's
	like.Parse("f", []byte("[s]\na = ${env:NAME}\n"))
	if _, err := like.Get("s", "a"); !errors.Is(err, ErrReference) {
		t.Errorf("got %v, want %v", err, ErrReference)
	}
}
