package doctor

import (
	"errors"
	"net"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPrometheus(t *testing.T) {
	for _, c := range []struct {
		name string
		at   Endpoint
		want []Verdict
	}{
		{"free", Endpoint{}, []Verdict{OK}},
		{"ours", Endpoint{Taken: true, Ours: true}, []Verdict{OK}},
		{"another's", Endpoint{Taken: true}, []Verdict{Error}},
		{"not ours yet", Endpoint{Ours: true}, []Verdict{Error}},
		{"no address of this host", Endpoint{Err: errors.New("no route to host")}, []Verdict{Error}},
		{"open to all", Endpoint{Open: true}, []Verdict{OK, Warning}},
		{"passwords in the clear", Endpoint{Taken: true, Ours: true, Plain: true}, []Verdict{OK, Warning}},
	} {
		var got []Verdict
		for _, f := range Prometheus(c.at) {
			got = append(got, f.Verdict)
			if f.Verdict != OK && f.Remedy == "" {
				t.Errorf("%s: %q has no remedy", c.name, f.Text)
			}
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s: want -, got +\n%s", c.name, d)
		}
	}
}

func TestIsTaken(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []bool{true, false} {
		got, err := isTaken(t.Context(), l.Addr().String())
		if got != want || err != nil {
			t.Errorf("got %t (%v), want %t", got, err, want)
		}
		l.Close()
	}
}
