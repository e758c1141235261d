package haproxy

import (
	"fmt"
	"strings"
	"testing"
)

// TestHash: names of every length differ, whatever follows them in memory, and so do rows
// whose names are the same together.
func TestHash(t *testing.T) {
	seen := make(map[uint64]string)
	n := 0
	add := func(typ RowType, proxy, service string) {
		n++
		row := Row{Type: typ, Proxy: []byte(proxy), Service: []byte(service)}
		text := fmt.Sprintf("%d %q %q", typ, proxy, service)
		h := row.Hash()
		if other, ok := seen[h]; ok {
			t.Fatalf("%s and %s have the same hash", text, other)
		}
		seen[h] = text
		around := []byte("x" + proxy + "y")
		if again := (&Row{Type: typ, Proxy: around[1 : len(proxy)+1], Service: []byte(service)}).Hash(); again != h {
			t.Fatalf("%s: got hashes %x and %x, want one", text, h, again)
		}
	}
	const letters = "abcdefghijklmnopqrstuvwxyz"
	for cut := range len(letters) + 1 {
		add(ServerRow, letters[:cut], letters[cut:])
		add(BackendRow, letters[:cut], letters[cut:])
		if cut > 0 {
			add(ServerRow, strings.Repeat("\x00", cut), "")
			add(ServerRow, "", strings.Repeat("\x00", cut))
		}
	}
	for i := range 200 {
		for j := range 500 {
			add(ServerRow, fmt.Sprintf("be-%d", i), fmt.Sprintf("srv-%05d", j))
		}
		add(BackendRow, fmt.Sprintf("be-%d", i), "BACKEND")
		add(ServerRow, fmt.Sprintf("be-%d", i), "BACKEND")
	}
	if len(seen) != n {
		t.Errorf("got %d hashes, want %d", len(seen), n)
	}
	// It is on disk.
	row := Row{Type: ServerRow, Proxy: []byte("shop.example.com"), Service: []byte("web")}
	if got, want := row.Hash(), uint64(0x7960809c2bbcfc85); got != want {
		t.Errorf("got %#x, want %#x", got, want)
	}
}
