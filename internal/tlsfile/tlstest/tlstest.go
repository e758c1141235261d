// Package tlstest makes authorities and certificates, and the files that hold them; tests
// only.
package tlstest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"
)

// Authority signs certificates for tests.
type Authority struct {
	t    testing.TB
	Cert *x509.Certificate
	key  crypto.Signer
}

var serial atomic.Int64

// NewAuthority makes an authority that is valid for an hour.
func NewAuthority(t testing.TB, name string) *Authority {
	t.Helper()
	a := &Authority{t: t}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	a.key = key
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial.Add(1)), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	if a.Cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return a
}

// Sign returns a certificate for a name or address, good for as long.
func (a *Authority) Sign(name string, good time.Duration) tls.Certificate {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial.Add(1)), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: time.Now().Add(good),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	if ip := net.ParseIP(name); ip != nil {
		template.IPAddresses = []net.IP{ip}
	} else {
		template.DNSNames = []string{name}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.Cert, key.Public(), a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// Pool returns the authority alone.
func (a *Authority) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.Cert)
	return pool
}

// Files are files of one test, in a directory of their own.
type Files struct {
	t   testing.TB
	dir string
}

// NewFiles returns a directory without files.
func NewFiles(t testing.TB) Files { return Files{t, t.TempDir()} }

// Put writes a file in place of one that may be there, and returns its name.
func (f Files) Put(name string, mode os.FileMode, data []byte) string {
	f.t.Helper()
	file := filepath.Join(f.dir, name)
	tmp := file + ".tmp"
	if err := os.WriteFile(tmp, data, mode); err != nil {
		f.t.Fatal(err)
	}
	if err := os.Chmod(tmp, mode); err != nil {
		f.t.Fatal(err)
	}
	if err := os.Rename(tmp, file); err != nil {
		f.t.Fatal(err)
	}
	return file
}

// Authority writes the certificate of an authority.
func (f Files) Authority(a *Authority) string {
	return f.Put("ca.pem", 0o644, CertPEM(a.Cert.Raw))
}

// Pair writes a certificate and its key.
func (f Files) Pair(c tls.Certificate) (cert, key string) {
	return f.Put("cert.pem", 0o644, CertPEM(c.Certificate[0])), f.Put("key.pem", 0o600, KeyPEM(f.t, c))
}

// CertPEM returns a certificate in PEM form.
func CertPEM(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// KeyPEM returns the key of a certificate in PEM form.
func KeyPEM(t testing.TB, c tls.Certificate) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}
