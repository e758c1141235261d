package faults

import (
	"net"

	"haproxystats/test/faults/harness"
)

// abandoned makes the file of a socket that nobody listens on, as HAProxy leaves
// it behind.
func abandoned(s *harness.Site, path string) {
	s.T.Helper()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	s.Must(err)
	l.SetUnlinkOnClose(false)
	s.Must(l.Close())
}
