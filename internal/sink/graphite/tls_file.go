package graphite

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// maxPEM bounds the memory that a file can take. The authorities of a whole
// system are a quarter of it.
const maxPEM = 1 << 20

// readPEM reads a file and returns what it was when it was opened. One that
// holds a secret must not be open to all users of the host.
func readPEM(file string, secret bool) ([]byte, fs.FileInfo, error) {
	// A pipe in its place would block.
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
	case secret && info.Mode().Perm()&0o006 != 0:
		return nil, nil, fmt.Errorf("every user of this host can read or write the key (mode %#o): chmod it to 0640 or 0600", info.Mode().Perm())
	}
	data, err := io.ReadAll(io.LimitReader(f, maxPEM))
	if err != nil {
		return nil, nil, withoutPath(err)
	}
	return data, info, nil
}

// withoutPath returns what is wrong without the operation and the path, which
// the message has already.
func withoutPath(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}
