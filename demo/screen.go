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
		width, height, err := term.GetSize(int(f.Fd()))
		if err != nil {
			return 80, 24
		}
		return width, height
	}}
	s.write(enterScreen)
	return s
}

func (s *screen) close() { s.write(leaveScreen) }

// draw shows the view.
func (s *screen) draw(v view) {
	width, height := s.size()
	picture := render(v, width, height, s.styled)
	s.write(goHome + strings.ReplaceAll(picture, "\n", clearLine+"\r\n") + clearLine + clearBelow)
}

// write ignores errors: a signal reports that the terminal is gone.
func (s *screen) write(text string) { _, _ = io.WriteString(s.out, text) }
