package events

import (
	"strings"
	"testing"

	"haproxystats/internal/event"
)

// only returns the event of a line.
func only(t testing.TB, line string) *item {
	t.Helper()
	all := parseLines([]byte(line))
	if len(all) != 1 {
		t.Fatalf("%s: got %d events, want 1", line, len(all))
	}
	return all[0]
}

const (
	down = `{"id":"lb1/haproxy/100-1/7","time":1795890533,"seen":1795890540,"node":"lb1","kind":"server_state","backend":"app","server":"a1","from":"UP","to":"DOWN","reason":"check","check":"L4CON","flaps":3,"exact":true}`
	gap  = `{"id":"lb1/haproxy/100-1/8","time":1795890534,"seen":0,"node":"lb1","kind":"gap","exact":false,"seconds":60}`
)

func TestTemplate(t *testing.T) {
	for _, c := range []struct {
		template, line, want string
		full                 bool
	}{
		{"{summary}", down, "server app/a1 is DOWN, was UP (L4CON, went down 3 times)", true},
		{"{details}", down, "backend=app server=a1 from=UP to=DOWN reason=check check=L4CON flaps=3 exact=true", true},
		{"{node}: {kind}, {flaps} flaps, exact {exact}, at {time}", down, "lb1: server_state, 3 flaps, exact true, at 1795890533", true},
		{"{{{kind}}} {{}}", down, "{server_state} {}", true},
		{"plain", gap, "plain", true},
		{"{summary}", gap, "HAProxy was not asked for 60 seconds", true},
		{"{backend} {details}", gap, "exact=false seconds=60", false},
		{"{old_workers}", gap, "", false},
	} {
		if err := Template(c.template).Check(); err != nil {
			t.Errorf("%q: got error %v", c.template, err)
		}
		if got, full := Template(c.template).fill(only(t, c.line)); got != c.want || full != c.full {
			t.Errorf("%q: got %q and full %t, want %q and %t", c.template, got, full, c.want, c.full)
		}
	}
}

func TestTemplateIsRefused(t *testing.T) {
	for template, want := range map[string]string{
		"{nothing}": "no field {nothing}",
		"{kind":     "not closed",
		"{":         "not closed",
		"kind}":     "closes nothing",
		"{}":        "no field {}",
		"{{kind}":   "closes nothing",
	} {
		if err := Template(template).Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got error %v, want %q in it", template, err, want)
		}
	}
}

func FuzzTemplate(f *testing.F) {
	for _, seed := range []string{"{summary}", "{{a}}", "{", "}", "{kind}{node", "{details} }}"} {
		f.Add(seed, down)
		f.Add(seed, gap)
	}
	f.Fuzz(func(t *testing.T, template, line string) {
		all := parseLines([]byte(line))
		if len(all) == 0 {
			return
		}
		i := all[0]
		text, _ := Template(template).fill(i)
		if Template(template).Check() == nil && !strings.ContainsAny(template, "{}") && text != strings.TrimSpace(template) {
			t.Errorf("got %q for %q, which has no field", text, template)
		}
		for _, tag := range tags([]Template{Template(template)}, i) {
			if strings.ContainsAny(tag, " ,\t\n") || tag == "" {
				t.Errorf("got tag %q", tag)
			}
		}
	})
}

func TestKinds(t *testing.T) {
	for _, c := range []struct {
		kinds string
		kind  event.Kind
		want  bool
	}{
		{"*", "reload", true},
		{"*_state", "server_state", true},
		{"*_state", "reload", false},
		{"reload*", "reload_failed", true},
		{"reload", "reload_failed", false},
		{"crash restart", "restart", true},
		{"[", "restart", false},
	} {
		if got := Kinds(strings.Fields(c.kinds)).match(c.kind); got != c.want {
			t.Errorf("%q has %q: got %t, want %t", c.kinds, c.kind, got, c.want)
		}
	}
	if err := (Kinds{"*", "reloads"}).Check(); err == nil || !strings.Contains(err.Error(), `"reloads"`) {
		t.Errorf("got error %v, want one about reloads", err)
	}
}
