package tlsfile

import (
	"bytes"
	"errors"
	"fmt"
)

// Secret is a file that holds a secret. It is read for each use, so that it can be
// replaced.
type Secret struct {
	// Option is the option that names the file; File is empty for no secret.
	Option, File string
	// Noun is what the file holds, such as "token".
	Noun string
}

// Check reads the file as a request does.
func (s Secret) Check() error {
	if s.File == "" {
		return nil
	}
	_, err := s.Read()
	return err
}

// Read returns the secret, without a line break at its end. Its errors tell nothing of it.
func (s Secret) Read() ([]byte, error) {
	data, err := ReadSecret(s.File, s.Noun)
	if err == nil {
		data = bytes.TrimSuffix(bytes.TrimSuffix(data, []byte("\n")), []byte("\r"))
		switch {
		case len(data) == 0:
			err = fmt.Errorf("holds no %s", s.Noun)
		case bytes.ContainsFunc(data, func(r rune) bool { return r < ' ' || r == 0x7f }):
			err = errors.New("holds more than one line, or control characters: it must hold the " + s.Noun + " only")
		}
	}
	if err != nil {
		return nil, &Error{Option: s.Option, File: s.File, Err: err}
	}
	return data, nil
}
