package event

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"haproxystats/internal/snapshot"
)

// The bounds of a file of events.
const (
	// MaxEvents bounds the events of a snapshot, and MaxBytes the size of their file.
	MaxEvents = 20000
	MaxBytes  = 16 << 20
	// maxLine bounds a line in bytes, and maxText each text that is written: it has room
	// for the longest names of a node and a socket.
	maxLine = 128 << 10
	maxText = 600
	// maxRead bounds each text that is read.
	maxRead = 4 << 10
	// maxTime bounds a time in seconds since 1970.
	maxTime = 1 << 40
)

// ErrInvalid means that a file is not one of events.
var ErrInvalid = errors.New("not events of haproxystats")

// Append appends the events to b, a line each. Texts that are longer than 600 bytes are
// cut, and bytes that are not UTF-8 are replaced.
func Append(b []byte, events []Event) []byte {
	var line bytes.Buffer
	out := json.NewEncoder(&line)
	out.SetEscapeHTML(false)
	for _, e := range events {
		e.trim()
		line.Reset()
		if err := out.Encode(&e); err == nil { // it can't fail: there are texts and numbers only
			b = append(b, line.Bytes()...)
		}
	}
	return b
}

// texts are the texts of an event.
func (e *Event) texts() []*string {
	return []*string{
		&e.ID, &e.Node, &e.Socket, (*string)(&e.Kind), &e.Backend, &e.Frontend, &e.Server, &e.From, &e.To, (*string)(&e.Reason),
		&e.Check, &e.Ref,
	}
}

// trim makes texts valid.
func (e *Event) trim() {
	for _, s := range e.texts() {
		if len(*s) > maxText {
			*s = (*s)[:maxText-3] + "..."
		}
		*s = strings.ToValidUTF8(*s, "\ufffd")
	}
}

// Read reads events, within the bounds of a file. The error satisfies errors.Is(err, [ErrInvalid])
// if they are damaged, and names the line.
func Read(r io.Reader) ([]Event, error) {
	limited := &io.LimitedReader{R: r, N: MaxBytes + 1}
	lines := bufio.NewScanner(limited)
	lines.Buffer(make([]byte, 0, 1024), maxLine)
	var events []Event
	n := 0
	for lines.Scan() {
		n++
		if limited.N == 0 {
			return nil, fmt.Errorf("line %d: %w: more than %d bytes", n, ErrInvalid, MaxBytes)
		}
		if len(events) == MaxEvents {
			return nil, fmt.Errorf("line %d: %w: more than %d", n, ErrInvalid, MaxEvents)
		}
		e, err := parse(lines.Bytes())
		if err != nil {
			return nil, fmt.Errorf("line %d: %w: %w", n, ErrInvalid, err)
		}
		events = append(events, e)
	}
	if err := lines.Err(); errors.Is(err, bufio.ErrTooLong) {
		return nil, fmt.Errorf("line %d: %w: longer than %d bytes", n+1, ErrInvalid, maxLine)
	} else if err != nil {
		return nil, err
	}
	return events, nil
}

// parse parses one line.
func parse(line []byte) (Event, error) {
	var e Event
	if err := json.Unmarshal(line, &e); err != nil {
		if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			return e, fmt.Errorf("%q is not a %s", wrong.Field, wrong.Type)
		}
		return e, err
	}
	switch {
	case e.ID == "":
		return e, errors.New("no id")
	case e.Kind == "":
		return e, errors.New("no kind")
	case e.Time <= 0 || e.Time > maxTime:
		return e, fmt.Errorf("the time %d is out of range", e.Time)
	case e.Seen < 0 || e.Seen > maxTime:
		return e, fmt.Errorf("the time %d, when it was seen, is out of range", e.Seen)
	case e.OldWorkers < 0, e.OldPid < 0, e.NewPid < 0, e.Flaps < 0, e.DownSeconds < 0, e.Seconds < 0, e.SecondsUnaccounted < 0,
		e.RequestsUnaccounted < 0, e.Count < 0:
		return e, errors.New("a negative number")
	}
	for _, s := range e.texts() {
		if len(*s) > maxRead {
			return e, fmt.Errorf("a text of %d bytes", len(*s))
		}
	}
	return e, nil
}

// ReadSnapshot returns the events of a snapshot, whose files those are; none if it has
// no such file.
func ReadSnapshot(files fs.FS) ([]Event, error) {
	f, err := files.Open(snapshot.EventsName)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	events, err := Read(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", snapshot.EventsName, err)
	}
	return events, nil
}
