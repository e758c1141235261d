package push

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/url"
	"strings"
	"time"
	"unicode"

	"haproxystats/internal/sink/outbox"
)

// verdict is what an answer means for its request.
type verdict int

const (
	taken   verdict = iota
	again           // later
	large           // the request is too large
	refused         // the request will never be taken
)

// brokenError is an error of a destination that has the request and fails at it: others may
// pass.
type brokenError struct{ error }

func (e *brokenError) Unwrap() error { return e.error }

// verdict returns what an answer means, and why if the request was not taken.
func (t *transport) verdict(a answered) (verdict, error) {
	proof := t.opt.Format.Proof
	if a.Status >= 200 && a.Status < 300 && (proof == "" || a.Header[proof] != "") {
		return taken, nil
	}
	text := fmt.Sprintf("%s answers with status %d", t.server, a.Status) + said(a.Body, a.secrets)
	section := "[" + t.opt.Name + "]"
	person := func(do string) error {
		return &outbox.LaterError{Err: errors.New(text + ". " + do), After: t.opt.Delay}
	}
	switch s := a.Status; {
	case s >= 200 && s < 300:
		return again, person("It does not know this format. " + t.opt.Format.Remedy)
	case s == 401 || s == 403 || s == 407:
		return again, person("Check the secret in " + section + " and what it allows")
	case s == 404 || s == 405 || s == 410:
		return again, person("Check the address in " + section + " and whether the receiver takes this format")
	case s >= 300 && s < 400 && a.Redirect != "":
		return again, person(fmt.Sprintf("It redirects to %q, which is not followed: set the address in %s to where it is", a.Redirect, section))
	case s >= 300 && s < 400:
		return again, person("Check the address in " + section)
	case s == 413:
		return large, errors.New(text)
	case s == 500:
		return again, &brokenError{&outbox.LaterError{Err: errors.New(text), After: a.RetryAfter}}
	case s == 408 || s == 425 || s == 429 || s < 400 || s >= 500:
		return again, &outbox.LaterError{Err: errors.New(text), After: a.RetryAfter}
	}
	return refused, errors.New(text)
}

// judge returns how many metrics of a request the receiver did not store, and why; a number
// below 0 if the answer is too long to tell.
func (t *transport) judge(a answered, f frame) (rejected int, reason error) {
	format := t.opt.Format
	if format.Judge == nil {
		return 0, nil
	}
	n, text := format.Judge(a.Answer)
	if n <= 0 {
		return n, nil
	}
	reason = fmt.Errorf("%s answers with status %d%s", t.server, a.Status, said([]byte(text), a.secrets))
	if format.Units == nil {
		return min(n, f.metrics), reason
	}
	body, err := format.expand(f.body)
	units := 0
	if err == nil {
		units = format.Units(body)
	}
	if n >= units {
		return f.metrics, reason
	}
	return int(math.Ceil(float64(f.metrics) * float64(n) / float64(units))), reason
}

// said returns the beginning of what a server says, for a message. It has no secret, even if
// the server repeats one.
func said(body []byte, secrets []string) string {
	const most = 200
	// Most servers answer with an object, which has what they say.
	var object struct{ Error, Message string }
	if json.Unmarshal(body, &object) == nil && object.Error+object.Message != "" {
		body = []byte(cmp.Or(object.Message, object.Error))
	}
	text := strings.ToValidUTF8(string(body[:min(len(body), 8*most)]), "")
	for _, secret := range secrets {
		text = strings.ReplaceAll(text, secret, "...")
	}
	text = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, text)
	text = strings.TrimSpace(text)
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "..."
	}
	if text == "" {
		return ""
	}
	return fmt.Sprintf(": %q", text)
}

// hostOf returns the server of an address, for messages: the rest may hold a secret.
func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return "the server"
	}
	return u.Host
}

// quiet is the time for which a notice is not repeated.
const quiet = time.Minute

// notices tell an operator what a receiver does not take, each kind once a while.
type notices struct {
	log  *slog.Logger
	last time.Time // when rejected metrics were told
	left int       // metrics that were rejected since then
}

// rejected tells of metrics that were not stored.
func (n *notices) rejected(epoch int64, metrics int, reason error) {
	n.left += metrics
	if now := time.Now(); n.last.IsZero() || now.Sub(n.last) >= quiet {
		n.log.Error("destination does not take some metrics, they are left out", "snapshot", epoch, "metrics", n.left, "error", reason)
		n.last, n.left = now, 0
	}
}
