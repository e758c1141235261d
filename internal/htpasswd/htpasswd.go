// Package htpasswd has the users of a server and the bcrypt hashes of their passwords, from
// a file as `htpasswd -B` writes it, which is read again when it has changed.
//
// A comparison takes a processor some 50 ms, by the cost of the hash. So the last good
// password of each user is remembered, as a keyed hash, and one comparison is made at a
// time.
package htpasswd

import (
	"bufio"
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"strings"
	"sync"

	"golang.org/x/crypto/bcrypt"

	"haproxystats/internal/tlsfile"
)

const (
	// maxUsers bounds what is remembered.
	maxUsers = 1000
	// maxCost bounds the time of a comparison to about a second.
	maxCost = 14
	// maxWaiting bounds the requests that wait for a comparison.
	maxWaiting = 16
)

// ErrBusy means that too many passwords wait to be compared.
var ErrBusy = errors.New("too many passwords are being compared")

// Check returns what is wrong with a file.
func Check(file string) error {
	_, err := read(file)
	return err
}

// read returns the hashes by the users' names.
func read(file string) (map[string][]byte, error) {
	text, err := tlsfile.ReadSecret(file, "hashes of passwords")
	if err != nil {
		return nil, err
	}
	users := make(map[string][]byte)
	lines := bufio.NewScanner(bytes.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, hash, ok := strings.Cut(line, ":")
		cost, err := bcrypt.Cost([]byte(hash))
		switch {
		case !ok || name == "":
			return nil, fmt.Errorf("line %d is not NAME:HASH", n)
		case err != nil:
			return nil, fmt.Errorf("line %d has no hash by bcrypt: make it with htpasswd -B", n)
		case cost > maxCost:
			return nil, fmt.Errorf("line %d has a hash of cost %d, which takes too long to compare: make it with htpasswd -B -C 10", n, cost)
		case users[name] != nil:
			return nil, fmt.Errorf("line %d has the user of an earlier line", n)
		case len(users) == maxUsers:
			return nil, fmt.Errorf("more than %d users", maxUsers)
		}
		users[name] = []byte(hash)
	}
	switch {
	case lines.Err() != nil:
		return nil, errors.New("a line is too long")
	case len(users) == 0:
		return nil, errors.New("holds no user: add one with htpasswd -B")
	}
	return users, nil
}

// Users are the users of a file. They are safe for concurrent use.
type Users struct {
	file string
	log  *slog.Logger
	key  [sha256.Size]byte // of what is remembered

	mu    sync.Mutex
	users map[string][]byte // of the last valid file
	from  fs.FileInfo       // the file as it was read
	told  string            // the fault of the present file that was logged last
	good  map[string][]byte // by user: the keyed hash of the last good password

	waiting   chan struct{}
	comparing chan struct{}
}

// New returns the users of a file, which is not read yet. A nil log means none.
func New(file string, log *slog.Logger) *Users {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	u := &Users{file: file, log: log, waiting: make(chan struct{}, maxWaiting), comparing: make(chan struct{}, 1)}
	_, _ = rand.Read(u.key[:]) // it never fails
	return u
}

// Allowed reports whether the password is that of the user. It is [ErrBusy] if too many
// wait for that answer.
func (u *Users) Allowed(ctx context.Context, name, password string) (bool, error) {
	hash, known, good, err := u.lookUp(name)
	if err != nil {
		return false, err
	}
	mac := hmac.New(sha256.New, u.key[:])
	mac.Write(hash)
	mac.Write([]byte{0})
	mac.Write([]byte(password))
	sum := mac.Sum(nil)
	if known && hmac.Equal(sum, good) {
		return true, nil
	}
	select {
	case u.waiting <- struct{}{}:
		defer func() { <-u.waiting }()
	default:
		return false, ErrBusy
	}
	select {
	case u.comparing <- struct{}{}:
		defer func() { <-u.comparing }()
	case <-ctx.Done():
		return false, ctx.Err()
	}
	// A name that nobody has takes as long as one with another password.
	if err := bcrypt.CompareHashAndPassword(hash, []byte(password)); err != nil || !known {
		return false, nil
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.good[name] = sum
	return true, nil
}

// lookUp returns the hash of a user, or another one's if nobody has the name, and what is
// remembered of the last good password.
func (u *Users) lookUp(name string) (hash []byte, known bool, good []byte, err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if err := u.refresh(); err != nil {
		return nil, false, nil, err
	}
	if hash, known = u.users[name]; known {
		return hash, true, u.good[name], nil
	}
	for _, hash = range u.users {
		break
	}
	return hash, false, nil, nil
}

// refresh reads the file if it has changed. If that is not valid, the earlier users stay.
func (u *Users) refresh() error {
	now, err := os.Stat(u.file)
	if err == nil && u.from != nil && os.SameFile(now, u.from) && now.ModTime().Equal(u.from.ModTime()) &&
		now.Size() == u.from.Size() && now.Mode() == u.from.Mode() {
		return nil
	}
	users, err := read(u.file)
	switch {
	case err == nil:
		if u.users != nil {
			u.log.Info("users-file has changed and been read again", "file", u.file)
		}
		u.users, u.from, u.told, u.good = users, now, "", make(map[string][]byte)
	case u.users == nil:
		return fmt.Errorf("users-file %s: %w", u.file, err)
	case err.Error() != u.told:
		u.told = err.Error()
		u.log.Warn("users-file has changed but can't be used, the earlier users stay", "file", u.file, "error", u.told)
	}
	return nil
}
