package printable

import (
	"bytes"
	"encoding/json"
	"testing"
)

func TestHidden(t *testing.T) {
	hidden := []rune{0, '\t', '\n', '\r', 0x1b, 0x7f, 0x80, 0x9b, 0x200b, 0x200e, 0x2028, 0x2029, 0xfeff, 0xe0041}
	for r := rune(0x202a); r <= 0x202e; r++ {
		hidden = append(hidden, r)
	}
	for r := rune(0x2066); r <= 0x2069; r++ {
		hidden = append(hidden, r)
	}
	for _, r := range hidden {
		if !Hidden(r) {
			t.Errorf("%U: got shown, want hidden", r)
		}
	}
	for _, r := range "aZ0 ~äß€日本\u00a0\ufffd😀" {
		if Hidden(r) {
			t.Errorf("%U: got hidden, want shown", r)
		}
	}
}

func TestReplace(t *testing.T) {
	if got, want := Replace("a\x1b[1m\u202eb\u200b\nä", ' '), "a [1m b  ä"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestJSON(t *testing.T) {
	for _, text := range []string{"", "plain ä", "a\u202eb", "\u2066\u200b\ufeff", "\x7f\u009b", "tag \U000e0041.", "\u2028"} {
		var plain, out bytes.Buffer
		encoder := json.NewEncoder(&plain)
		if err := encoder.Encode(map[string]string{"name": text}); err != nil {
			t.Fatal(err)
		}
		if n, err := JSON(&out).Write(plain.Bytes()); n != plain.Len() || err != nil {
			t.Errorf("%q: got %d, %v, want %d, nil", text, n, err, plain.Len())
		}
		for _, r := range out.String() {
			if Hidden(r) && r != '\n' {
				t.Errorf("%q: got %q, in which %U is as it was", text, out.String(), r)
			}
		}
		var back map[string]string
		if err := json.Unmarshal(out.Bytes(), &back); err != nil || back["name"] != text {
			t.Errorf("got %q, %v, want %q", back["name"], err, text)
		}
	}
}
