package doctor

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func TestRunChecksKeepsTheOrder(t *testing.T) {
	first := make(chan struct{})
	r := runChecks(t.Context(), []Check{
		{"slow", time.Minute, func(context.Context) []Finding { <-first; return []Finding{about{"slow", ""}.ok("done")} }},
		{"quick", time.Minute, func(context.Context) []Finding { defer close(first); return []Finding{about{"quick", ""}.ok("done")} }},
	})
	if len(r) != 2 || r[0].Check != "slow" || r[1].Check != "quick" {
		t.Error(r)
	}
}

func TestRunChecksNeverHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		start := time.Now()
		r := runChecks(t.Context(), []Check{
			{"told", 3 * time.Second, func(ctx context.Context) []Finding { <-ctx.Done(); return []Finding{about{"told", ""}.skipped("late")} }},
			{"deaf", 5 * time.Second, func(context.Context) []Finding { <-release; return nil }},
		})
		if took := time.Since(start); took != 6*time.Second || len(r) != 2 {
			t.Errorf("%v after %v", r, took)
		}
		check(t, r[0], Skipped, "late", "")
		check(t, r[1], Error, "no result after 6s", "Look for a disk")
		close(release)
	})
}
