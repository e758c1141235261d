package pull

import (
	"log/slog"
	"net"
	"path/filepath"
	"reflect"
	"testing"
)

func TestTargetsAreThoseOfARound(t *testing.T) {
	dir := t.TempDir()
	l, err := net.Listen("unix", filepath.Join(dir, "a.sock"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	p := Puller{
		SocketDir: dir,
		Servers:   []Socket{{"unix", filepath.Join(dir, ".", "a.sock")}, {"tcp", "LB-01:5555"}},
		Log:       slog.New(slog.DiscardHandler),
	}
	got, err := p.Targets()
	if err != nil {
		t.Fatal(err)
	}
	want := []Target{
		{Socket{"unix", filepath.Join(dir, "a.sock")}, "a.sock", nil, true},
		{Socket{"tcp", "LB-01:5555"}, "lb-01:5555", nil, true},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
