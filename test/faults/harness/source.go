package harness

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"

	"haproxystats/internal/haproxysim"
	"haproxystats/internal/snapshot"
)

// Source serves stats sockets whose every value follows from the socket, the
// name, the field and the round. Each connection to a socket is a round of its
// own.
type Source struct {
	Shape Shape
	Dir   string // of the sockets

	paths   []expectation
	place   map[string]int // of a path in paths
	sockets []*Socket
}

// Socket is one stats socket.
type Socket struct {
	Path string

	source *Source
	number int

	mu     sync.Mutex
	rounds int64
	fault  haproxysim.Fault
	edit   func(info, stat []byte) ([]byte, []byte)
}

// NewSource returns a source that serves nothing: [Socket.Tell] says what its
// sockets would.
func NewSource(shape Shape) *Source {
	shape = shape.orDefault()
	src := &Source{Shape: shape, paths: shape.expectations(), place: make(map[string]int)}
	for i, e := range src.paths {
		src.place[e.path] = i
	}
	for n := range shape.Sockets {
		src.sockets = append(src.sockets, &Socket{Path: fmt.Sprintf("p%d.sock", n+1), source: src, number: n})
	}
	return src
}

// Source starts to serve sockets in a directory of their own.
func (s *Site) Source(shape Shape) *Source {
	s.T.Helper()
	src := NewSource(shape)
	src.Dir = s.Mkdir("run")
	ctx, cancel := context.WithCancel(context.Background())
	var serving sync.WaitGroup
	s.T.Cleanup(func() {
		cancel()
		serving.Wait()
	})
	for _, socket := range src.sockets {
		socket.Path = filepath.Join(src.Dir, socket.Path)
		l, err := net.Listen("unix", socket.Path)
		s.Must(err)
		context.AfterFunc(ctx, func() { _ = l.Close() })
		serving.Go(func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				serving.Go(func() { socket.serve(ctx, c) })
			}
		})
	}
	return src
}

func (k *Socket) serve(ctx context.Context, c net.Conn) {
	info, stat := k.Tell()
	k.mu.Lock()
	fault, edit := k.fault, k.edit
	k.mu.Unlock()
	if edit != nil {
		info, stat = edit(info, stat)
	}
	sim := haproxysim.NewSocket(haproxysim.Recording{Info: info, Stat: stat})
	sim.SetSizes(16384)
	sim.SetFault(fault)
	sim.Serve(ctx, c)
}

// Tell begins a round and returns what the socket says in it.
func (k *Socket) Tell() (info, stat []byte) {
	k.mu.Lock()
	k.rounds++
	round := k.rounds
	k.mu.Unlock()
	return k.source.Shape.Replies(k.number, round)
}

// Socket returns the socket of a number, from 0 on.
func (src *Source) Socket(n int) *Socket { return src.sockets[n] }

// Rounds returns how often the socket was asked.
func (k *Socket) Rounds() int64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.rounds
}

// SetFault sets the fault of later connections.
func (k *Socket) SetFault(f haproxysim.Fault) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.fault = f
}

// SetEdit has the replies of later connections changed; nil ends that.
func (k *Socket) SetEdit(edit func(info, stat []byte) ([]byte, []byte)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.edit = edit
}

// Paths returns how many lines every snapshot gives, the program's own metrics
// not counted.
func (src *Source) Paths() int { return len(src.paths) }

// Snapshot returns the files of a snapshot in which every socket was in that
// round, by name.
func (src *Source) Snapshot(round int64) map[string][]byte {
	files := make(map[string][]byte)
	for n, k := range src.sockets {
		info, stat := src.Shape.Replies(n, round)
		name := filepath.Base(k.Path)
		files[name+snapshot.InfoSuffix], files[name+snapshot.StatSuffix] = info, stat
	}
	return files
}

// WriteSnapshot writes such files into a new directory, without any care.
func (src *Source) WriteSnapshot(dir string, round int64) error {
	if err := os.Mkdir(dir, 0o750); err != nil {
		return err
	}
	for name, content := range src.Snapshot(round) {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o640); err != nil {
			return err
		}
	}
	return nil
}

// expected returns the value of a path in those rounds of the sockets.
func (src *Source) expected(at int, rounds []int64) float64 {
	switch e := &src.paths[at]; e.kind {
	case round:
		return float64(rounds[e.socket])
	case one:
		return float64(value(e.socket, e.key, rounds[e.socket]))
	case mean:
		var total int64
		for _, r := range rounds {
			total += r
		}
		return float64(total) / float64(len(rounds))
	case constant:
		return e.number
	}
	var total int64
	for n, r := range rounds {
		total += value(n, src.paths[at].key, r)
	}
	return float64(total)
}
