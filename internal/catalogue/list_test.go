package catalogue

import (
	"path"
	"regexp"
	"strings"
	"testing"
)

func TestList(t *testing.T) {
	const set = "scur smax stot h2_a h2_max rtime" // of the metric set; h2_new is none of it
	for _, tt := range []struct{ list, want string }{
		{"scur", "scur"},
		{"scur -scur", ""},
		{"-scur scur", "scur smax stot h2_a h2_max rtime"},
		{"h2_*", "h2_a h2_max h2_new"},
		{"h2_* -*_max", "h2_a h2_new"},
		{"-*_max h2_*", "scur smax stot h2_a h2_max rtime h2_new"},
		{"-*max", "scur stot h2_a rtime"},
		{"*", "scur smax stot h2_a h2_max rtime h2_new"},
		{"s??? -?max", "scur stot"},
		{"* -* rtime", "rtime"},
		{"pxname", "pxname"}, // whoever reads the list has refused it
		{"px*", ""},
		{"-", "scur smax stot h2_a h2_max rtime"},
	} {
		l := ParseList(tt.list)
		var got []string
		for _, name := range strings.Fields(set + " h2_new pxname") {
			if l.Takes(name, strings.Contains(set, name), name != "pxname") {
				got = append(got, name)
			}
		}
		if strings.Join(got, " ") != tt.want {
			t.Errorf("%q takes %q, want %q", tt.list, strings.Join(got, " "), tt.want)
		}
	}
}

// A pattern matches what the same one matches as a regular expression.
func FuzzPattern(f *testing.F) {
	for _, s := range []string{"h2_*", "*_max", "a*b*c", "**", "?", "", "a?*", "*a*a*a*a*b"} {
		f.Add(s, "h2_max")
		f.Add(s, "aXbXXc")
		f.Add(s, strings.Repeat("a", 60))
	}
	f.Fuzz(func(t *testing.T, pattern, name string) {
		if len(pattern) > 100 || len(name) > 1000 {
			return
		}
		var re strings.Builder
		for i := range len(pattern) {
			switch pattern[i] {
			case '*':
				re.WriteString(`.*`)
			case '?':
				re.WriteString(`.`)
			default:
				re.WriteString(regexp.QuoteMeta(pattern[i : i+1]))
			}
		}
		if strings.ContainsFunc(pattern+name, func(r rune) bool { return r >= 0x80 }) {
			return // regular expressions have no bytes
		}
		want := regexp.MustCompile("^(?s:" + strings.ReplaceAll(re.String(), `.`, ".") + ")$").MatchString(name)
		if got := (Item{Name: pattern}).Matches(name); got != want {
			t.Errorf("%q matches %q: got %v, want %v", pattern, name, got, want)
		}
		if !strings.ContainsAny(pattern+name, `[]\/`) {
			if other, err := path.Match(pattern, name); err == nil && other != want {
				t.Errorf("path.Match says %v", other)
			}
		}
	})
}

func FuzzList(f *testing.F) {
	f.Add("h2_* -*_max scur")
	f.Add("-a - -- *?")
	f.Fuzz(func(t *testing.T, text string) {
		l := ParseList(text)
		if len(l) != len(strings.Fields(text)) {
			t.Errorf("got %d items of %q", len(l), text)
		}
		for _, i := range l {
			if !i.IsPattern() && !i.Matches(i.Name) {
				t.Errorf("%q does not match itself", i.Name)
			}
			if got := l.Takes(i.Name, false, false); got && i.IsPattern() {
				t.Errorf("the pattern %q takes what is no metric", i.Name)
			}
		}
	})
}
