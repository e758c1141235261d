// Package collect asks stats sockets for more than `show info` and `show stat`, in the same
// connection: for stick tables, resolvers and certificates, and for the kinds of fields that
// the catalogue does not know.
//
// None of it is in the way of a round: the questions come behind the two replies, their
// answers are bounded in size and time, and whatever goes wrong with them costs only them.
// It is logged once, and the socket is left alone for a while.
package collect

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"haproxystats/internal/haproxy"
	"haproxystats/internal/pull"
	"haproxystats/internal/snapshot"
)

// truce is the time for which a socket is not asked after trouble.
const truce = 10 * time.Minute

// Fetcher fetches the replies of sockets and asks further commands: haproxy.Client.
type Fetcher interface {
	FetchMore(ctx context.Context, network, address string, info, stat io.Writer, commands []string) (answers [][]byte, failed, err error)
}

// Options say what is asked for.
type Options struct {
	Client Fetcher
	// StickTables, Resolvers and Certificates ask for these.
	StickTables, Resolvers, Certificates bool
	// Learn asks of what kind the fields are that the catalogue lacks.
	Learn bool
	// Log gets messages for the operator. Nil means none.
	Log *slog.Logger
	// Now is the clock. Nil means [time.Now].
	Now func() time.Time
}

// Collector is a [pull.Collector].
type Collector struct {
	opt Options
	log *slog.Logger
	now func() time.Time

	mu      sync.Mutex
	sockets map[pull.Socket]*socket
}

// New returns a collector.
func New(o Options) *Collector {
	c := &Collector{opt: o, log: cmp.Or(o.Log, slog.New(slog.DiscardHandler)), now: o.Now, sockets: make(map[pull.Socket]*socket)}
	if c.now == nil {
		c.now = time.Now
	}
	return c
}

// Begin implements [pull.Collector].
func (c *Collector) Begin(asked []pull.Socket) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for address := range c.sockets {
		if !slices.Contains(asked, address) {
			delete(c.sockets, address)
		}
	}
	for _, address := range asked {
		if c.sockets[address] == nil {
			c.sockets[address] = &socket{collector: c, address: address.Address, said: make(map[string]bool)}
		}
	}
}

