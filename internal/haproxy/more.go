package haproxy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"
)

const (
	// MaxMore bounds the answers to all further questions of a fetch, in bytes.
	MaxMore = 2 << 20
	// morePatience bounds the time for them after the end of the reply to `show stat`.
	morePatience = time.Second
)

// Why there is no answer to further questions.
var (
	// ErrOneCommand means that the socket answers one command for each connection.
	ErrOneCommand = errors.New("the socket answers only one command for each connection")
	// ErrLongAnswer means that the answers exceed [MaxMore].
	ErrLongAnswer = fmt.Errorf("the answers exceed %d bytes", MaxMore)
)

// FetchMore is [Client.Fetch] that asks further commands in the same connection. It returns
// an answer to each, without the empty line that ends it; the last answer is all that
// follows the ones before. Failed is why there are none: it does not affect the replies.
// Those to `show info` and `show stat` never wait for more than a second for the answers.
func (c *Client) FetchMore(ctx context.Context, network, address string, info, stat io.Writer, commands []string) (answers [][]byte, failed, err error) {
	if len(commands) == 0 {
		return nil, nil, c.Fetch(ctx, network, address, info, stat)
	}
	if c.answersOne(network + " " + address) {
		return nil, ErrOneCommand, c.Fetch(ctx, network, address, info, stat)
	}
	m := &moreReply{commands: commands}
	if err := c.fetch(ctx, network, address, info, stat, m); err != nil {
		return nil, nil, err
	}
	answers, failed = m.answers()
	return answers, failed, nil
}

// moreReply collects what follows the reply to `show stat`.
type moreReply struct {
	commands []string
	text     []byte
	asked    bool   // the commands were sent in the connection
	hurry    func() // sets the deadline for the answers
	long     bool
	err      error // what ended the connection
}

// take takes bytes.
func (m *moreReply) take(p []byte) {
	if m.long = m.long || len(m.text)+len(p) > MaxMore; !m.long {
		m.text = append(m.text, p...)
	}
}

// answers returns the answer to each command.
func (m *moreReply) answers() ([][]byte, error) {
	switch {
	case !m.asked:
		return nil, ErrOneCommand
	case m.long:
		return nil, ErrLongAnswer
	case errors.Is(m.err, os.ErrDeadlineExceeded), errors.Is(m.err, context.DeadlineExceeded):
		return nil, ErrTimeout
	case m.err != nil && !errors.Is(m.err, io.EOF):
		return nil, bare(m.err)
	}
	var all [][]byte
	rest := m.text
	for range len(m.commands) - 1 {
		answer, after, ok := cutAnswer(rest)
		if !ok {
			return nil, fmt.Errorf("%d of %d commands were answered", len(all), len(m.commands))
		}
		all, rest = append(all, answer), after
	}
	if len(rest) == 0 {
		return nil, fmt.Errorf("%d of %d commands were answered", len(all), len(m.commands))
	}
	return append(all, slices.Clip(rest)), nil
}

// cutAnswer cuts an answer, which ends with an empty line, from what follows.
func cutAnswer(text []byte) (answer, after []byte, ok bool) {
	if bytes.HasPrefix(text, []byte("\n")) { // it is empty
		return nil, text[1:], true
	}
	end := bytes.Index(text, emptyLineMark)
	if end < 0 {
		return nil, nil, false
	}
	return slices.Clip(text[:end+1]), text[end+len(emptyLineMark):], true
}

// Refusal returns the text of an answer that refuses a command: HAProxy does not know it, or
// the level of the socket does not allow it. It returns "" for any other answer. begins is
// what a proper answer begins with.
func Refusal(answer []byte, begins string) string {
	if len(answer) == 0 || bytes.HasPrefix(answer, []byte(begins)) {
		return ""
	}
	line, _, _ := bytes.Cut(withoutSeverity(answer), []byte("\n"))
	return string(line[:min(len(line), maxText)])
}
