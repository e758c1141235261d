package reply

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"haproxystats/internal/haproxy"
	"haproxystats/internal/snapshot"
)

// readTyped passes what sockets have said of the kinds of fields to c, if that is not nil.
func readTyped(fsys fs.FS, entries []fs.DirEntry, c Collected, report *Report) error {
	if c == nil {
		return nil
	}
	for _, suffix := range []string{snapshot.InfoTypedSuffix, snapshot.StatTypedSuffix} {
		err := readEach(fsys, entries, suffix, report, func(_ string, text []byte) {
			if version := haproxy.VersionOfTyped(text); version != "" {
				c.Typed(version, haproxy.ReadTyped(text))
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// readCollected passes the other answers of sockets to c, if that is not nil.
func readCollected(fsys fs.FS, entries []fs.DirEntry, c Collected, report *Report) error {
	if c == nil {
		return nil
	}
	for _, of := range []struct {
		suffix string
		take   func(socket string, text []byte)
	}{
		{snapshot.TablesSuffix, func(socket string, text []byte) { c.StickTables(socket, haproxy.ReadStickTables(text)) }},
		{snapshot.ResolversSuffix, func(socket string, text []byte) { c.NameServers(socket, haproxy.ReadNameServers(text)) }},
		{snapshot.CertificatesSuffix, func(socket string, text []byte) { c.Certificates(socket, haproxy.ReadCertificates(text)) }},
	} {
		if err := readEach(fsys, entries, of.suffix, report, of.take); err != nil {
			return err
		}
	}
	return nil
}

// readEach passes the files with a suffix to take. One that can't be used affects no other.
func readEach(fsys fs.FS, entries []fs.DirEntry, suffix string, report *Report, take func(socket string, text []byte)) error {
	for _, name := range usable(entries, suffix, report) {
		f, err := fsys.Open(name)
		if err != nil {
			return fmt.Errorf("read %s: %w", name, err)
		}
		text, err := io.ReadAll(io.LimitReader(f, maxCollected+1))
		// Files with a checksum are verified at their end.
		_, more := io.Copy(io.Discard, f)
		f.Close()
		switch err := errors.Join(err, more); {
		case err != nil:
			return fmt.Errorf("read %s: %w", name, err)
		case len(text) > maxCollected:
			report.note(name, ErrLarge)
		default:
			take(strings.TrimSuffix(name, suffix), text)
		}
	}
	return nil
}
