package ini

import (
	"bytes"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Parse adds the options of a file to the document and returns all faults of the file
// in the order of its lines. An option replaces that of an earlier file; within one
// file an option or a section may occur only once.
//
// The name is used for positions only.
func (d *Document) Parse(name string, data []byte) []*Error {
	p := parser{
		doc:      d,
		file:     name,
		sections: make(map[string]int),
		options:  make(map[optionKey]int),
	}
	if bytes.HasPrefix(data, []byte("\xff\xfe")) || bytes.HasPrefix(data, []byte("\xfe\xff")) {
		p.line = 1
		p.fault(ErrEncoding, "", "", "the file is UTF-16", "Save the file as UTF-8")
		return p.faults
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	for len(data) > 0 {
		p.line++
		var line string
		line, data = cutLine(data)
		p.parseLine(line)
	}
	p.finish()
	return p.faults
}

// cutLine splits at the first line end: LF, CR LF or CR.
func cutLine(data []byte) (line string, rest []byte) {
	i := bytes.IndexAny(data, "\r\n")
	if i < 0 {
		return string(data), nil
	}
	rest = data[i+1:]
	if data[i] == '\r' && len(rest) > 0 && rest[0] == '\n' {
		rest = rest[1:]
	}
	return string(data[:i]), rest
}

type optionKey struct{ section, name string }

// parser adds one file to a document.
type parser struct {
	doc    *Document
	file   string
	line   int
	faults []*Error

	section *Section // nil before the first header
	option  string   // the option that an indented line continues, or empty
	value   []string // the lines of that option so far
	indent  int      // the indent that a continuation must exceed

	noHeader bool              // text before the first header has been reported
	sections map[string]int    // the lines of this file's headers
	options  map[optionKey]int // the lines of this file's options
}

func (p *parser) pos() Pos { return Pos{p.file, p.line} }

func (p *parser) fault(cause error, section, option, detail, hint string) {
	p.faults = append(p.faults, &Error{Pos: p.pos(), Section: section, Option: option, Err: cause, Detail: detail, Hint: hint})
}

func (p *parser) parseLine(line string) {
	text := trim(line)
	if text == "" {
		if p.option != "" {
			p.value = append(p.value, "")
		}
		return
	}
	if text[0] == '#' || text[0] == ';' {
		return
	}
	if !utf8.ValidString(line) {
		p.fault(ErrEncoding, p.sectionName(), "",
			fmt.Sprintf("byte %d is not UTF-8", invalidAt(line)+1), "Save the file as UTF-8")
	}
	indent := indentOf(line)
	if p.option != "" && indent > p.indent {
		p.value = append(p.value, text)
		return
	}
	p.indent = indent
	if name, ok := header(text); ok {
		p.openSection(name)
		return
	}
	if p.section == nil {
		if !p.noHeader {
			p.noHeader = true
			p.fault(ErrNoHeader, "", "", quote(text)+" stands before the first [section]", "Put a header such as [DEFAULT] above it")
		}
		return
	}
	name, value, ok := cutOption(text)
	if !ok && strings.HasPrefix(text, "[") {
		p.fault(ErrLine, p.section.Name, "", quote(text)+" begins a section and has no ] after its name", "Write [name]")
		return
	}
	if !ok {
		p.fault(ErrLine, p.section.Name, "",
			quote(text)+" is neither a [section] nor an `option = value`",
			"Start the line with # for a comment, or indent it to continue the value above")
		return
	}
	if name == "" {
		p.fault(ErrLine, p.section.Name, "", quote(text)+" has no option name before its delimiter", "Write the line as `option = value`")
	}
	p.openOption(name, value)
}

func (p *parser) sectionName() string {
	if p.section == nil {
		return ""
	}
	return p.section.Name
}

func (p *parser) openSection(name string) {
	p.finish()
	if first, ok := p.sections[name]; ok && name != Default {
		p.fault(ErrDuplicateSection, name, "", fmt.Sprintf("the section was opened in line %d already", first), "Move the options there")
	} else {
		p.sections[name] = p.line
	}
	p.section = p.doc.section(name, p.pos())
}

func (p *parser) openOption(name, value string) {
	p.finish()
	if name == "" {
		return
	}
	key := optionKey{p.section.Name, name}
	if first, ok := p.options[key]; ok {
		p.fault(ErrDuplicateOption, key.section, name, fmt.Sprintf("the option was set in line %d already", first), "Keep one of them")
	} else {
		p.options[key] = p.line
	}
	p.section.put(Option{Name: name, Pos: p.pos()})
	p.option = name
	p.value = append(p.value, value)
}

// finish stores the value of the open option.
func (p *parser) finish() {
	if p.option == "" {
		return
	}
	o, _ := p.section.find(p.option)
	o.Raw = strings.TrimRightFunc(strings.Join(p.value, "\n"), isSpace)
	p.option = ""
	p.value = p.value[:0]
}

// header returns the name of a section header: the text between the first character,
// which must be "[", and the last "]". Text after that is ignored.
func header(text string) (string, bool) {
	end := strings.LastIndexByte(text, ']')
	if text[0] != '[' || end < 2 {
		return "", false
	}
	return text[1:end], true
}

// cutOption splits at the first delimiter.
func cutOption(text string) (name, value string, ok bool) {
	i := strings.IndexAny(text, "=:")
	if i < 0 {
		return "", "", false
	}
	return optionName(trim(text[:i])), trim(text[i+1:]), true
}

// optionName returns the name that an option is kept under. Python lowers two
// letters by rules of their own (capital I with a dot, and a final sigma).
func optionName(s string) string { return strings.ToLower(s) }

// isSpace reports whether a character is white space, as Python's str.isspace does.
func isSpace(r rune) bool { return unicode.IsSpace(r) || 0x1c <= r && r <= 0x1f }

func trim(s string) string { return strings.TrimFunc(s, isSpace) }

// indentOf counts the characters of white space at the start.
func indentOf(line string) int {
	return utf8.RuneCountInString(line[:len(line)-len(strings.TrimLeftFunc(line, isSpace))])
}

// invalidAt returns the index of the first byte that is not UTF-8.
func invalidAt(s string) int {
	for i, r := range s {
		if r == utf8.RuneError {
			if _, n := utf8.DecodeRuneInString(s[i:]); n == 1 {
				return i
			}
		}
	}
	return len(s)
}
