// Package man writes manual pages, in the markup of man(7), from a subset of Markdown.
//
// The same input gives the same page: there is no date in it, and the environment does
// not matter. The package knows headings, paragraphs, lists, definitions, examples,
// `code` and *names to be replaced*. Only generators use it, not the programs.
package man

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"unicode"
)

// Page is a manual page that is being written, from top to bottom.
type Page struct {
	out bytes.Buffer
	err error
	// opened is true directly after a heading, where no paragraph macro is needed.
	opened bool
}

// New begins a page, such as New("haproxystats.conf", 5, "haproxystats 1.0.0",
// "File formats", "configuration of haproxystats").
func New(name string, section int, source, manual, purpose string) *Page {
	p := new(Page)
	p.line(`.\" Generated. Do not edit.`)
	p.line(fmt.Sprintf(`.TH %s %d "" %s %s`, quote(strings.ToUpper(name)), section, quote(source), quote(manual)))
	p.Section("NAME")
	p.line(escape(name) + ` \- ` + plain(purpose))
	p.opened = false
	return p
}

// Section begins a section.
func (p *Page) Section(name string) {
	p.line(".SH " + quote(name))
	p.opened = true
}

// Subsection begins a part of a section.
func (p *Page) Subsection(name string) {
	p.line(".SS " + quote(name))
	p.opened = true
}

// Usage writes a line of a synopsis, with `code` and *names*.
func (p *Page) Usage(text string) {
	if !p.opened {
		p.line(".br")
	}
	p.opened = false
	p.line(p.inline(text))
}

// Define writes a term and its definition, both in Markdown.
func (p *Page) Define(term, text string) {
	p.line(".TP")
	p.line(p.inline(term))
	for i, b := range blocks(text) {
		switch {
		case i == 0 && b.kind != paragraph:
			p.fail("the definition of %s does not begin with a paragraph", term)
		case b.kind == paragraph:
			if i > 0 {
				p.line(".IP")
			}
			p.line(p.inline(b.text))
		default:
			p.line(".RS")
			p.opened = true
			p.block(b)
			p.line(".RE")
		}
	}
	p.opened = false
}

// Text writes Markdown: headings, paragraphs, lists, definitions, examples.
func (p *Page) Text(text string) {
	for _, b := range blocks(text) {
		p.block(b)
	}
}

// Bytes returns the page. It returns an error for Markdown that the package does not
// know, and for characters outside ASCII, which not every roff can show.
func (p *Page) Bytes() ([]byte, error) {
	if p.err != nil {
		return nil, p.err
	}
	for line := range bytes.Lines(p.out.Bytes()) {
		if bytes.ContainsFunc(line, func(r rune) bool { return r > unicode.MaxASCII }) {
			return nil, fmt.Errorf("a character outside ASCII: %s", line)
		}
	}
	return p.out.Bytes(), nil
}

// flattened matches a definition that a tool for wrapping text has joined with its term.
var flattened = regexp.MustCompile("^`[^`]+` : ")

func (p *Page) block(b block) {
	switch b.kind {
	case section:
		p.Section(b.text)
		return
	case subsection:
		p.Subsection(b.text)
		return
	case paragraph:
		if flattened.MatchString(b.text) {
			p.fail("the definition stands in one line with its term, write it on the next line, behind \": \": %s", b.text)
		}
		if !p.opened {
			p.line(".PP")
		}
		p.line(p.inline(b.text))
	case item:
		p.line(`.IP \(bu 2`)
		p.line(p.inline(b.text))
	case definition:
		p.Define(b.term, b.text)
	case example:
		if !p.opened {
			p.line(".PP")
		}
		p.line(".RS 4")
		p.line(".nf")
		for l := range strings.Lines(b.text) {
			p.line(protect(escape(strings.TrimRight(l, "\n"))))
		}
		p.line(".fi")
		p.line(".RE")
	}
	p.opened = false
}

func (p *Page) line(text string) { p.out.WriteString(text + "\n") }

func (p *Page) fail(format string, args ...any) {
	if p.err == nil {
		p.err = fmt.Errorf(format, args...)
	}
}