// Collect implements [pull.Collector].
func (c *Collector) Collect(ctx context.Context, address pull.Socket, info, stat io.Writer) ([]pull.File, error) {
	c.mu.Lock()
	s := c.sockets[address]
	c.mu.Unlock()
	if s == nil {
		s = &socket{collector: c, address: address.Address, said: make(map[string]bool)}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	questions := s.questions(c.now())
	commands := make([]string, len(questions))
	for i, q := range questions {
		commands[i] = q.command
	}
	s.info.begin(info)
	rows := s.rows(stat, c.now())
	answers, failed, err := c.opt.Client.FetchMore(ctx, address.Network, address.Address, &s.info, rows, commands)
	if err != nil {
		return nil, err
	}
	rows.finish()
	s.meet()
	switch {
	case len(questions) == 0:
	case failed != nil:
		s.trouble("HAProxy does not answer further questions", failed)
	default:
		for i, q := range questions {
			q.take(answers[i])
		}
	}
	return s.files(c.now()), nil
}

// socket is what is remembered of a socket.
type socket struct {
	collector *Collector
	address   string

	mu      sync.Mutex
	info    infoReply
	version version
	life    string    // of the worker that has answered
	until   time.Time // it is asked for nothing before
	said    map[string]bool
	// refused are the kinds of questions that HAProxy refuses, until it is another one.
	refused map[string]bool

	tables, resolvers []byte // the answers of this round
	certificates      certificates
	learning          learning
}

// question is a command and what is done with its answer.
type question struct {
	command string
	take    func(answer []byte)
}

// questions returns what is asked in this round. HAProxy must have told its version: earlier
// ones take the words of a command that they do not know for those of another one.
func (s *socket) questions(now time.Time) []question {
	s.tables, s.resolvers = nil, nil
	if s.version == (version{}) || now.Before(s.until) {
		return nil
	}
	o := &s.collector.opt
	var all []question
	if o.StickTables && !s.refused["stick-tables"] {
		all = append(all, question{"show table", func(answer []byte) {
			s.tables = s.proper("stick-tables", answer, haproxy.TableBegin)
		}})
	}
	if o.Resolvers && !s.refused["resolvers"] && s.version.atLeast(2, 4) {
		all = append(all, question{"show stat domain resolvers", func(answer []byte) {
			s.resolvers = s.proper("resolvers", answer, haproxy.ResolversBegin)
		}})
	}
	if o.Certificates && !s.refused["certificates"] && s.version.atLeast(2, 2) {
		all = append(all, s.certificates.questions(s, now)...)
	}
	if o.Learn && s.version.atLeast(1, 7) {
		all = append(all, s.learning.questions()...)
	}
	return all
}

// proper returns an answer that begins as it should; nil for any other one, whose kind is not
// asked for again.
func (s *socket) proper(kind string, answer []byte, begins string) []byte {
	text := haproxy.Refusal(answer, begins)
	if text == "" {
		return answer
	}
	hint := ""
	if kind == "certificates" {
		hint = "Give the stats socket the level operator: HAProxy tells no one else"
	}
	s.refuse(kind, text, hint)
	return nil
}

// refuse leaves a kind of question out until HAProxy is another one.
func (s *socket) refuse(kind, text, hint string) {
	if s.refused == nil {
		s.refused = make(map[string]bool)
	}
	s.refused[kind] = true
	if s.once("refused " + kind) {
		args := []any{"socket", s.address, "collect", kind, "answer", text}
		if hint != "" {
			args = append(args, "hint", hint)
		}
		s.collector.log.Warn("HAProxy refuses what collect asks for, it is left out", args...)
	}
}

// trouble leaves the socket alone for a while.
func (s *socket) trouble(message string, err error) {
	s.until = s.collector.now().Add(truce)
	if s.once(message) {
		s.collector.log.Warn("answers beside show stat can't be used, they are left out", "socket", s.address, "error", fmt.Errorf("%s: %w", message, err))
	}
}

// once reports whether something is said for the first time.
func (s *socket) once(what string) bool {
	if s.said[what] {
		return false
	}
	s.said[what] = true
	return true
}

// meet takes what the reply to `show info` has said.
func (s *socket) meet() {
	v, life := s.info.identity()
	if v != s.version {
		s.version, s.refused = v, nil
		s.said = make(map[string]bool)
	}
	if life != s.life {
		s.life = life
		s.certificates.again()
		s.refused = nil
	}
}

// files returns the files for the snapshot.
func (s *socket) files(now time.Time) []pull.File {
	var all []pull.File
	add := func(suffix string, data []byte) {
		if len(data) > 0 {
			all = append(all, pull.File{Suffix: suffix, Data: data})
		}
	}
	add(snapshot.TablesSuffix, s.tables)
	add(snapshot.ResolversSuffix, s.resolvers)
	if s.collector.opt.Certificates && !s.refused["certificates"] {
		add(snapshot.CertificatesSuffix, s.certificates.text())
	}
	info, stat := s.learning.texts(now)
	add(snapshot.InfoTypedSuffix, info)
	add(snapshot.StatTypedSuffix, stat)
	return all
}

// version is the version of HAProxy.
type version struct {
	major, minor int64
	text         string
}

func (v version) atLeast(major, minor int64) bool {
	return v.major > major || v.major == major && v.minor >= minor
}

func parseVersion(text string) version {
	majorText, rest, _ := strings.Cut(text, ".")
	end := strings.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' })
	if end < 0 {
		end = len(rest)
	}
	major, _ := haproxy.Number([]byte(majorText))
	minor, _ := haproxy.Number([]byte(rest[:end]))
	return version{major, minor, text}
}

// infoReply keeps a reply to `show info` while it passes it on.
type infoReply struct {
	to   io.Writer
	text []byte

	// version and life are those of the first read bytes of the text.
	version version
	life    string
	read    int
}

func (r *infoReply) begin(to io.Writer) { r.to, r.text, r.read = to, r.text[:0], -1 }

// Write implements [io.Writer].
func (r *infoReply) Write(p []byte) (int, error) {
	r.text = append(r.text, p...)
	return r.to.Write(p)
}

// each calls f with each field.
func (r *infoReply) each(f func(name string, value []byte)) {
	var s haproxy.InfoScanner
	s.Reset(strings.NewReader(string(r.text)))
	for s.Next() {
		f(string(s.Key()), s.Value())
	}
}

// identity returns the version of HAProxy, and what tells its workers apart.
func (r *infoReply) identity() (version, string) {
	if r.read == len(r.text) {
		return r.version, r.life
	}
	r.version, r.life, r.read = version{}, "", len(r.text)
	r.each(func(name string, value []byte) {
		switch name {
		case "Version":
			r.version = parseVersion(string(value))
		case "Pid", "Start_time_sec":
			r.life += string(value) + " "
		}
	})
	return r.version, r.life
}
