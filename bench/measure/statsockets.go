package measure

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"haproxystats/bench/workload"
	"haproxystats/internal/haproxysim"
)

// pieceSize is HAProxy's own buffer size, in pieces of which it answers.
const pieceSize = 16384

// sockets are UNIX sockets that serve the processes of a snapshot from memory.
type sockets struct {
	server *haproxysim.Server
	all    []*haproxysim.Socket
	ended  chan error
}

// serveSockets opens n sockets below dir. Each serves one process of the snapshot in turn.
func serveSockets(ctx context.Context, dir string, n int, files []workload.File) (*sockets, error) {
	s := &sockets{server: &haproxysim.Server{}, ended: make(chan error, 1)}
	for i := range n {
		socket := haproxysim.NewSocket(recordingOf(files, i))
		socket.SetSizes(pieceSize)
		if _, err := s.server.Listen("unix", filepath.Join(dir, fmt.Sprintf("proc%02d.sock", i)), socket); err != nil {
			return nil, errors.Join(err, s.server.Close())
		}
		s.all = append(s.all, socket)
	}
	go func() { s.ended <- s.server.Run(ctx) }()
	return s, nil
}

// serve makes the sockets serve another snapshot.
func (s *sockets) serve(files []workload.File) {
	for i, socket := range s.all {
		socket.SetRecording(recordingOf(files, i))
	}
}

// stop ends the sockets.
func (s *sockets) stop() error {
	if err := s.server.Close(); err != nil {
		return err
	}
	return <-s.ended
}

// size returns the size of what the sockets serve of a snapshot.
func (s *sockets) size(files []workload.File) (size int64) {
	for i := range s.all {
		for _, f := range filesOf(files, i) {
			size += int64(len(f.Data))
		}
	}
	return size
}

func recordingOf(files []workload.File, n int) haproxysim.Recording {
	pair := filesOf(files, n)
	return haproxysim.Recording{Info: pair[0].Data, Stat: pair[1].Data}
}

// filesOf returns the info and the stat that the nth socket serves.
func filesOf(files []workload.File, n int) []workload.File { return files[2*n%len(files):][:2] }
