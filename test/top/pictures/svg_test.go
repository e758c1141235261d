package main

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	runs, l := parse("a \x1b[1;31mDOWN\x1b[0m \x1b[38;5;2m日本\x1b[39m\x1b[7mx", look{colour: -1})
	want := []run{
		{"a ", look{colour: -1}, 0, 2},
		{"DOWN", look{colour: 1, bold: true}, 2, 4},
		{" ", look{colour: -1}, 6, 1},
		{"日本", look{colour: 2}, 7, 4},
		{"x", look{colour: -1, reversed: true}, 11, 1},
	}
	if len(runs) != len(want) {
		t.Fatalf("got %+v", runs)
	}
	for i := range want {
		if runs[i] != want[i] {
			t.Errorf("%d: got %+v, want %+v", i, runs[i], want[i])
		}
	}
	if !l.reversed {
		t.Error("the look at the end is lost")
	}
}

// TestSVG: the picture is XML with every word, and the same for the same screen.
func TestSVG(t *testing.T) {
	const screen = "NAME <b> & ▁▄█\n\x1b[7msrv1  UP\x1b[0m\n"
	got := svg(screen, "a & b", 20)
	if string(got) != string(svg(screen, "a & b", 20)) {
		t.Error("two pictures of one screen differ")
	}
	var words []string
	rects := 0
	for d := xml.NewDecoder(strings.NewReader(string(got))); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		switch e := token.(type) {
		case xml.CharData:
			if s := strings.TrimSpace(string(e)); s != "" {
				words = append(words, s)
			}
		case xml.StartElement:
			if e.Name.Local == "rect" {
				rects++
			}
		}
	}
	if got, want := strings.Join(words, "|"), "a & b|NAME|<b>|&|srv1|UP"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if rects != 5 { // the background, three blocks and the reversed line
		t.Errorf("got %d rectangles, want 5", rects)
	}
}
