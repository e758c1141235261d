package app

import (
	"context"
	"errors"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"haproxystats/internal/config"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestJournal has stderr be the stream that systemd has made.
func TestJournal(t *testing.T) {
	stderr, st := journalFile(t)
	t.Setenv("JOURNAL_STREAM", streamOf(st))
	p := Pull("test")
	p.Work = func(context.Context, *config.Loaded, *Supervisor, *Reloads, Log) error { return errors.New("no disk") }
	if err := p.Run(new(config.Loaded), "test", stderr); !errors.Is(err, ErrLogged) {
		t.Errorf("got %v, want %v", err, ErrLogged)
	}
	got := string(readFile(t, stderr.Name()))
	if !strings.HasPrefix(got, "<6>level=INFO msg=started ") || !strings.HasSuffix(got, "\n<2>level=CRITICAL msg=\"ended by an error\" error=\"no disk\"\n") {
		t.Errorf("got\n%s", got)
	}
}
