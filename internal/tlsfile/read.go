package tlsfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// maxPEM bounds the size of a file. The authorities of a whole system take a quarter
// of it.
const maxPEM = 1 << 20

// ReadSecret reads a small file that holds a secret, such as "password". Every user of
// the host must not be able to read or write it.
func ReadSecret(file, secret string) ([]byte, error) {
	data, _, err := readFile(file, secret)
	return data, err
}

// readPEM reads a file, and returns also its state when it was opened. A file with a
// secret must not be readable or writable for all users of the host.
func readPEM(file string, secret bool) ([]byte, fs.FileInfo, error) {
	if secret {
		return readFile(file, "key")
	}
	return readFile(file, "")
}

// readFile is readPEM of a file with any secret; empty for none.
func readFile(file, secret string) ([]byte, fs.FileInfo, error) {
	// Without O_NONBLOCK, opening a pipe would block.
	f, err := os.OpenFile(file, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, withoutPath(err)
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, nil, withoutPath(err)
	case !info.Mode().IsRegular():
		return nil, nil, errors.New("not a regular file")
	case info.Size() > maxPEM:
		return nil, nil, fmt.Errorf("longer than %d bytes", maxPEM)
	case secret != "" && info.Mode().Perm()&0o006 != 0:
		return nil, nil, fmt.Errorf("every user of this host can read or write the %s (mode %#o): chmod it to 0640 or 0600", secret, info.Mode().Perm())
	}
	data, err := io.ReadAll(io.LimitReader(f, maxPEM))
	if err != nil {
		return nil, nil, withoutPath(err)
	}
	return data, info, nil
}

// withoutPath returns the cause of a PathError: the caller's message names the
// operation and the path.
func withoutPath(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}
