package main

import (
	"fmt"
	"html"
	"strconv"
	"strings"

	"github.com/clipperhouse/displaywidth"
)

// The measures of a picture in pixels, and its colours.
const (
	cellWidth  = 8.4
	lineHeight = 18.0
	margin     = 12.0
	fontSize   = 14.0
	baseline   = 13.5
	background = "#1b1f24"
	foreground = "#d0d7de"
)

// palette has the terminal's sixteen colours.
var palette = [16]string{
	"#484f58", "#ff7b72", "#56d364", "#e3b341", "#79c0ff", "#d2a8ff", "#56d4dd", "#d0d7de",
	"#6e7681", "#ffa198", "#7ee787", "#f2cc60", "#a5d6ff", "#e2c5ff", "#b3f0ff", "#f0f6fc",
}

// look is how a character looks.
type look struct {
	colour              int // of the palette; -1 for the default
	bold, dim, reversed bool
}

// run is text of one look.
type run struct {
	text  string
	look  look
	x     int // column
	width int // columns
}

// parse reads a line of a terminal's text with the sequences that colour it. l is the look
// at its beginning, and that at its end is returned.
func parse(text string, l look) ([]run, look) {
	var runs []run
	x := 0
	add := func(s string) {
		if s != "" {
			w := displaywidth.String(s)
			runs = append(runs, run{s, l, x, w})
			x += w
		}
	}
	for text != "" {
		i := strings.IndexByte(text, 0x1b)
		if i < 0 {
			add(text)
			break
		}
		add(text[:i])
		text = text[i+1:]
		end := strings.IndexFunc(text, func(r rune) bool { return r >= '@' && r != '[' && r != '(' && r != ')' })
		if end < 0 {
			break
		}
		if text[0] == '[' && text[end] == 'm' {
			l = l.apply(text[1:end])
		}
		text = text[end+1:]
	}
	return runs, l
}

// apply applies the numbers of a sequence.
func (l look) apply(codes string) look {
	numbers := strings.Split(codes, ";")
	for i := 0; i < len(numbers); i++ {
		n, _ := strconv.Atoi(numbers[i]) // an empty one is 0
		switch {
		case n == 0:
			l = look{colour: -1}
		case n == 1:
			l.bold = true
		case n == 2:
			l.dim = true
		case n == 7:
			l.reversed = true
		case n == 22:
			l.bold, l.dim = false, false
		case n == 27:
			l.reversed = false
		case n >= 30 && n <= 37:
			l.colour = n - 30
		case n >= 90 && n <= 97:
			l.colour = n - 90 + 8
		case n == 39:
			l.colour = -1
		case n == 38 && i+2 < len(numbers) && numbers[i+1] == "5":
			if c, err := strconv.Atoi(numbers[i+2]); err == nil && c < len(palette) {
				l.colour = c
			}
			i += 2
		}
	}
	return l
}

// svg draws a screen.
func svg(screen, title string, columns int) []byte {
	lines := strings.Split(strings.TrimRight(screen, "\n"), "\n")
	width, height := 2*margin+cellWidth*float64(columns), 2*margin+lineHeight*float64(len(lines))
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%.0f" height="%.0f" viewBox="0 0 %.0f %.0f" font-family="ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace" font-size="%g" xml:space="preserve">`+"\n", width, height, width, height, fontSize)
	fmt.Fprintf(&b, "<title>%s</title>\n<rect width=\"100%%\" height=\"100%%\" rx=\"6\" fill=\"%s\"/>\n", html.EscapeString(title), background)
	l := look{colour: -1}
	for y, text := range lines {
		var runs []run
		runs, l = parse(text, l)
		for _, r := range runs {
			r.draw(&b, margin+lineHeight*float64(y))
		}
	}
	b.WriteString("</svg>\n")
	return []byte(b.String())
}

// draw draws the run in the line whose top is at y.
func (r run) draw(b *strings.Builder, y float64) {
	front, back := foreground, ""
	if r.look.colour >= 0 {
		front = palette[r.look.colour]
	}
	if r.look.reversed {
		front, back = background, front
	}
	x := margin + cellWidth*float64(r.x)
	if back != "" {
		fmt.Fprintf(b, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="%s"/>`+"\n", x, y, cellWidth*float64(r.width), lineHeight, back)
	}
	opacity := ""
	if r.look.dim {
		opacity = ` opacity="0.55"`
	}
	weight := ""
	if r.look.bold {
		weight = ` font-weight="bold"`
	}
	// Each word has its place, so that the font's own width moves nothing. Blocks become
	// rectangles, which join whatever the font.
	column := r.x
	for text := r.text; text != ""; {
		word := text
		if i := strings.IndexByte(text, ' '); i >= 0 {
			word = text[:i]
		}
		text = text[len(word):]
		at := margin + cellWidth*float64(column)
		column += displaywidth.String(word)
		if levels, ok := blocks(word); ok {
			for i, n := range levels {
				h := (lineHeight - 4) * float64(n) / 8
				fmt.Fprintf(b, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="%s"%s/>`+"\n", at+cellWidth*float64(i), y+lineHeight-2-h, cellWidth+0.2, h, front, opacity)
			}
		} else if word != "" {
			fmt.Fprintf(b, `<text x="%.1f" y="%.1f" textLength="%.1f" fill="%s"%s%s>%s</text>`+"\n",
				at, y+baseline, cellWidth*float64(displaywidth.String(word)), front, weight, opacity, html.EscapeString(word))
		}
		rest := strings.TrimLeft(text, " ")
		column += len(text) - len(rest)
		text = rest
	}
}

// blocks returns the heights, from 1 to 8, if the word is a sparkline.
func blocks(word string) (levels []int, ok bool) {
	for _, c := range word {
		if c < '▁' || c > '█' {
			return nil, false
		}
		levels = append(levels, int(c-'▁')+1)
	}
	return levels, len(levels) > 0
}
