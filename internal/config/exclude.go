package config

import (
	"strings"
	"unicode/utf8"
)

// readNames reads the files of excluded proxies.
func (l *loader) readNames() {
	for _, e := range []struct {
		option string
		to     *Exclusion
	}{
		{"exclude-frontends", &l.config.Process.ExcludeFrontends},
		{"exclude-backends", &l.config.Process.ExcludeBackends},
	} {
		if e.to.File == "" {
			continue
		}
		data, err := readAll(e.to.File, true)
		if err != nil {
			l.refuse("process", e.option, cause(err), fileHint(err))
			continue
		}
		if !utf8.Valid(data) {
			l.refuse("process", e.option, "the file is not UTF-8 text", "Save the file as UTF-8")
			continue
		}
		e.to.Names = parseNames(string(data))
		if len(e.to.Names) == 0 {
			l.warn(l.problem("process", e.option, "the file has no names, so nothing is excluded", "Write one name per line"))
		}
	}
}

// parseNames takes a name a line, as paths have it.
func parseNames(text string) []string {
	names := readLines(text)
	for i, n := range names {
		names[i] = strings.ReplaceAll(n, ".", "_")
	}
	return names
}

// readLines takes a name a line, and passes over empty lines and comments.
func readLines(text string) []string {
	text = strings.TrimPrefix(text, "\ufeff")
	var names []string
	for line := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == '\n' || r == '\r' }) {
		name := strings.TrimSpace(line)
		if name == "" || name[0] == '#' {
			continue
		}
		names = append(names, name)
	}
	return names
}
