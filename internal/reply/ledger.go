package reply

import (
	"io/fs"
	"strings"
	"time"

	"haproxystats/internal/snapshot"
	"haproxystats/internal/truth"
)

// keepLedger passes to c what the ledger knows of the sockets of a snapshot of which nobody
// has kept an account. Replies that can't be used are left to those who read them next.
func (r *Reader) keepLedger(s snapshot.Snapshot, c Accountant) {
	kept := make(map[string]bool)
	var names []string
	if s.Round != nil {
		for _, a := range s.Round.Accounts {
			kept[a.Socket] = true
			names = append(names, a.Socket)
		}
	}
	entries, err := fs.ReadDir(s.Files, ".")
	if err != nil {
		return
	}
	replies := make(map[string]truth.Reply)
	for _, e := range entries {
		socket, ok := strings.CutSuffix(e.Name(), snapshot.InfoSuffix)
		if !ok || kept[socket] || !e.Type().IsRegular() || snapshot.IsHidden(socket) {
			continue
		}
		if said, err := r.said(s, socket); err == nil {
			said.ProxiesOnly = s.Round != nil && s.Round.ProxiesOnly
			replies[socket] = said
		}
	}
	for socket, base := range r.Ledger.Take(s.Cluster+"/"+s.Node, s.Epoch, time.Now().Unix(), replies, names) {
		c.Growth(socket, base)
	}
}

// said reads what a socket has said.
func (r *Reader) said(s snapshot.Snapshot, socket string) (said truth.Reply, err error) {
	info, err := s.Files.Open(socket + snapshot.InfoSuffix)
	if err != nil {
		return said, err
	}
	defer info.Close()
	if said.Info, err = truth.ReadInfo(info, s.Epoch); err != nil {
		return said, err
	}
	stat, err := s.Files.Open(socket + snapshot.StatSuffix)
	if err != nil {
		return said, err
	}
	defer stat.Close()
	said.Stat, err = truth.ReadStat(stat, 0)
	return said, err
}
