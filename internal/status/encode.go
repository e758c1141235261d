package status

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"haproxystats/internal/snapshot"
)

const (
	// maxDocument is far beyond any document, which is a few KB.
	maxDocument = 1 << 20
	// maxFailures bounds the sockets that are named, and maxText the bytes of an
	// error's text.
	maxFailures = 32
	maxText     = 400
)

// ErrFormat reports that this program does not know the format of a document.
var ErrFormat = errors.New("the document is in another format")

// Encode writes the document in one piece, with a line break at its end. Long lists
// and texts are shortened.
func (d Document) Encode(w io.Writer) error {
	d.Format = Format
	if d.Pull != nil && d.Pull.Last != nil {
		pull, last := *d.Pull, *d.Pull.Last
		last.Cause = cut(last.Cause)
		last.Failures = nil
		for _, f := range d.Pull.Last.Failures[:min(maxFailures, len(d.Pull.Last.Failures))] {
			last.Failures = append(last.Failures, snapshot.Failure{Socket: cut(f.Socket), Cause: cut(f.Cause)})
		}
		pull.Last = &last
		d.Pull = &pull
	}
	if d.Process != nil {
		process := *d.Process
		process.SpoolCause = cut(process.SpoolCause)
		process.Sinks = append([]Sink{}, process.Sinks...)
		for i := range process.Sinks {
			process.Sinks[i].Cause = cut(process.Sinks[i].Cause)
			if v := process.Sinks[i].Verified; v != nil {
				verified := *v
				verified.Cause = cut(verified.Cause)
				process.Sinks[i].Verified = &verified
			}
		}
		d.Process = &process
	}
	text, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		return err
	}
	_, err = w.Write(append(text, '\n'))
	return err
}

// cut shortens a text that is too long.
func cut(text string) string {
	if len(text) <= maxText {
		return text
	}
	return strings.ToValidUTF8(text[:maxText], "") + "..."
}

// Decode reads one document to the end of r. It ignores unknown
// fields. The error satisfies errors.Is(err, [ErrFormat]) if all of it is
// of another format.
func Decode(r io.Reader) (Document, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxDocument+1))
	if err != nil {
		return Document{}, err
	}
	if len(text) > maxDocument {
		return Document{}, fmt.Errorf("status document: longer than %d bytes", maxDocument)
	}
	var form struct {
		Format int `json:"format"`
	}
	if err := json.Unmarshal(text, &form); err != nil {
		return Document{}, fmt.Errorf("status document: %w", err)
	}
	if form.Format != Format {
		return Document{}, fmt.Errorf("status document: %w: %d, and only %d is known here: use the check and the program of one version", ErrFormat, form.Format, Format)
	}
	var d Document
	if err := json.Unmarshal(text, &d); err != nil {
		return Document{}, fmt.Errorf("status document: %w", err)
	}
	return d, d.check()
}

var errPart = errors.New("it lacks the part of its program, or has that of another")

// check refuses documents that no program makes.
func (d Document) check() error {
	if (d.Pull == nil) == (d.Process == nil) && (d.Pull != nil || d.State == Running) {
		return fmt.Errorf("status document: %w", errPart)
	}
	return nil
}
