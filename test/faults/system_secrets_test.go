package faults

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"io"
	"io/fs"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"haproxystats/test/faults/harness"
)

// identity is a key and its certificate.
type identity struct {
	key             *ecdsa.PrivateKey
	cert            *x509.Certificate
	keyPEM, certPEM []byte
}

// newIdentity makes a certificate for loopback, signed by an authority, or by
// itself: then it is one.
func newIdentity(s *harness.Site, authority *identity) *identity {
	s.T.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	s.Must(err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, BasicConstraintsValid: true, IsCA: authority == nil,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	parent, signer := template, key
	if authority != nil {
		parent, signer = authority.cert, authority.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	s.Must(err)
	cert, err := x509.ParseCertificate(der)
	s.Must(err)
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	s.Must(err)
	return &identity{
		key: key, cert: cert,
		keyPEM:  pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}),
		certPEM: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
	}
}

func (i *identity) pair(s *harness.Site) tls.Certificate {
	s.T.Helper()
	pair, err := tls.X509KeyPair(i.certPEM, i.keyPEM)
	s.Must(err)
	return pair
}

// secureGraphite takes metrics over TLS from clients with a certificate, and
// keeps all that it gets.
type secureGraphite struct {
	received *harness.Received
	port     int
	own      atomic.Pointer[tls.Certificate]

	mu  sync.Mutex
	got bytes.Buffer
}

func newSecureGraphite(s *harness.Site, src *harness.Source, authority *identity) *secureGraphite {
	s.T.Helper()
	g := &secureGraphite{received: harness.NewReceived(src)}
	pool := x509.NewCertPool()
	pool.AddCert(authority.cert)
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return g.own.Load(), nil },
		ClientAuth:     tls.RequireAndVerifyClientCert, ClientCAs: pool,
		SessionTicketsDisabled: true, // each connection shows what it would
	})
	s.Must(err)
	g.port = l.Addr().(*net.TCPAddr).Port
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { g.serve(c) })
		}
	})
	s.T.Cleanup(func() {
		_ = l.Close()
		serving.Wait()
	})
	return g
}

func (g *secureGraphite) serve(c net.Conn) {
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	text, err := io.ReadAll(c)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.got.Write(text)
	if err == nil {
		g.received.Add(text)
	}
}

// traces are what would show that a secret has been let out: each line of its
// text, and what it stands for.
func traces(secret []byte) (all [][]byte) {
	for line := range bytes.Lines(secret) {
		if line = bytes.TrimSpace(line); len(line) >= 16 && !bytes.HasPrefix(line, []byte("-----")) {
			all = append(all, line[:16])
		}
	}
	if block, _ := pem.Decode(secret); block != nil {
		if key, err := x509.ParsePKCS8PrivateKey(block.Bytes); err == nil {
			if number, err := key.(*ecdsa.PrivateKey).Bytes(); err == nil {
				all = append(all, number, []byte(hex.EncodeToString(number)), []byte(base64.StdEncoding.EncodeToString(number)))
			}
		}
	}
	return all
}

