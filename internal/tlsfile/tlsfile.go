// Package tlsfile has the settings of encrypted connections whose certificates and
// keys are in files: it reads the files, tells which one is wrong, and reads them again
// when they have changed.
package tlsfile

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"
)

// Files has the settings of encrypted connections. The files are in PEM form; they are
// read for the first connection, and again when they have changed.
type Files struct {
	// CAFile holds the authorities that may sign servers' certificates; empty
	// for the system's.
	CAFile string
	// CertFile holds our own certificate, followed by the intermediate ones, and
	// KeyFile its key; set both or none. Only the owner and the group may read or
	// write the key.
	CertFile, KeyFile string
	// ServerName is the name that servers' certificates must have; empty for
	// the name or address of the server.
	ServerName string
}

// Error is a file that can't be used.
type Error struct {
	Option string // "ca-file", "cert-file" or "key-file"
	File   string
	Err    error
}

// Error returns the option, the file and what is wrong with it.
func (e *Error) Error() string { return e.Option + " " + e.File + ": " + e.Err.Error() }

// Unwrap returns what is wrong.
func (e *Error) Unwrap() error { return e.Err }

// Check reads the files as a connection does, and returns the faults.
func (f Files) Check() []*Error {
	_, _, faults := f.load()
	return faults
}

// load reads the files. It returns the settings, and the state of each file.
func (f Files) load() (settings *tls.Config, read []fs.FileInfo, faults []*Error) {
	settings = &tls.Config{
		MinVersion: tls.VersionTLS12,
		ServerName: f.ServerName,
		// Batches are large.
		DynamicRecordSizingDisabled: true,
		// A session that is resumed needs no full handshake. It also makes a server
		// send a ticket once it has accepted our certificate.
		ClientSessionCache: tls.NewLRUClientSessionCache(0),
	}
	take := func(option, file string, secret bool) ([]byte, bool) {
		data, info, err := readPEM(file, secret)
		if err != nil {
			faults = append(faults, &Error{option, file, err})
		}
		read = append(read, info)
		return data, err == nil
	}
	if f.CAFile != "" {
		if data, ok := take("ca-file", f.CAFile, false); ok {
			settings.RootCAs = x509.NewCertPool()
			if !settings.RootCAs.AppendCertsFromPEM(data) {
				faults = append(faults, &Error{"ca-file", f.CAFile, errors.New("holds no certificate in PEM form")})
			}
		}
	}
	own := new(tls.Certificate)
	if f.CertFile != "" {
		cert, certRead := take("cert-file", f.CertFile, false)
		key, keyRead := take("key-file", f.KeyFile, true)
		if certRead {
			if err := checkCertificates(cert); err != nil {
				faults = append(faults, &Error{"cert-file", f.CertFile, err})
				certRead = false
			}
		}
		if keyRead {
			if err := checkKey(key); err != nil {
				faults = append(faults, &Error{"key-file", f.KeyFile, err})
				keyRead = false
			}
		}
		if certRead && keyRead {
			pair, err := tls.X509KeyPair(cert, key)
			if err != nil {
				faults = append(faults, &Error{"key-file", f.KeyFile, fmt.Errorf("does not go with cert-file %s: %w", f.CertFile, err)})
			}
			own = &pair
		}
	}
	settings.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return own, nil }
	return settings, read, faults
}

// Authorities returns the authorities of CAFile.
func (f Files) Authorities() (*x509.CertPool, error) {
	settings, _, faults := Files{CAFile: f.CAFile}.load()
	if len(faults) > 0 {
		return nil, faults[0]
	}
	return settings.RootCAs, nil
}

func (f Files) files() []string {
	return slices.DeleteFunc([]string{f.CAFile, f.CertFile, f.KeyFile}, func(file string) bool { return file == "" })
}

// OwnExpiry returns when our own certificate expires; zero if there is none.
func (f Files) OwnExpiry() (time.Time, error) {
	if f.CertFile == "" {
		return time.Time{}, nil
	}
	data, _, err := readPEM(f.CertFile, false)
	if err != nil {
		return time.Time{}, &Error{"cert-file", f.CertFile, err}
	}
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		own, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return time.Time{}, &Error{"cert-file", f.CertFile, err}
		}
		return own.NotAfter, nil
	}
	return time.Time{}, &Error{"cert-file", f.CertFile, errors.New("holds no certificate in PEM form")}
}

// checkCertificates returns an error unless data is a list of certificates.
func checkCertificates(data []byte) error {
	n := 0
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		n++
		if _, err := x509.ParseCertificate(block.Bytes); err != nil {
			return fmt.Errorf("certificate %d: %w", n, err)
		}
	}
	if n == 0 {
		return errors.New("holds no certificate in PEM form")
	}
	return nil
}

// checkKey returns an error unless data has a key that needs no password.
func checkKey(data []byte) error {
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		switch {
		case block.Type == "ENCRYPTED PRIVATE KEY", block.Headers["DEK-Info"] != "":
			return errors.New("the key is encrypted, and nobody can enter its password: decrypt it with openssl pkey")
		case bytes.HasSuffix([]byte(block.Type), []byte("PRIVATE KEY")):
			return nil
		}
	}
	return errors.New("holds no private key in PEM form")
}

// Credentials are the settings of TLS from the last valid files.
type Credentials struct {
	options Files
	log     *slog.Logger

	mu   sync.Mutex
	good *tls.Config
	read []fs.FileInfo // of the files that good is from
	told string        // the fault of the present files that was logged last

	server   *tls.Config // of good, for connections that clients open
	serverOf *tls.Config // the good one that it is from
}

// NewCredentials returns settings that no file has been read for yet. A nil log means
// none.
func NewCredentials(f Files, log *slog.Logger) *Credentials {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Credentials{options: f, log: log}
}

// Config returns settings for a connection to host. Files that have changed are read
// again. If they are not valid, such as in the middle of a renewal, the earlier
// settings stay in use.
func (c *Credentials) Config(host string) (*tls.Config, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.good == nil || c.changed() {
		if err := c.reload(); err != nil {
			return nil, err
		}
	}
	settings := c.good.Clone()
	if settings.ServerName == "" {
		settings.ServerName = host
	}
	return settings, nil
}

func (c *Credentials) reload() error {
	settings, read, faults := c.options.load()
	if len(faults) == 0 {
		if c.good != nil {
			c.log.Info("TLS files have changed and been read again")
		}
		c.good, c.read, c.told = settings, read, ""
		return nil
	}
	if c.good == nil {
		return faults[0]
	}
	if text := faults[0].Error(); text != c.told {
		c.log.Warn("TLS files have changed but can't be used, the earlier ones stay in use", "error", text)
		c.told = text
	}
	return nil
}

// changed reports whether a file differs from the one that was read.
func (c *Credentials) changed() bool {
	for i, file := range c.options.files() {
		info, err := os.Stat(file)
		if err != nil || !os.SameFile(info, c.read[i]) || !info.ModTime().Equal(c.read[i].ModTime()) ||
			info.Size() != c.read[i].Size() || info.Mode() != c.read[i].Mode() {
			return true
		}
	}
	return false
}
