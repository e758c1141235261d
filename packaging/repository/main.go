// Command repository makes a directory of packages a repository of apt and dnf: it adds
// Packages and Release for the debs, and repodata for the rpms.
//
//	repository -dir DIR -date SECONDS [-key FILE [-passphrase FILE]]
//
// With a key, it also writes InRelease, Release.gpg and repomd.xml.asc, and the public key to
// haproxystats.asc. The same packages, date and key make the same bytes, if the key is of RSA or
// Ed25519: signatures by ECDSA have a random part.
//
// It is a module of its own, because it and the programs need different modules.
package main

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// publicKey is the name of the file with the public key.
const publicKey = "haproxystats.asc"

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "repository:", err)
		os.Exit(1)
	}
}

func run(args []string, stdout io.Writer) error {
	flags := flag.NewFlagSet("repository", flag.ExitOnError)
	dir := flags.String("dir", "", "directory with the packages")
	seconds := flags.Int64("date", 0, "date of the repository, in seconds since 1970")
	keyFile := flags.String("key", "", "file with an OpenPGP secret key that signs (default: nothing is signed)")
	passphrase := flags.String("passphrase", "", "file with the passphrase of the key")
	_ = flags.Parse(args) // ends the program by itself
	if *dir == "" || *seconds <= 0 || flags.NArg() > 0 {
		return errors.New("-dir and -date are needed: `make repository` gives them")
	}
	date := time.Unix(*seconds, 0).UTC()
	var key *signer
	if *keyFile != "" {
		var err error
		if key, err = readKey(*keyFile, *passphrase, date); err != nil {
			return err
		}
	} else if *passphrase != "" {
		return errors.New("SIGNING_PASSPHRASE is set without SIGNING_KEY: set both, or none")
	}
	debs, err := packagesOf(*dir, "deb")
	if err != nil {
		return err
	}
	rpms, err := packagesOf(*dir, "rpm")
	if err != nil {
		return err
	}
	if len(debs)+len(rpms) == 0 {
		return fmt.Errorf("%s has no deb and no rpm: run make packages", *dir)
	}
	if err := writeApt(*dir, debs, date, key); err != nil {
		return err
	}
	if err := writeDnf(*dir, rpms, date, key); err != nil {
		return err
	}
	if key == nil {
		fmt.Fprintln(stdout, "repository: not signed: set SIGNING_KEY to a file with an OpenPGP secret key")
		return remove(*dir, publicKey)
	}
	fmt.Fprintf(stdout, "repository: signed with the key %X\n", key.entity.PrimaryKey.Fingerprint)
	return key.writePublic(*dir)
}

// file is a package in the directory.
type file struct {
	name string
	size int64
	sum  string // SHA-256 in hex
}

// packagesOf returns the packages with an extension, in the order of their names.
func packagesOf(dir, extension string) (files []file, err error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*."+extension))
	if err != nil {
		return nil, err
	}
	slices.Sort(paths)
	for _, path := range paths {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		h := sha256.New()
		size, err := io.Copy(h, f)
		f.Close()
		if err != nil {
			return nil, err
		}
		files = append(files, file{filepath.Base(path), size, fmt.Sprintf("%x", h.Sum(nil))})
	}
	return files, nil
}

// sum returns the SHA-256 of a text in hex.
func sum(text []byte) string { return fmt.Sprintf("%x", sha256.Sum256(text)) }

// zip compresses without a name or a date.
func zip(text []byte) []byte {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		panic(err) // the level is one of gzip's
	}
	_, _ = w.Write(text) // a buffer takes all
	_ = w.Close()
	return b.Bytes()
}

// write writes a file that everybody may read, whatever the umask is.
func write(dir, name string, text []byte) error {
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(path, text, 0o644); err != nil {
		return err
	}
	return os.Chmod(path, 0o644)
}
