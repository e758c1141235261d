package main

import (
	"bytes"
	"crypto"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/clearsign"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// signer signs with one key.
type signer struct {
	entity *openpgp.Entity
	key    *packet.PrivateKey
	config *packet.Config
}

// readKey reads a secret key, armoured or binary, and unlocks it with the passphrase in a
// file, if one is named. Signatures have the date, or the key's own date if that is later,
// because a signature that is older than its key is not valid.
func readKey(path, passphrase string, date time.Time) (*signer, error) {
	text, err := readSecret(path)
	if err != nil {
		return nil, fmt.Errorf("read the signing key: %w", err)
	}
	ring, err := openpgp.ReadArmoredKeyRing(bytes.NewReader(text))
	if err != nil {
		ring, err = openpgp.ReadKeyRing(bytes.NewReader(text))
	}
	if err != nil || len(ring) != 1 {
		return nil, fmt.Errorf("%s does not hold one OpenPGP key: write it with gpg --export-secret-keys --armor KEY", path)
	}
	entity := ring[0]
	if entity.PrivateKey == nil {
		return nil, fmt.Errorf("%s holds a public key only: write it with gpg --export-secret-keys --armor KEY", path)
	}
	if passphrase != "" {
		words, err := readSecret(passphrase)
		if err != nil {
			return nil, fmt.Errorf("read the passphrase: %w", err)
		}
		if err := entity.DecryptPrivateKeys(bytes.TrimRight(words, "\r\n")); err != nil {
			return nil, fmt.Errorf("the passphrase in %s does not unlock the key in %s", passphrase, path)
		}
	}
	found, ok := entity.SigningKey(time.Now())
	switch {
	case !ok || found.PrivateKey == nil:
		return nil, fmt.Errorf("the key in %s can't sign, or has expired", path)
	case found.PrivateKey.Encrypted:
		return nil, fmt.Errorf("the key in %s has a passphrase: set SIGNING_PASSPHRASE to a file with it", path)
	}
	for _, made := range []time.Time{found.PublicKey.CreationTime, found.SelfSignature.CreationTime} {
		if made.After(date) {
			date = made
		}
	}
	random := false // no notation that differs in each signature
	return &signer{entity, found.PrivateKey, &packet.Config{
		DefaultHash: crypto.SHA512, Time: func() time.Time { return date }, NonDeterministicSignaturesViaNotation: &random,
	}}, nil
}

// maxSecret bounds the file of a key, in bytes.
const maxSecret = 1 << 20

// readSecret reads a file that nobody but its owner may read or write.
func readSecret(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return nil, fmt.Errorf("%s has mode %04o, so other users may use it: run chmod 600 on it", path, mode)
	}
	return io.ReadAll(io.LimitReader(f, maxSecret))
}

// detached returns a signature of a text that is apart from it.
func (s *signer) detached(text []byte) ([]byte, error) {
	signature := &packet.Signature{
		Version: s.key.Version, SigType: packet.SigTypeBinary, PubKeyAlgo: s.key.PubKeyAlgo,
		Hash: s.config.Hash(), CreationTime: s.config.Now(),
		IssuerKeyId: &s.key.KeyId, IssuerFingerprint: s.key.Fingerprint,
	}
	h, err := signature.PrepareSign(s.config)
	if err != nil {
		return nil, err
	}
	_, _ = h.Write(text) // a hash takes all
	if err := signature.Sign(h, s.key, s.config); err != nil {
		return nil, err
	}
	return armoured(openpgp.SignatureType, signature.Serialize)
}

// inline returns a text with a signature around it.
func (s *signer) inline(text []byte) ([]byte, error) {
	var b bytes.Buffer
	w, err := clearsign.Encode(&b, s.key, s.config)
	if err != nil {
		return nil, err
	}
	_, err = w.Write(text)
	err = errors.Join(err, w.Close())
	return append(b.Bytes(), '\n'), err
}

// writePublic writes the public key.
func (s *signer) writePublic(dir string) error {
	text, err := armoured(openpgp.PublicKeyType, s.entity.Serialize)
	if err != nil {
		return err
	}
	return write(dir, publicKey, text)
}

// armoured returns what serialize writes as text.
func armoured(kind string, serialize func(io.Writer) error) ([]byte, error) {
	var b bytes.Buffer
	w, err := armor.Encode(&b, kind, nil)
	if err != nil {
		return nil, err
	}
	err = errors.Join(serialize(w), w.Close())
	return append(b.Bytes(), '\n'), err
}

// writeSigned writes signatures of a text, or with a nil signer removes those of an earlier
// run, which no longer fit. Inline is the name of the text with its signature, or empty.
func writeSigned(dir string, text []byte, s *signer, detached, inline string) error {
	for name, sign := range map[string]func(*signer, []byte) ([]byte, error){detached: (*signer).detached, inline: (*signer).inline} {
		switch {
		case name == "":
		case s == nil:
			if err := remove(dir, name); err != nil {
				return err
			}
		default:
			signed, err := sign(s, text)
			if err != nil {
				return fmt.Errorf("sign %s: %w", name, err)
			}
			if err := write(dir, name, signed); err != nil {
				return err
			}
		}
	}
	return nil
}

// remove removes a file that need not be there.
func remove(dir, name string) error {
	if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
