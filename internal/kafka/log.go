package kafka

import (
	"context"
	"log/slog"

	"github.com/twmb/franz-go/pkg/kgo"
)

// logger passes the client library's messages on at level debug. The library warns of
// each connection that fails, and its users report what they could not do.
type logger struct{ log *slog.Logger }

func (l logger) Level() kgo.LogLevel {
	if l.log.Enabled(context.Background(), slog.LevelDebug) {
		return kgo.LogLevelInfo
	}
	return kgo.LogLevelNone
}

func (l logger) Log(_ kgo.LogLevel, message string, attributes ...any) {
	l.log.Debug("kafka client reports", append([]any{"message", message}, attributes...)...)
}
