//go:build !linux || portable

package status

import (
	"strings"
	"testing"
)

const takesLongPaths = false

// thisClient is what the kernel tells of this process: nothing.
func thisClient() client { return client{} }

func TestLongPathIsRefused(t *testing.T) {
	path := longPath(t)
	for what, err := range map[string]error{"listen": func() error { _, err := Listen(path, nil); return err }(), "ask": func() error { _, err := asked(t, path); return err }()} {
		if err == nil || !strings.Contains(err.Error(), "a UNIX socket has at most 103 on this system: use a shorter one") {
			t.Errorf("%s: %v", what, err)
		}
	}
}
