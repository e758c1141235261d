// Package screen is the terminal of `haproxystats top`: what it draws, its keys, and its life
// with the terminal. It draws only the rows that are visible.
package screen

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/gdamore/tcell/v3"
	"github.com/gdamore/tcell/v3/color"
	"golang.org/x/sys/unix"

	"haproxystats/internal/top"
)

// beat is how often the screen shows how long trouble lasts.
const beat = time.Second

// result is a reading, or why there is none.
type result struct {
	reading *top.Reading
	err     error
	crash   any // of the goroutine that reads
}

// Show implements [top.Show].
func Show(ctx context.Context, o top.ShowOptions) error {
	// The terminal is asked for nothing: an answer that comes after Ctrl-Z or the end would be
	// typed into the shell.
	s, err := tcell.NewScreen(tcell.OptNegotiation(false))
	if err == nil {
		err = s.Init()
	}
	if err != nil {
		return fmt.Errorf("open the terminal: %w: set TERM to its type, or add --once", err)
	}
	defer s.Fini()
	ctx, cancel := context.WithCancel(ctx)
	results, taken := make(chan result), make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		read(ctx, o.Source, results, taken)
	}()
	defer func() {
		cancel()
		<-done
	}()
	l := loop{screen: s, view: newView(o), looks: newLooks(o.Colours), canvas: newCanvas(0, 0)}
	return l.run(ctx, results, taken)
}

// read reads one round after another. The reader makes the next one only when the one before
// was taken, because that is valid until then.
func read(ctx context.Context, source top.Source, results chan<- result, taken <-chan struct{}) {
	send := func(r result) bool {
		select {
		case results <- r:
		case <-ctx.Done():
			return false
		}
		select {
		case <-taken:
			return true
		case <-ctx.Done():
			return false
		}
	}
	defer func() {
		if p := recover(); p != nil { // the screen ends first, so that the terminal is in order
			send(result{crash: fmt.Sprintf("%v\n%s", p, debug.Stack())})
		}
	}()
	reader := top.NewReader()
	for ctx.Err() == nil {
		round, err := source.Next(ctx)
		var reading *top.Reading
		if err == nil {
			reading, err = reader.Read(round)
		}
		if ctx.Err() != nil || !send(result{reading: reading, err: err}) {
			return
		}
	}
}

// loop is the life of the screen.
type loop struct {
	screen tcell.Screen
	view   *view
	canvas *canvas
	looks  looks
}

func (l *loop) run(ctx context.Context, results <-chan result, taken chan<- struct{}) error {
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGTSTP, syscall.SIGCONT)
	defer signal.Stop(signals)
	tick := time.NewTicker(beat)
	defer tick.Stop()
	var held *result // came while the user pauses
	l.draw()
	for {
		select {
		case <-ctx.Done():
			return nil
		case r := <-results:
			if r.crash != nil {
				l.screen.Fini()
				panic(r.crash)
			}
			held = &r
		case e, ok := <-l.screen.EventQ():
			if !ok {
				return errors.New("the terminal is gone")
			}
			if err := l.handle(e); err != nil {
				return err
			}
		case s := <-signals:
			if err := l.signalled(s); err != nil {
				return err
			}
		case <-tick.C:
			if l.view.trouble == nil {
				continue
			}
		}
		if held != nil && !l.view.paused {
			l.view.take(held.reading, held.err)
			held = nil
			select {
			case taken <- struct{}{}:
			case <-ctx.Done():
				return nil
			}
		}
		if l.view.quit {
			return nil
		}
		if l.view.stopIt {
			l.view.stopIt = false
			// The whole job stops, as when the terminal itself does this.
			_ = syscall.Kill(0, syscall.SIGTSTP)
		}
		l.draw()
	}
}

