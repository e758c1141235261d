package workers

import (
	"bytes"
	"time"

	"haproxystats/internal/pull"
	"haproxystats/internal/truth"
	"haproxystats/internal/truth/store"
)

// maxInfo bounds the reply to `show info` that a listener keeps.
const maxInfo = 1 << 20

// listener reads the replies of a socket while they arrive.
type listener struct {
	keeper *Keeper
	of     pull.Socket
	name   string
	text   bytes.Buffer // the reply to `show info`
	begun  bool         // the reply to `show stat` has begun
	socket *socket      // nil if the replies are read later
	info   *truth.Info
	heard  *store.Hearing
}

// Listen implements [pull.Accounts].
func (k *Keeper) Listen(s pull.Socket, name string) pull.Listener {
	return &listener{keeper: k, of: s, name: name}
}

// Info implements [pull.Listener].
func (l *listener) Info(p []byte) {
	if l.text.Len() <= maxInfo {
		l.text.Write(p)
	}
}

// Stat implements [pull.Listener].
func (l *listener) Stat(p []byte) {
	if !l.begun {
		l.begun = true
		l.begin()
	}
	if l.heard != nil {
		l.heard.Take(p)
	}
}

// begin finds out whose rows come. If it can't, the round reads them from the snapshot,
// and reports why.
func (l *listener) begin() {
	at := time.Now().Unix()
	info, err := truth.ReadInfo(bytes.NewReader(l.text.Bytes()), at)
	if err != nil {
		return
	}
	l.text = bytes.Buffer{}
	l.socket, l.info = l.keeper.socket(l.of), info
	l.socket.account.Resolve(info)
	l.heard = l.socket.account.Hear(info, func() []*truth.Watch { return l.socket.watches(l.name, info, at) })
}

// End implements [pull.Listener].
func (l *listener) End(err error) {
	if l.heard != nil {
		l.heard.End(err == nil)
	}
	if err != nil && l.socket != nil {
		l.socket.abort()
	}
}

// replies returns the info and the rows that were heard of a socket, or nil.
func (l *listener) replies(s *socket) (*truth.Info, *store.Hearing) {
	if l == nil || l.socket != s {
		return nil, nil
	}
	return l.info, l.heard
}
