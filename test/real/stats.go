package real

import (
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"net"
	"strings"
	"time"
)

// A reply is bounded in time and size.
const (
	askTimeout  = time.Minute
	askMaxReply = 64 << 20
)

// Row is one row of `show stat`, by column.
type Row map[string]string

// Ask sends one command line to a stats socket and returns the whole reply.
func Ask(ctx context.Context, network, addr, command string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	var d net.Dialer
	c, err := d.DialContext(ctx, network, addr)
	if err != nil {
		return "", err
	}
	defer c.Close()
	deadline, _ := ctx.Deadline()
	if err := c.SetDeadline(deadline); err != nil {
		return "", err
	}
	if _, err := io.WriteString(c, command+"\n"); err != nil {
		return "", fmt.Errorf("ask %s for %s: %w", addr, command, err)
	}
	b, err := io.ReadAll(io.LimitReader(c, askMaxReply))
	if err != nil {
		return "", fmt.Errorf("ask %s for %s: %w", addr, command, err)
	}
	return string(b), nil
}

// Info returns what `show info` says, by key.
func (h *HAProxy) Info(ctx context.Context) (map[string]string, error) {
	reply, err := Ask(ctx, "unix", h.Socket, "show info")
	if err != nil {
		return nil, err
	}
	info := make(map[string]string)
	for line := range strings.Lines(reply) {
		if key, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), ": "); ok {
			info[key] = value
		}
	}
	return info, nil
}

// Stat returns the rows of `show stat`.
func (h *HAProxy) Stat(ctx context.Context) ([]Row, error) {
	reply, err := Ask(ctx, "unix", h.Socket, "show stat")
	if err != nil {
		return nil, err
	}
	records, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(reply, "# "))).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("read show stat of %s: %w", h.Socket, err)
	}
	if len(records) == 0 {
		return nil, fmt.Errorf("read show stat of %s: no header", h.Socket)
	}
	rows := make([]Row, 0, len(records)-1)
	for _, record := range records[1:] {
		row := make(Row, len(record))
		for i, v := range record {
			row[records[0][i]] = v
		}
		rows = append(rows, row)
	}
	return rows, nil
}
