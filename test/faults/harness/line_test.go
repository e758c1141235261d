package harness

import (
	"strings"
	"testing"
)

func TestParseLine(t *testing.T) {
	for line, want := range map[string]error{
		"a.b 1 2":                               nil,
		"a 0 1":                                 nil,
		"ä.b -1.5 1700000000":                   nil,
		"a.'#\" 1 2":                            nil,
		"":                                      errFields,
		"a":                                     errFields,
		"a 1":                                   errFields,
		" 1 2":                                  errPath,
		"a  1 2":                                errNumber,
		"a 1 2 ":                                errTime,
		"a 1 2\r":                               errTime,
		"a..b 1 2":                              errPath,
		".a 1 2":                                errPath,
		"a. 1 2":                                errPath,
		"a;b 1 2":                               errPath,
		"a/b 1 2":                               errPath,
		"a\tb 1 2":                              errPath,
		"a\x00b 1 2":                            errPath,
		"a\u00a0b 1 2":                          errPath,
		"a\u2028b 1 2":                          errPath,
		"a\xffb 1 2":                            errPath,
		"a nan 2":                               errNumber,
		"a 1e5 2":                               errNumber,
		"a 1. 2":                                errNumber,
		"a .5 2":                                errNumber,
		"a +1 2":                                errNumber,
		"a 0x1 2":                               errNumber,
		"a 1,5 2":                               errNumber,
		"a 1 0":                                 errTime,
		"a 1 -5":                                errTime,
		"a 1 1.5":                               errTime,
		"a 1 99999999999999999999":              errTime,
		strings.Repeat("a", MaxPath) + " 1 2":   nil,
		strings.Repeat("a", MaxPath+1) + " 1 2": errLength,
	} {
		if _, err := ParseLine([]byte(line)); err != want {
			t.Errorf("%.60q: %v, want %v", line, err, want)
		}
	}
}
