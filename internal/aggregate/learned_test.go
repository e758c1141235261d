package aggregate

import (
	"testing"

	"haproxystats/internal/learned"
	"haproxystats/internal/metric"
	"haproxystats/internal/snapshot"
)

// learnable returns a snapshot of two processes with fields that the catalogue lacks.
func learnable(typed bool) snapshot.Memory {
	files := snapshot.Memory{}
	for socket, v := range map[string]string{"a": "3", "b": "5"} {
		files[socket+snapshot.InfoSuffix] = []byte("Name: HAProxy\nVersion: 9.0\nPid: " + v + "\nNovel: " + v + "\nNovel_key: " + v + "\n\n")
		files[socket+snapshot.StatSuffix] = []byte("# pxname,svname,stot,type,novel,novel_key,\nwww,FRONTEND,1,0," + v + "," + v + ",\napp,s1,1,2," + v + ",,\n\n")
	}
	if typed {
		files["a"+snapshot.StatTypedSuffix] = []byte("# HAProxy 9.0\nF.2.0.4.novel.1:MMP:u32:3:\"Most\"\nF.2.0.5.novel_key.1:KGP:u32:3\nF.2.0.2.stot.1:MMP:u32:1\n")
		files["a"+snapshot.InfoTypedSuffix] = []byte("# HAProxy 9.0\n1.Novel.1:MmP:u32:3\n2.Novel_key.1:KGP:u32:3\n")
	}
	return files
}

// TestLearned: fields are combined as HAProxy says as soon as it does, and the catalogue
// goes first. In the classic metric set nothing is learned.
func TestLearned(t *testing.T) {
	before := []wanted{
		{metric.Frontend, "", "www", "novel", 8},
		{metric.Frontend, "", "www", "novel_key", 8},
		{metric.Frontend, "", "www", "stot", 2},
		{metric.Server, "app", "s1", "novel", 8},
		{metric.Daemon, "", "", "Novel", 8},
		{metric.Daemon, "", "", "Novel_key", 8},
	}
	after := []wanted{
		{metric.Frontend, "", "www", "novel", 5},
		{metric.Frontend, "", "www", "novel_key", -1},
		{metric.Frontend, "", "www", "stot", 2},
		{metric.Server, "app", "s1", "novel", 8}, // it was not explained
		{metric.Daemon, "", "", "Novel", 3},
		{metric.Daemon, "", "", "Novel_key", -1},
	}
	store := learned.Open(learned.Options{})
	a, other := New(Options{Learned: store, Series: true}), New(Options{Learned: store})
	for i, c := range []struct {
		typed bool
		want  []wanted
	}{{false, before}, {true, after}, {false, after}} {
		a.Reset()
		readInto(t, a, learnable(c.typed))
		b := a.Batch(1)
		check(t, b, c.want)
		shown := 0
		for _, table := range b.Tables {
			if table.Scope() == metric.Learned {
				shown = len(table.Rows())
			}
		}
		if want := min(i, 1) * 4; shown != want {
			t.Errorf("got %d learned fields, want %d", shown, want)
		}
		other.Reset()
		readInto(t, other, learnable(false))
		check(t, other.Batch(1), c.want)
	}
	for _, table := range a.Batch(1).Tables {
		if i := table.Column("novel"); table.Scope() == metric.Frontend && (table.Columns()[i].Nature != metric.Maximum || table.Columns()[i].Help != "Most") {
			t.Errorf("got the column %+v, want a maximum with the text of HAProxy", table.Columns()[i])
		}
	}
	classic := New(Options{Learned: learned.Open(learned.Options{}), Classic: true})
	classic.Reset()
	readInto(t, classic, learnable(true))
	check(t, classic.Batch(1), []wanted{{metric.Frontend, "", "www", "novel", -1}})
}
