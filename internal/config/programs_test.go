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
		{"[cluster eu]\nnodes = /n\n[process]\nworkers = 2\n[pull]\ntimeout = 2\n", central},
		{"[central]\nnode-metrics = true\n[pull]\nsocket-dir = /run/haproxy\n", all},
		{"[central]\n[process]\nsrc-dir = /in\n", all},
	} {
		loaded, _ := Load(ForPull, Files{File: write1(t, tt.text), Required: true})
		if got := loaded.Programs(); !slices.Equal(got, tt.want) {
			t.Errorf("%q: got %v, want %v", tt.text, got, tt.want)
		}
	}
}
