package man

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// body returns the part of a page after its NAME.
func body(t *testing.T, write func(p *Page)) string {
	t.Helper()
	p := New("a", 1, "b 1.0", "c", "d")
	head := p.out.Len()
	write(p)
	page, err := p.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return string(page[head:])
}

func TestHead(t *testing.T) {
	page, err := New("haproxystats.conf", 5, "haproxystats 1.0-dev", `A "quoted" manual`, "what it's for").Bytes()
	if err != nil {
		t.Fatal(err)
	}
	const want = `.\" Generated. Do not edit.
.TH "HAPROXYSTATS.CONF" 5 "" "haproxystats 1.0\-dev" "A \(dqquoted\(dq manual"
.SH "NAME"
haproxystats.conf \- what it\(aqs for
`
	if diff := cmp.Diff(want, string(page)); diff != "" {
		t.Error(diff)
	}
}

func TestText(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"paragraphs", "One\n  two.\n\nThree.\n", ".PP\nOne\ntwo.\n.PP\nThree.\n"},
		{"headings", "# S\nText.\n## [x]\n\nText.", ".SH \"S\"\nText.\n.SS \"[x]\"\nText.\n"},
		{"fonts", "well-known `-f` *FILE*.", ".PP\nwell-known \\fB\\-f\\fR \\fIFILE\\fR.\n"},
		{"a mark within another", "`*.conf` and `a\nb`", ".PP\n\\fB*.conf\\fR and \\fBa\nb\\fR\n"},
		{"what roff reads as markup", ".x\n'y \\z ^~", ".PP\n\\&.x\n\\(aqy \\ez \\(ha\\(ti\n"},
		{"items", "- one\n  more\n- two\n\nText.", ".IP \\(bu 2\none\nmore\n.IP \\(bu 2\ntwo\n.PP\nText.\n"},
		{"definitions", "`a`\n: one\nmore\n\n`b`\n: two", ".TP\n\\fBa\\fR\none\nmore\n.TP\n\\fBb\\fR\ntwo\n"},
		{"example", "Run:\n\n    a -b `c`\n\n    .d\nText.", ".PP\nRun:\n.PP\n.RS 4\n.nf\na \\-b \\(gac\\(ga\n\n\\&.d\n.fi\n.RE\n.PP\nText.\n"},
		{"an example first", "# S\n    x\n", ".SH \"S\"\n.RS 4\n.nf\nx\n.fi\n.RE\n"},
		{"nothing", "\n\n", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := body(t, func(p *Page) { p.Text(test.text) })
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestDefineGoesOn(t *testing.T) {
	got := body(t, func(p *Page) {
		p.Define("`-f`", "One.\n\nTwo.\n\n- three\n\n    four\n")
	})
	const want = ".TP\n\\fB\\-f\\fR\nOne.\n.IP\nTwo.\n.RS\n.IP \\(bu 2\nthree\n.RE\n.RS\n.RS 4\n.nf\nfour\n.fi\n.RE\n.RE\n"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestUsage(t *testing.T) {
	got := body(t, func(p *Page) {
		p.Section("SYNOPSIS")
		p.Usage("`a` [`-f` *FILE*]")
		p.Usage("`a` `-h`")
	})
	if want := ".SH \"SYNOPSIS\"\n\\fBa\\fR [\\fB\\-f\\fR \\fIFILE\\fR]\n.br\n\\fBa\\fR \\fB\\-h\\fR\n"; got != want {
		t.Errorf("got\n%s", got)
	}
}

func TestRefused(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"an open mark", "The first *.conf files.\n\nAn `open mark.", "* is not closed"},
		{"marks around nothing", "Text **bold**.", "* is not closed"},
		{"a character outside ASCII", "A café.", "a character outside ASCII"},
		{"a definition behind its term", "`0` : All is well.", "the definition stands in one line with its term"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := New("a", 1, "b", "c", "d")
			p.Text(test.text)
			if page, err := p.Bytes(); err == nil || !strings.Contains(err.Error(), test.want) || page != nil {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
	p := New("a", 1, "b", "c", "d")
	p.Define("x", "- item")
	if _, err := p.Bytes(); err == nil {
		t.Error("a definition that is a list is taken")
	}
}
