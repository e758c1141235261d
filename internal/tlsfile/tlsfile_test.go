package tlsfile

import (
	"crypto/tls"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"haproxystats/internal/tlsfile/tlstest"
)

// TestFiles checks that each fault names its option, and that no message has a part of a
// key.
func TestFiles(t *testing.T) {
	a := tlstest.NewAuthority(t, "a")
	own, other := a.Sign("us", time.Hour), a.Sign("us", time.Hour)
	cert, key := tlstest.CertPEM(own.Certificate[0]), tlstest.KeyPEM(t, own)
	const canary = "CANARY"
	encrypted := pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte(canary)})
	legacy := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Headers: map[string]string{"Proc-Type": "4,ENCRYPTED", "DEK-Info": "AES-128-CBC," + canary}})
	broken := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte(canary)})
	const noCert, noKey = "holds no certificate in PEM form", "holds no private key in PEM form"
	for _, c := range []struct {
		name          string
		ca, cert, key []byte
		mode          os.FileMode
		want          string
	}{
		{"in order", cert, cert, key, 0o600, ""},
		{"of a group", cert, cert, key, 0o640, ""},
		{"text before", slices.Concat([]byte("subject=x\n"), cert), slices.Concat([]byte("x\n"), cert), slices.Concat([]byte(canary+"\n"), key), 0o600, ""},
		{"key and certificate in one", cert, slices.Concat(cert, key), slices.Concat(key, cert), 0o600, ""},
		{"empty", nil, nil, nil, 0o600, "ca-file: " + noCert + "; cert-file: " + noCert + "; key-file: " + noKey},
		{"no PEM", own.Certificate[0], own.Certificate[0], []byte(canary), 0o600, "ca-file: " + noCert + "; cert-file: " + noCert + "; key-file: " + noKey},
		{"the wrong way round", cert, key, cert, 0o600, "cert-file: " + noCert + "; key-file: " + noKey},
		{"broken certificate", cert, tlstest.CertPEM([]byte("x")), key, 0o600, "cert-file: certificate 1: x509: malformed certificate"},
		{"broken chain", cert, slices.Concat(cert, tlstest.CertPEM([]byte("x"))), key, 0o600, "cert-file: certificate 2: x509: malformed certificate"},
		{"broken key", cert, cert, broken, 0o600, "key-file: does not go with cert-file CERT: tls: failed to parse private key"},
		{"encrypted", cert, cert, encrypted, 0o600, "key-file: the key is encrypted, and nobody can enter its password: decrypt it with openssl pkey"},
		{"encrypted, old form", cert, cert, legacy, 0o600, "key-file: the key is encrypted, and nobody can enter its password: decrypt it with openssl pkey"},
		{"another's key", cert, cert, tlstest.KeyPEM(t, other), 0o600, "key-file: does not go with cert-file CERT: tls: private key does not match public key"},
		{"open to all", cert, cert, key, 0o644, "key-file: every user of this host can read or write the key (mode 0644): chmod it to 0640 or 0600"},
		{"all may write", cert, cert, key, 0o602, "key-file: every user of this host can read or write the key (mode 0602): chmod it to 0640 or 0600"},
		{"too long", slices.Concat(cert, make([]byte, maxPEM)), cert, key, 0o600, "ca-file: longer than 1048576 bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := tlstest.NewFiles(t)
			o := Files{CAFile: f.Put("ca", 0o644, c.ca), CertFile: f.Put("cert", 0o644, c.cert), KeyFile: f.Put("key", c.mode, c.key)}
			if got := said(o); got != c.want {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
			if text := fmt.Sprint(o.Check()); strings.Contains(text, canary) {
				t.Errorf("shows what is in the file: %s", text)
			}
		})
	}
}

// said returns the faults that Check finds, with short names of files.
func said(o Files) string {
	var found []string
	for _, fault := range o.Check() {
		found = append(found, fault.Option+": "+strings.ReplaceAll(fault.Err.Error(), " "+o.CertFile+":", " CERT:"))
	}
	return strings.Join(found, "; ")
}

// TestStrangeFiles checks that anything but a regular file is refused at once.
func TestStrangeFiles(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{
		pipe:                          "ca-file: not a regular file",
		dir:                           "ca-file: not a regular file",
		"/dev/zero":                   "ca-file: not a regular file",
		filepath.Join(dir, "nothing"): "ca-file: no such file or directory",
	} {
		if got := said(Files{CAFile: file}); got != want {
			t.Errorf("%s: %q, want %q", file, got, want)
		}
	}
	if faults := (Files{}).Check(); len(faults) > 0 {
		t.Errorf("without files: %v", faults)
	}
}

// TestServersOfTheSystem uses the authorities of the system, without ca-file.
func TestServersOfTheSystem(t *testing.T) {
	c := NewCredentials(Files{}, nil)
	settings, err := c.Config("graphite.example.com")
	if err != nil || settings.RootCAs != nil || settings.ServerName != "graphite.example.com" || settings.MinVersion != tls.VersionTLS12 {
		t.Errorf("%+v, %v", settings, err)
	}
	if settings.InsecureSkipVerify {
		t.Error("nobody checks the server")
	}
}

func TestOwnExpiry(t *testing.T) {
	files := tlstest.NewFiles(t)
	own := Files{}
	if at, err := own.OwnExpiry(); !at.IsZero() || err != nil {
		t.Error(at, err)
	}
	own.CertFile, own.KeyFile = files.Pair(tlstest.NewAuthority(t, "ours").Sign("us", 20*time.Minute))
	at, err := own.OwnExpiry()
	if left := time.Until(at); err != nil || left > 20*time.Minute || left < 19*time.Minute {
		t.Error(left, err)
	}
	own.CertFile = own.KeyFile
	if _, err := own.OwnExpiry(); err == nil || !strings.Contains(err.Error(), "holds no certificate") {
		t.Error(err)
	}
	own.CertFile = "/does/not/exist"
	if _, err := own.OwnExpiry(); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}
