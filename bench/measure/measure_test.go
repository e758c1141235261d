package measure

import (
	"context"
	"strings"
	"testing"
	"time"

	"haproxystats/bench/workload"
)

func pool(t *testing.T) *Pool {
	t.Helper()
	p, err := NewPool(workload.S, 1)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestProcess(t *testing.T) {
	trial, err := Process(t.Context(), fake(t, "process"), pool(t), 2, 4)
	if err != nil {
		t.Fatal(err)
	}
	if trial.Lines != 8 {
		t.Errorf("counted %d lines a snapshot, want 8: the fake sends one for each file", trial.Lines)
	}
	if trial.CPU <= 0 || trial.WordCount <= 0 || trial.Peak < 1<<20 {
		t.Errorf("measured nothing: %+v", trial)
	}
}

func TestFirstLine(t *testing.T) {
	took, err := FirstLine(t.Context(), fake(t, "process"), pool(t))
	if err != nil || took <= 0 {
		t.Errorf("FirstLine = %v, %v", took, err)
	}
}

func TestPull(t *testing.T) {
	p := pool(t)
	trial, err := Pull(t.Context(), fake(t, "pull"), p, 6, 1, 2)
	if err != nil {
		t.Fatal(err)
	}
	var want int64
	for i := range 6 {
		for _, f := range filesOf(p.rounds[0], i) {
			want += int64(len(f.Data))
		}
	}
	if trial.Bytes != want {
		t.Errorf("pulled %d bytes a round, want %d", trial.Bytes, want)
	}
	if trial.CPU <= 0 || trial.Peak < 1<<20 {
		t.Errorf("measured nothing: %+v", trial)
	}
}

// TestPullBusy has processes whose replies differ from round to round.
func TestPullBusy(t *testing.T) {
	p := pool(t)
	trial, err := PullBusy(t.Context(), fake(t, "pull"), p, 6, 1, 2)
	if err != nil {
		t.Fatal(err)
	}
	if trial.CPU <= 0 || trial.Bytes <= 0 {
		t.Errorf("measured nothing: %+v", trial)
	}
	first, later := p.live(0, 0), p.live(3, time.Minute)
	if string(first[1].Data) != string(p.rounds[0][1].Data) || string(first[0].Data) != string(later[0].Data) {
		t.Error("want the rows of the first round at the beginning, and one process all the time")
	}
	if string(first[1].Data) == string(later[1].Data) {
		t.Error("want other rows in a later round")
	}
}

// A program that skips work must not look fast.
func TestPullRefusesShortRounds(t *testing.T) {
	_, err := Pull(t.Context(), fake(t, "short"), pool(t), 6, 1, 2)
	if err == nil || !strings.Contains(err.Error(), "in 1 replies, want") {
		t.Errorf("Pull = %v, want an error about the size", err)
	}
}

func TestBrokenProgramShowsItsLog(t *testing.T) {
	for name, run := range map[string]func(Program) error{
		"process": func(p Program) error { _, err := Process(t.Context(), p, pool(t), 1, 1); return err },
		"start":   func(p Program) error { _, err := FirstLine(t.Context(), p, pool(t)); return err },
		"pull":    func(p Program) error { _, err := Pull(t.Context(), p, pool(t), 2, 1, 1); return err },
	} {
		err := run(fake(t, "broken"))
		if err == nil || !strings.Contains(err.Error(), "ended too early") || !strings.Contains(err.Error(), "the fake is broken") {
			t.Errorf("%s: %v, want what the program logged", name, err)
		}
	}
}

func TestCancelledContextEndsATrial(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Pull(ctx, fake(t, "pull"), pool(t), 2, 1, 1000); err == nil {
		t.Error("Pull went on")
	}
}
