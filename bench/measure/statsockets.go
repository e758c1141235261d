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

// serveSockets opens n UNIX sockets below dir. Each serves one process of the
// snapshot in turn, from memory. The returned function ends them.
func serveSockets(ctx context.Context, dir string, n int, files []workload.File) (stop func() error, err error) {
	server := &haproxysim.Server{}
	for i := range n {
		pair := filesOf(files, i)
		socket := haproxysim.NewSocket(haproxysim.Recording{Info: pair[0].Data, Stat: pair[1].Data})
		socket.SetSizes(pieceSize)
		if _, err := server.Listen("unix", filepath.Join(dir, fmt.Sprintf("proc%02d.sock", i)), socket); err != nil {
			return nil, errors.Join(err, server.Close())
		}
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx) }()
	return func() error {
		if err := server.Close(); err != nil {
			return err
		}
		return <-ended
	}, nil
}

// filesOf returns the info and the stat that the nth socket serves.
func filesOf(files []workload.File, n int) []workload.File { return files[2*n%len(files):][:2] }
