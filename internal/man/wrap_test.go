package man

import (
	"strings"
	"testing"
)

func TestWrap(t *testing.T) {
	ten := "123456789 "
	for name, test := range map[string]struct{ text, want string }{
		"a paragraph of 100 characters": {strings.Repeat(ten, 9) + "1234567890\n", strings.Repeat(ten, 9) + "1234567890\n"},
		"one of 101":                    {strings.Repeat(ten, 9) + "12345678901\n", strings.TrimSpace(strings.Repeat(ten, 9)) + "\n12345678901\n"},
		"lines are joined":              {"a\nb\n\nc\n", "a b\n\nc\n"},
		"items":                         {"- a\n  b\n- " + strings.Repeat(ten, 10) + "x\n", "- a b\n- " + strings.TrimSpace(strings.Repeat(ten, 9)) + "\n  123456789 x\n"},
		"a table, a heading and code":   {"# " + strings.Repeat(ten, 12) + "\n| " + strings.Repeat(ten, 12) + "|\n```\na\nb\n\n```\nc\nd\n", "# " + strings.Repeat(ten, 12) + "\n| " + strings.Repeat(ten, 12) + "|\n```\na\nb\n\n```\nc d\n"},
		"a word without end":            {"a " + strings.Repeat("x", 120) + " b\n", "a\n" + strings.Repeat("x", 120) + "\nb\n"},
		"no newline at the end":         {"a", "a\n"},
		"nothing":                       {"", ""},
	} {
		if got := Wrap(test.text); got != test.want {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, test.want)
		}
		if again := Wrap(Wrap(test.text)); again != Wrap(test.text) {
			t.Errorf("%s: wrapped twice it is\n%s", name, again)
		}
	}
}
