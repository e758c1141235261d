package integration

import (
	"context"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"haproxystats/internal/haproxysim"
)

// testdata is the folder of recordings.
const testdata = "../../testdata"

func recordings(s *site, snapshot string) map[string]haproxysim.Recording {
	s.t.Helper()
	r, err := haproxysim.Load(os.DirFS(filepath.Join(testdata, snapshot)))
	s.must(err)
	return r
}

// simulator is the sockets of a simulated fleet, by the names of their files.
type simulator struct {
	sockets map[string]*haproxysim.Socket
	server  haproxysim.Server
}

// run answers connections until the test ends.
func (sim *simulator) run(s *site) {
	ctx, cancel := context.WithCancel(context.Background())
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := sim.server.Run(ctx); err != nil {
			s.t.Error(err)
		}
	})
	s.t.Cleanup(func() {
		cancel()
		serving.Wait()
	})
}

// simUnix serves every recording over a UNIX socket in socket-dir that has its
// name.
func simUnix(s *site, all map[string]haproxysim.Recording) (*fleet, *simulator) {
	s.t.Helper()
	sim := &simulator{sockets: make(map[string]*haproxysim.Socket)}
	f := &fleet{socketDir: s.mkdir("run"), drifts: func(string) bool { return false }}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		sim.listen(s, f, all[name], "unix", filepath.Join(f.socketDir, name))
	}
	sim.run(s)
	return f, sim
}

// simFleet serves recordings over the same kinds of socket as realFleet does
// for instances.
func simFleet(s *site, all map[string]haproxysim.Recording) *fleet {
	s.t.Helper()
	sim := &simulator{sockets: make(map[string]*haproxysim.Socket)}
	f := &fleet{socketDir: s.mkdir("run"), drifts: func(string) bool { return false }}
	for i, name := range slices.Sorted(maps.Keys(all)) {
		network, address := "unix", filepath.Join(f.socketDir, name)
		switch {
		case i == 1:
			network, address = "tcp", "127.0.0.1:0"
		case i == 2 && hasIPv6():
			network, address = "tcp", "[::1]:0"
		}
		sim.listen(s, f, all[name], network, address)
	}
	sim.run(s)

	f.work = func(context.Context) error {
		// Each member takes over what the next one has counted.
		first := all[slices.Min(slices.Collect(maps.Keys(all)))]
		names := slices.Sorted(maps.Keys(all))
		for i, name := range names {
			if i+1 < len(names) {
				all[name] = all[names[i+1]]
			} else {
				all[name] = first
			}
			sim.sockets[f.members[i].name].SetRecording(all[name])
		}
		return nil
	}
	f.connections = func(context.Context) (map[string]int, error) {
		counts := make(map[string]int)
		for name, socket := range sim.sockets {
			counts[name] = socket.Connections()
		}
		return counts, nil
	}
	f.freeze = func() (func(), error) {
		release := make(chan struct{})
		socket := sim.sockets[f.members[0].name]
		socket.SetFault(haproxysim.Fault{Kind: haproxysim.Stall, Release: release})
		return func() {
			socket.SetFault(haproxysim.Fault{})
			close(release)
		}, nil
	}
	return f
}

// listen adds a member to the fleet that answers from a recording.
func (sim *simulator) listen(s *site, f *fleet, r haproxysim.Recording, network, address string) {
	s.t.Helper()
	socket := haproxysim.NewSocket(r)
	bound, err := sim.server.Listen(network, address, socket)
	s.must(err)
	m := member{name: filepath.Base(bound), network: network, address: bound}
	if network == "tcp" {
		host, port, err := net.SplitHostPort(bound)
		s.must(err)
		m.name = host + ":" + port
		f.servers = append(f.servers, "tcp://"+bound)
	}
	f.members = append(f.members, m)
	sim.sockets[m.name] = socket
}

func hasIPv6() bool {
	l, err := net.Listen("tcp", "[::1]:0")
	return err == nil && l.Close() == nil
}
