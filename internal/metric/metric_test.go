package metric

import (
	"fmt"
	"testing"
)

func TestNames(t *testing.T) {
	got := fmt.Sprint(Daemon, Process, Frontend, Backend, Server, ServerName, Self, Listener, Sum, Mean, Max, MeanKnown, MeanOfActive, Distinct, Min, MinKnown)
	if want := "daemon process frontend backend server server-name self listener sum mean max mean of known mean of the active number of different min min of known"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// TestEveryScopeHasAName: a scope that is added needs its name, and one that a
// newer peer sends must not panic.
func TestEveryScopeHasAName(t *testing.T) {
	for s := range NumScopes {
		if Scope(s).String() == "" {
			t.Errorf("scope %d has no name", s)
		}
	}
	if got, want := Scope(NumScopes).String(), fmt.Sprint("scope ", NumScopes); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestBatchPoints(t *testing.T) {
	var b Batch
	if b.Points() != 0 {
		t.Errorf("%d points in nothing", b.Points())
	}
	for i := range 3 {
		table := NewBuilder(Frontend, testColumns)
		row := table.Row(Entity{Name: "a"})
		table.Touch(row)
		for col := range i {
			table.Add(row, col, 0)
		}
		b.Tables = append(b.Tables, table.Table())
	}
	if b.Points() != 3 {
		t.Errorf("%d points, want 3", b.Points())
	}
}
