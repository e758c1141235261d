package app

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"haproxystats/internal/config"
	"haproxystats/internal/printable"
)

// flushLimit bounds the wait for the reader of the log when the program ends.
const flushLimit = 400 * time.Millisecond

// Log is the log of a program.
type Log struct {
	*slog.Logger
	// Dropped returns the number of messages since the start that were dropped because
	// the log was not read. Nil means that none are dropped.
	Dropped func() int64
	// level and json are what a reload may change; nil where there is none.
	level *slog.LevelVar
	json  *atomic.Bool
}

// set changes the level and the format.
func (l Log) set(level slog.Level, format config.LogFormat) {
	if l.level != nil {
		l.level.Set(level)
		l.json.Store(format == config.LogJSON)
	}
}

// dropped returns the number of dropped messages.
func (l Log) dropped() int64 {
	if l.Dropped == nil {
		return 0
	}
	return l.Dropped()
}

// openLog returns a log that never waits for the reader of w. Closing it waits for at
// most flushLimit.
func openLog(w io.Writer, format config.LogFormat, level slog.Level, journal bool) (log Log, closeLog func()) {
	log = Log{level: new(slog.LevelVar), json: new(atomic.Bool)}
	logger := func(w io.Writer, level slog.Leveler) *slog.Logger {
		return slog.New(&eitherHandler{
			json:   log.json,
			asJSON: newLogger(w, config.LogJSON, level, journal).Handler(),
			asText: newLogger(w, config.LogText, level, journal).Handler(),
		})
	}
	log.set(level, format)
	q := newLogQueue(w, func(lines int) []byte {
		var line bytes.Buffer
		logger(&line, slog.LevelWarn).Warn("log messages were dropped, because the log was not read", "messages", lines)
		return line.Bytes()
	})
	log.Logger, log.Dropped = logger(q, log.level), q.total.Load
	return log, func() { q.Close(flushLimit) }
}

// eitherHandler writes in one of two formats, which a reload may change.
type eitherHandler struct {
	json           *atomic.Bool
	asJSON, asText slog.Handler
}

func (h *eitherHandler) present() slog.Handler {
	if h.json.Load() {
		return h.asJSON
	}
	return h.asText
}

// Enabled implements [slog.Handler].
func (h *eitherHandler) Enabled(ctx context.Context, l slog.Level) bool {
	return h.present().Enabled(ctx, l)
}

// Handle implements [slog.Handler].
func (h *eitherHandler) Handle(ctx context.Context, r slog.Record) error {
	return h.present().Handle(ctx, r)
}

// WithAttrs implements [slog.Handler].
func (h *eitherHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &eitherHandler{h.json, h.asJSON.WithAttrs(attrs), h.asText.WithAttrs(attrs)}
}

// WithGroup implements [slog.Handler].
func (h *eitherHandler) WithGroup(name string) slog.Handler {
	return &eitherHandler{h.json, h.asJSON.WithGroup(name), h.asText.WithGroup(name)}
}

// newLogger returns a logger that writes one line for each message. With journal,
// each line begins with its priority, as systemd's journal expects it, and has no
// time, which the journal adds. Text shows durations with their unit; JSON shows
// seconds, with the unit in the attribute's name.
func newLogger(w io.Writer, format config.LogFormat, level slog.Leveler, journal bool) *slog.Logger {
	options := &slog.HandlerOptions{
		Level: level,
		ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
			if format == config.LogJSON && a.Value.Kind() == slog.KindDuration {
				return slog.Float64(a.Key+"_seconds", a.Value.Duration().Seconds())
			}
			if len(groups) > 0 {
				return a
			}
			switch {
			case a.Key == slog.TimeKey && journal:
				return slog.Attr{}
			case a.Key == slog.LevelKey && a.Value.Any() == config.LevelCritical:
				return slog.String(slog.LevelKey, "CRITICAL")
			}
			return a
		},
	}
	lines := func(w io.Writer) slog.Handler {
		if format == config.LogJSON {
			return slog.NewJSONHandler(printable.JSON(w), options)
		}
		return slog.NewTextHandler(w, options)
	}
	if !journal {
		return slog.New(lines(w))
	}
	out := &journalWriter{w: w}
	return slog.New(&journalHandler{out: out, lines: lines(&out.line)})
}

// journalHandler puts syslog's priority before each line, in the form
// "<6>": see sd-daemon(3).
type journalHandler struct {
	out   *journalWriter
	lines slog.Handler // writes into out.line
}

type journalWriter struct {
	mu   sync.Mutex
	line bytes.Buffer
	w    io.Writer
}

func (h *journalHandler) Enabled(ctx context.Context, l slog.Level) bool {
	return h.lines.Enabled(ctx, l)
}

func (h *journalHandler) Handle(ctx context.Context, r slog.Record) error {
	h.out.mu.Lock()
	defer h.out.mu.Unlock()
	h.out.line.Reset()
	fmt.Fprintf(&h.out.line, "<%d>", priority(r.Level))
	if err := h.lines.Handle(ctx, r); err != nil {
		return err
	}
	_, err := h.out.w.Write(h.out.line.Bytes())
	return err
}

func (h *journalHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &journalHandler{h.out, h.lines.WithAttrs(attrs)}
}

func (h *journalHandler) WithGroup(name string) slog.Handler {
	return &journalHandler{h.out, h.lines.WithGroup(name)}
}

// priority is syslog's number for a level.
func priority(l slog.Level) int {
	switch {
	case l >= config.LevelCritical:
		return 2
	case l >= slog.LevelError:
		return 3
	case l >= slog.LevelWarn:
		return 4
	case l >= slog.LevelInfo:
		return 6
	}
	return 7
}

// isJournal reports whether w is the stream to the journal that systemd made for
// this program, which it names by device and inode in JOURNAL_STREAM.
func isJournal(w io.Writer, stream string) bool {
	f, ok := w.(*os.File)
	if !ok || stream == "" {
		return false
	}
	var st unix.Stat_t
	if unix.Fstat(int(f.Fd()), &st) != nil {
		return false
	}
	return stream == fmt.Sprintf("%d:%d", st.Dev, st.Ino)
}
