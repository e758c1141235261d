package deploy

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"time"
)

// writeTLS puts the files onto the node that the samples name. An operator's
// other means bring them; the programs look at them when they check a file.
func writeTLS(n *node) {
	n.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	n.must(err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	n.must(err)
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	n.must(err)
	certificatePEM := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate}))
	n.write("/etc/haproxystats/ca.pem", certificatePEM, 0o644)
	n.write("/etc/haproxystats/client.pem", certificatePEM, 0o644)
	n.write("/etc/haproxystats/users", "prometheus:$2a$05$3EUfLNBz11Flo5.SrLZsNuubaQENuaIuGbiP3ukVk74400VAOh7YG\n", 0o600)
	n.write("/etc/haproxystats/influx-password", "secret\n", 0o600)
	n.write("/etc/haproxystats/client.key", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})), 0o600)
}