// signalled gives the terminal back while the program is stopped. A program that leads its
// session, or whose shell has no jobs, is not stopped: nobody could continue it.
func (l *loop) signalled(s os.Signal) error {
	session, err := unix.Getsid(0)
	if s == syscall.SIGTSTP && (err != nil || session == syscall.Getpgrp()) {
		return nil
	}
	if err := l.screen.Suspend(); err != nil {
		return fmt.Errorf("give the terminal back: %w", err)
	}
	if s == syscall.SIGTSTP {
		// Go takes SIGTSTP for good once it is asked to, so this is what stops the program.
		_ = syscall.Kill(os.Getpid(), syscall.SIGSTOP)
	}
	if err := l.screen.Resume(); err != nil {
		return fmt.Errorf("take the terminal back: %w", err)
	}
	l.screen.Sync()
	return nil
}

// handle handles an event of the terminal.
func (l *loop) handle(e tcell.Event) error {
	switch e := e.(type) {
	case *tcell.EventResize:
		l.screen.Sync()
	case *tcell.EventKey:
		for _, k := range keysOf(e) {
			l.view.press(k)
		}
	case *tcell.EventError:
		return fmt.Errorf("read the terminal: %w", e)
	}
	return nil
}

// draw brings the view to the terminal, which gets only the cells that differ.
func (l *loop) draw() {
	l.canvas.resize(l.screen.Size())
	l.view.draw(l.canvas)
	for y := range l.canvas.height {
		for x := range l.canvas.width {
			if c := &l.canvas.cells[y*l.canvas.width+x]; c.text != "" {
				l.screen.Put(x, y, c.text, l.looks.of(c.look))
			}
		}
	}
	l.screen.Show()
}

// looks are the styles of the terminal.
type looks struct{ colours bool }

func newLooks(colours bool) looks { return looks{colours} }

// palette has the terminal's own colours, which suit its background.
var palette = map[top.Style]int{top.Good: 2, top.Warning: 3, top.Bad: 1, top.Accent: 6}

func (s looks) of(l look) tcell.Style {
	style := tcell.StyleDefault.Bold(l.bold).Reverse(l.reversed)
	switch n, coloured := palette[l.style]; {
	case coloured && s.colours:
		style = style.Foreground(color.PaletteColor(n))
	case l.style == top.Bad || l.style == top.Warning:
		style = style.Bold(true)
	case l.style == top.Dim && !l.reversed:
		style = style.Dim(true)
	}
	return style
}

// keyNames are the keys of the terminal that are no characters.
var keyNames = map[tcell.Key]string{
	tcell.KeyUp: keyUp, tcell.KeyDown: keyDown, tcell.KeyPgUp: keyPageUp, tcell.KeyPgDn: keyPageDown,
	tcell.KeyHome: keyHome, tcell.KeyEnd: keyEnd, tcell.KeyEnter: keyEnter, tcell.KeyEscape: keyEscape,
	tcell.KeyBackspace: keyBack, tcell.KeyLeft: keyLeft, tcell.KeyRight: keyRight,
	tcell.KeyTab: keyTab, tcell.KeyBacktab: keyBackTab, tcell.KeyCtrlC: keyInterrupt, tcell.KeyCtrlZ: keyStop,
	tcell.KeyCtrlU: keyClear, tcell.KeyF1: keyHelp, tcell.KeyCtrlB: keyPageUp, tcell.KeyCtrlF: keyPageDown,
}

// keysOf returns the keys of an event. Of Escape and a key that follows at once, terminals
// make that key with Alt.
func keysOf(e *tcell.EventKey) (keys []key) {
	if e.Modifiers()&tcell.ModAlt != 0 {
		keys = append(keys, key{name: keyEscape})
	}
	if e.Key() == tcell.KeyTab && e.Modifiers()&tcell.ModShift != 0 {
		return append(keys, key{name: keyBackTab})
	}
	if name, ok := keyNames[e.Key()]; ok {
		return append(keys, key{name: name})
	}
	if e.Key() == tcell.KeyRune {
		for _, r := range e.Str() {
			keys = append(keys, key{char: r})
		}
	}
	return keys
}
