package config

import (
	"slices"
	"testing"
)

func TestPrograms(t *testing.T) {
	node := []Program{ForPull, ForProcess}
	all := []Program{ForPull, ForProcess, ForCentral}
	central := []Program{ForCentral}
	for _, tt := range []struct {
		text string
		want []Program
	}{
		{"", node},
		{"[process]\nworkers = 2\n", node},
		{"[node a]\ncluster = eu\nservers = tcp://a:1\n", central},
		{"[central]\nkafka = true\n[process]\nworkers = 2\n[pull]\ntimeout = 2\n", central},
		{"[node a]\ncluster = eu\n[pull]\nsocket-dir = /run/haproxy\n", all},
		{"[central]\nkafka = true\n[process]\nsrc-dir = /in\n", all},
		{"[central]\nkafka = false\n[cluster]\ninterval = 10\n", node},
	} {
		loaded, _ := Load(ForPull, Files{File: write1(t, tt.text), Required: true})
		if got := loaded.Programs(); !slices.Equal(got, tt.want) {
			t.Errorf("%q: got %v, want %v", tt.text, got, tt.want)
		}
	}
}

// TestShippedFileIsQuiet: the file that packages install has options that take effect only
// with others, at their defaults.
func TestShippedFileIsQuiet(t *testing.T) {
	for _, program := range []Program{ForPull, ForProcess, ForCentral} {
		loaded, err := Load(program, Files{File: "../../haproxystats.conf", Required: true})
		if err != nil {
			t.Error(err)
		}
		for _, w := range loaded.Warnings {
			t.Errorf("%s: got the warning %v, want none", program, w)
		}
	}
}
