package kafka

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/oauth"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"haproxystats/internal/tlsfile"
)

// Mechanism is a way to log in.
type Mechanism string

// The mechanisms, by the names of SASL.
const (
	Plain       Mechanism = "PLAIN"
	ScramSHA256 Mechanism = "SCRAM-SHA-256"
	ScramSHA512 Mechanism = "SCRAM-SHA-512"
	OAuthBearer Mechanism = "OAUTHBEARER"
)

// Login is how to log in to brokers. The file with the secret is read for each new
// connection.
type Login struct {
	Mechanism Mechanism
	// Username and PasswordFile are for all mechanisms but OAuthBearer.
	Username, PasswordFile string
	// TokenFile is for OAuthBearer.
	TokenFile string
}

// Check reads the file with the secret as a login does.
func (l Login) Check() error {
	_, err := l.secret()
	return err
}

// secret returns the password or token, without a line break at its end.
func (l Login) secret() (string, error) {
	option, file, noun := "sasl-password-file", l.PasswordFile, "password"
	if l.Mechanism == OAuthBearer {
		option, file, noun = "sasl-token-file", l.TokenFile, "token"
	}
	data, err := tlsfile.ReadSecret(file, noun)
	if err == nil {
		data = bytes.TrimSuffix(bytes.TrimSuffix(data, []byte("\n")), []byte("\r"))
		err = checkSecret(data, noun)
	}
	if err != nil {
		return "", &tlsfile.Error{Option: option, File: file, Err: err}
	}
	return string(data), nil
}

// checkSecret refuses what no login can carry. It tells nothing of the content.
func checkSecret(data []byte, noun string) error {
	switch {
	case len(data) == 0:
		return fmt.Errorf("holds no %s", noun)
	case bytes.ContainsAny(data, "\x00\n\r"):
		return fmt.Errorf("holds more than one line: it must hold the %s only", noun)
	case !utf8.Valid(data):
		return errors.New("is not UTF-8")
	}
	return nil
}

func (l Login) mechanism() sasl.Mechanism {
	switch l.Mechanism {
	case ScramSHA256:
		return scram.Sha256(l.scram)
	case ScramSHA512:
		return scram.Sha512(l.scram)
	case OAuthBearer:
		return oauth.Oauth(func(context.Context) (oauth.Auth, error) {
			token, err := l.secret()
			return oauth.Auth{Token: token}, err
		})
	}
	return plain.Plain(func(context.Context) (plain.Auth, error) {
		password, err := l.secret()
		return plain.Auth{User: l.Username, Pass: password}, err
	})
}

func (l Login) scram(context.Context) (scram.Auth, error) {
	password, err := l.secret()
	return scram.Auth{User: l.Username, Pass: password}, err
}
