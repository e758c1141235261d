package app

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"

	"haproxystats/internal/config"
)

// say logs a message of every level.
func say(log *slog.Logger) {
	for _, level := range []slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError, config.LevelCritical} {
		log.Log(context.Background(), level, "it's so", "value", `a "b"`)
	}
}

func TestLogger(t *testing.T) {
	const tail = ` msg="it's so" value="a \"b\""` + "\n"
	for _, test := range []struct {
		name    string
		format  config.LogFormat
		level   slog.Level
		journal bool
		want    string // without times
	}{
		{
			"text", config.LogText, slog.LevelDebug, false,
			"level=DEBUG" + tail + "level=INFO" + tail + "level=WARN" + tail + "level=ERROR" + tail + "level=CRITICAL" + tail,
		},
		{"warnings", config.LogText, slog.LevelWarn, false, "level=WARN" + tail + "level=ERROR" + tail + "level=CRITICAL" + tail},
		{"critical", config.LogText, config.LevelCritical, false, "level=CRITICAL" + tail},
		{
			"json", config.LogJSON, slog.LevelError, false,
			`{"level":"ERROR","msg":"it's so","value":"a \"b\""}` + "\n" +
				`{"level":"CRITICAL","msg":"it's so","value":"a \"b\""}` + "\n",
		},
		{
			"journal", config.LogText, slog.LevelDebug, true,
			"<7>level=DEBUG" + tail + "<6>level=INFO" + tail + "<4>level=WARN" + tail + "<3>level=ERROR" + tail + "<2>level=CRITICAL" + tail,
		},
		{"journal, json", config.LogJSON, config.LevelCritical, true, `<2>{"level":"CRITICAL","msg":"it's so","value":"a \"b\""}` + "\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var out bytes.Buffer
			say(newLogger(&out, test.format, test.level, test.journal))
			times := regexp.MustCompile(`time=\d{4}-\d\d-\d\dT\S+ |"time":"\d{4}-\d\d-\d\dT[^"]+",`)
			lines := strings.Count(out.String(), "\n")
			if n := len(times.FindAllString(out.String(), -1)); test.journal && n > 0 || !test.journal && n != lines {
				t.Errorf("%d lines with %d times", lines, n)
			}
			if got := times.ReplaceAllString(out.String(), ""); got != test.want {
				t.Errorf("got\n%swant\n%s", got, test.want)
			}
		})
	}
}

// TestLoggerAttributes checks that attributes and groups stay with a logger, and that
// attributes named time and level are not mistaken for those of the record.
func TestLoggerAttributes(t *testing.T) {
	var out bytes.Buffer
	log := newLogger(&out, config.LogText, slog.LevelInfo, true)
	log.With("sink", "graphite").WithGroup("disk").Info("full", "time", "late", "level", config.LevelCritical)
	log.Info("next")
	const want = "<6>level=INFO msg=full sink=graphite disk.time=late disk.level=ERROR+4\n" +
		"<6>level=INFO msg=next\n"
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
}

// TestJournalLinesStayWhole logs from several goroutines at once.
func TestJournalLinesStayWhole(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	log := newLogger(w, config.LogText, slog.LevelInfo, true)
	var logging sync.WaitGroup
	for range 8 {
		logging.Go(func() {
			for range 50 {
				log.Info("message")
			}
		})
	}
	go func() {
		logging.Wait()
		w.Close()
	}()
	got, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	if want := strings.Repeat("<6>level=INFO msg=message\n", 400); string(got) != want {
		t.Errorf("got\n%s", got)
	}
}

// journalFile makes a file to stand for the stream to the journal.
func journalFile(t *testing.T) (*os.File, syscall.Stat_t) {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "journal"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	var st syscall.Stat_t
	if err := syscall.Fstat(int(f.Fd()), &st); err != nil {
		t.Fatal(err)
	}
	return f, st
}

// streamOf names a file as systemd does in JOURNAL_STREAM.
func streamOf(st syscall.Stat_t) string { return fmt.Sprintf("%d:%d", st.Dev, st.Ino) }

func TestIsJournal(t *testing.T) {
	f, st := journalFile(t)
	itself := streamOf(st)
	closed, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	for _, test := range []struct {
		name   string
		w      io.Writer
		stream string
		want   bool
	}{
		{"the journal", f, itself, true},
		{"another file", f, streamOf(syscall.Stat_t{Dev: st.Dev, Ino: st.Ino + 1}), false},
		{"another device", f, streamOf(syscall.Stat_t{Dev: st.Dev + 1, Ino: st.Ino}), false},
		{"no journal", f, "", false},
		{"nonsense", f, "journal", false},
		{"no file", new(bytes.Buffer), itself, false},
		{"closed file", closed, itself, false},
	} {
		if got := isJournal(test.w, test.stream); got != test.want {
			t.Errorf("%s: %v", test.name, got)
		}
	}
}

// TestLoggerHidesNothing logs a name that would reverse the text on a terminal.
func TestLoggerHidesNothing(t *testing.T) {
	for _, format := range []config.LogFormat{config.LogText, config.LogJSON} {
		var out bytes.Buffer
		newLogger(&out, format, slog.LevelInfo, true).Info("socket failed", "socket", "/run/\u202egnp\u2069.sock", "error", fmt.Errorf("\u200b\ufeff"))
		for _, r := range out.String() {
			if r > 0x7e {
				t.Errorf("%v: got %q, want no %U in it", format, out.String(), r)
			}
		}
		for _, want := range []string{`\u202e`, `\u2069`, `\u200b`, `\ufeff`} {
			if !strings.Contains(out.String(), want) {
				t.Errorf("%v: got %q, want %s in it", format, out.String(), want)
			}
		}
	}
}