// TestSecretsStaySecret runs process with a certificate of its own, well and
// badly, and looks for the keys in everything that comes out of it.
func TestSecretsStaySecret(t *testing.T) {
	t.Parallel()
	row := harness.Begin(t, "secrets", "in no output, file, message or line")
	s := harness.NewSite(t)
	src := s.Source(harness.Shape{})
	authority := newIdentity(s, nil)
	client, other := newIdentity(s, authority), newIdentity(s, authority)
	trusted, unknown := newIdentity(s, authority).pair(s), newIdentity(s, nil).pair(s)
	garbage := []byte("-----BEGIN PRIVATE KEY-----\n" + strings.Repeat("CanaryInTheMine0", 4) + "\n-----END PRIVATE KEY-----\n")
	plain := []byte("a password, and no PEM: hunter2hunter2hunter2\n")

	keyFile := s.Path("key.pem")
	setKey := func(text []byte, mode os.FileMode) {
		t.Helper()
		s.Must(os.WriteFile(keyFile+".new", text, 0o600), os.Chmod(keyFile+".new", mode), os.Rename(keyFile+".new", keyFile))
	}
	s.Must(os.WriteFile(s.Path("ca.pem"), authority.certPEM, 0o640), os.WriteFile(s.Path("cert.pem"), client.certPEM, 0o640))
	graphite := newSecureGraphite(s, src, authority)
	feeder := s.Feeder(src, s.Incoming())
	outputs := make(map[string]string)
	for _, format := range []string{"text", "json"} {
		conf := s.Configure(harness.Config{Source: src, Port: graphite.port, LocalStore: true, Set: harness.Options{
			"DEFAULT": {"loglevel": "debug", "log-format": format},
			"graphite": {
				"tls": "yes", "ca-file": s.Path("ca.pem"), "cert-file": s.Path("cert.pem"), "key-file": keyFile,
			},
		}})
		for name, key := range map[string][]byte{"garbage": garbage, "plain": plain, "another": other.keyPEM} {
			setKey(key, 0o640)
			outputs[format+": refused, "+name] = s.Refused(harness.Launch{Name: harness.Process, Conf: conf})
		}
		setKey(client.keyPEM, 0o644)
		outputs[format+": refused, open"] = s.Refused(harness.Launch{Name: harness.Process, Conf: conf})
		for what, said := range outputs {
			if strings.HasPrefix(what, format) && !strings.Contains(said, keyFile) {
				t.Errorf("%s: the message does not name the file: %s", what, said)
			}
		}
		setKey(client.keyPEM, 0o640)
		for _, program := range []string{harness.Pull, harness.Process} {
			for _, flag := range []string{"-P", "-p"} {
				out, err := exec.Command(s.Binary(program), "-f", conf, flag).CombinedOutput()
				s.Must(err)
				outputs[format+": "+program+" "+flag] = string(out)
			}
		}

		graphite.own.Store(&trusted)
		process := s.Start(harness.Process, conf)
		s.Must(graphite.received.WaitWhole(s.Ctx, feeder.Next()))
		// Of a server that is not trusted, and of files that have become bad.
		for _, bad := range []struct {
			server tls.Certificate
			key    []byte
			mode   os.FileMode
			queued bool
		}{
			{unknown, client.keyPEM, 0o640, true},
			{trusted, garbage, 0o640, false},
			{trusted, plain, 0o640, false},
			{trusted, other.keyPEM, 0o640, false},
			{trusted, client.keyPEM, 0o644, false},
		} {
			setKey(bad.key, bad.mode)
			graphite.own.Store(&bad.server)
			epoch := feeder.Next()
			s.WaitStored(undelayed, epoch)
			if queue := s.Path("base", "queue", "graphite"); bad.queued {
				s.Until("the queue to be used", harness.EndLimit, func() bool { return holds(queue) })
			} else {
				// The key of before stays in use.
				s.Must(graphite.received.WaitWhole(s.Ctx, epoch))
			}
			for path, content := range filesBelow(s, s.Base()) {
				outputs[format+": "+path] += content
			}
			row.Inject(1)
			setKey(client.keyPEM, 0o640)
			graphite.own.Store(&trusted)
			s.Must(graphite.received.WaitWhole(s.Ctx, epoch))
		}
		process.End(syscall.SIGTERM)
		outputs[format+": log"] = process.Output()
	}
	graphite.mu.Lock()
	outputs["lines"] = graphite.got.String()
	graphite.mu.Unlock()
	for _, secret := range [][]byte{client.keyPEM, other.keyPEM, garbage, plain} {
		for _, trace := range traces(secret) {
			for name, text := range outputs {
				if strings.Contains(text, string(trace)) {
					t.Errorf("%s holds %q of a secret", name, trace)
				}
			}
		}
	}
	row.Result("%d outputs", len(outputs))
}

// filesBelow returns the files of a directory, those of the queue as they are
// and decompressed.
func filesBelow(s *harness.Site, dir string) map[string]string {
	s.T.Helper()
	files := make(map[string]string)
	s.Must(filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return nil // gone meanwhile
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return nil
		}
		if at := bytes.Index(b, []byte("\x28\xb5\x2f\xfd")); at >= 0 && strings.HasSuffix(path, ".batch") {
			d, err := zstd.NewReader(bytes.NewReader(b[at:]))
			s.Must(err)
			text, err := io.ReadAll(d)
			d.Close()
			if err != nil && len(text) == 0 {
				s.T.Errorf("decompress %s: %v", path, err)
			}
			b = append(b, text...)
		}
		files[path] = string(b)
		return nil
	}))
	return files
}
