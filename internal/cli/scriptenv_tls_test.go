package cli_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// cmdCertificates makes a directory with an authority (ca.pem), a certificate
// that it has signed for the host lb-graphite (server.pem, server.key), and one
// for a client (client.pem, client.key).
func cmdCertificates(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: certificates dir")
	}
	dir := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(dir, 0o750))
	authority := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ts.Check(err)
	writeCertificate(ts, filepath.Join(dir, "ca.pem"), authority, authority, key, key)
	for name, use := range map[string]x509.ExtKeyUsage{"server": x509.ExtKeyUsageServerAuth, "client": x509.ExtKeyUsageClientAuth} {
		own, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		ts.Check(err)
		writeCertificate(ts, filepath.Join(dir, name+".pem"), &x509.Certificate{
			SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, DNSNames: []string{"lb-graphite"},
			NotBefore: authority.NotBefore, NotAfter: authority.NotAfter, ExtKeyUsage: []x509.ExtKeyUsage{use},
		}, authority, own, key)
		der, err := x509.MarshalPKCS8PrivateKey(own)
		ts.Check(err)
		writePEM(ts, filepath.Join(dir, name+".key"), "PRIVATE KEY", der)
	}
}

func writeCertificate(ts *testscript.TestScript, file string, c, authority *x509.Certificate, own, signer *ecdsa.PrivateKey) {
	der, err := x509.CreateCertificate(rand.Reader, c, authority, own.Public(), signer)
	ts.Check(err)
	writePEM(ts, file, "CERTIFICATE", der)
}

func writePEM(ts *testscript.TestScript, file, kind string, der []byte) {
	ts.Check(os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
}

// serverTLS returns what a server takes that has the certificates in dir and
// asks clients for theirs.
func serverTLS(ts *testscript.TestScript, dir string) *tls.Config {
	own, err := tls.LoadX509KeyPair(filepath.Join(dir, "server.pem"), filepath.Join(dir, "server.key"))
	ts.Check(err)
	authority, err := os.ReadFile(filepath.Join(dir, "ca.pem"))
	ts.Check(err)
	clients := x509.NewCertPool()
	clients.AppendCertsFromPEM(authority)
	return &tls.Config{Certificates: []tls.Certificate{own}, ClientCAs: clients, ClientAuth: tls.RequireAndVerifyClientCert}
}
