package main

import (
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// Escape sequences of the terminal.
const (
	enterScreen = "\x1b[?1049h\x1b[?25l\x1b[2J" // alternate screen, no cursor
	leaveScreen = "\x1b[?25h\x1b[?1049l"
	goHome      = "\x1b[H"
	clearLine   = "\x1b[K"
	clearBelow  = "\x1b[J"
)

// screen is a terminal that shows one picture after another. Its close restores what
// the terminal showed before.
type screen struct {
	out    io.Writer
	size   func() (width, height int)
	styled bool
}

func openScreen(f *os.File) *screen {
	s := &screen{out: f, styled: os.Getenv("NO_COLOR") == "", size: func() (int, int) {
		return known(term.GetSize(int(f.Fd())))
	}}
	s.write(enterScreen)
	return s
}

// known returns a terminal's size, or the usual one where the terminal does not know
// its own, as on a serial line or below script(1).
func known(width, height int, err error) (int, int) {
	if err != nil || width == 0 || height == 0 {
		return 80, 24
	}
	return width, height
}

func (s *screen) close() { s.write(leaveScreen) }

// draw shows the picture.
func (s *screen) draw(p picture) {
	width, height := s.size()
	text := render(p, width, height, s.styled)
	s.write(goHome + strings.ReplaceAll(text, "\n", clearLine+"\r\n") + clearLine + clearBelow)
}

// write ignores errors: a signal reports that the terminal is gone.
func (s *screen) write(text string) { _, _ = io.WriteString(s.out, text) }
