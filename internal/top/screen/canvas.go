package screen

import (
	"strings"

	"github.com/clipperhouse/displaywidth"

	"haproxystats/internal/top"
)

// look is how a cell looks.
type look struct {
	style    top.Style
	bold     bool
	reversed bool
}

// cell is one place of the terminal: a character as the reader sees it. Behind a wide one,
// the next cell is empty.
type cell struct {
	text string
	look look
}

// canvas is what is to be on the screen.
type canvas struct {
	width, height int
	cells         []cell
}

func newCanvas(width, height int) *canvas {
	c := new(canvas)
	c.resize(width, height)
	return c
}

// resize makes the canvas empty, of that size.
func (c *canvas) resize(width, height int) {
	width, height = max(width, 0), max(height, 0)
	c.width, c.height = width, height
	if n := width * height; cap(c.cells) < n {
		c.cells = make([]cell, n)
	} else {
		c.cells = c.cells[:n]
	}
	for i := range c.cells {
		c.cells[i] = cell{text: " "}
	}
}

// put writes clean text and returns the place behind it. What does not fit is left out.
func (c *canvas) put(x, y int, text string, l look) int {
	if y < 0 || y >= c.height {
		return x
	}
	for g := displaywidth.StringGraphemes(text); g.Next(); {
		w := g.Width()
		if w == 0 {
			continue
		}
		if x < 0 || x+w > c.width {
			return x
		}
		c.cells[y*c.width+x] = cell{g.Value(), l}
		for i := 1; i < w; i++ {
			c.cells[y*c.width+x+i] = cell{"", l}
		}
		x += w
	}
	return x
}

// fill gives the rest of a line a look.
func (c *canvas) fill(x, y int, l look) {
	if y < 0 || y >= c.height {
		return
	}
	for ; x < c.width; x++ {
		c.cells[y*c.width+x] = cell{" ", l}
	}
}

// String returns the text, without spaces at the ends of lines.
func (c *canvas) String() string {
	var b strings.Builder
	for y := range c.height {
		var line strings.Builder
		for _, cell := range c.cells[y*c.width : (y+1)*c.width] {
			line.WriteString(cell.text)
		}
		b.WriteString(strings.TrimRight(line.String(), " "))
		b.WriteByte('\n')
	}
	return b.String()
}
