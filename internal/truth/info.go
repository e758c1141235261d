package truth

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"sync"

	"haproxystats/internal/catalogue"
	"haproxystats/internal/haproxy"
)

// Info is what the account needs of a reply to `show info`.
type Info struct {
	Instance Instance
	// Exact reports whether the reply has the start time, as from HAProxy 2.4 on. Else
	// it follows from the uptime.
	Exact    bool
	Stopping bool
	Version  string
	// At is the time of the reply in seconds since 1970.
	At int64
	// Uptime is the age of the instance in seconds.
	Uptime int64
	// CurrConns, SessRate and Jobs are levels at the time of the reply.
	CurrConns, SessRate, Jobs int64
	// Counters has the counters by HAProxy's names.
	Counters map[string]int64
}

var (
	// ErrNoInstance means that a reply to `show info` does not tell which process has
	// answered.
	ErrNoInstance = errors.New("the reply has no process identifier or start time")
	// ErrIncomplete means that a reply has no end.
	ErrIncomplete = errors.New("the reply ends without HAProxy's end mark, an empty line")
)

// ReadInfo reads a reply to `show info` of that time.
func ReadInfo(r io.Reader, at int64) (*Info, error) {
	reader := infoReaders.Get().(*infoReader)
	defer infoReaders.Put(reader)
	s, seen := &reader.InfoScanner, reader.seen
	s.Reset(r)
	clear(seen)
	i := &Info{At: at, Uptime: -1, Counters: make(map[string]int64)}
	for s.Next() {
		if key := string(s.Key()); !seen[key] { // the first of a repeated key counts
			seen[key] = true
			i.learn(key, s.Value())
		}
	}
	if err := s.Err(); err != nil {
		return nil, fmt.Errorf("read show info: %w", err)
	}
	if !s.Complete() {
		return nil, fmt.Errorf("read show info: %w", ErrIncomplete)
	}
	if !i.Exact && i.Uptime >= 0 {
		i.Instance.Start = at - i.Uptime
	}
	if i.Instance.Pid <= 0 || i.Instance.Pid > maxPid || i.Instance.Start <= 0 || i.Instance.Start > maxStart {
		return nil, fmt.Errorf("read show info: %w", ErrNoInstance)
	}
	if i.Uptime < 0 {
		i.Uptime = max(0, at-i.Instance.Start)
	}
	return i, nil
}

// infoReader is what reading a reply needs. Workers are asked every second, so it is used
// again.
type infoReader struct {
	haproxy.InfoScanner
	seen map[string]bool
}

var infoReaders = sync.Pool{New: func() any { return &infoReader{seen: make(map[string]bool)} }}

// learn takes one pair of the reply.
func (i *Info) learn(key string, value []byte) {
	if key == "Version" {
		i.Version = string(bytes.ToValidUTF8(value[:min(len(value), 64)], nil))
		return
	}
	n, ok := haproxy.Number(value)
	if !ok {
		return
	}
	switch key {
	case "Pid":
		if n > 0 && n <= maxPid {
			i.Instance.Pid = int(n)
		}
	case "Start_time_sec":
		i.Instance.Start, i.Exact = n, true
	case "Uptime_sec":
		i.Uptime = n
	case "Stopping":
		i.Stopping = n != 0
	case "CurrConns":
		i.CurrConns = n
	case "SessRate":
		i.SessRate = n
	case "Jobs":
		i.Jobs = n
	}
	f, known := catalogue.LookupInfo(key)
	if !known || !f.IsCounter() {
		return
	}
	if n < 0 && n >= math.MinInt32 && f.Nature == catalogue.Counter32 {
		n += 1 << 32 // HAProxy 1.5 shows the upper half as negative numbers
	}
	if n >= 0 {
		i.Counters[key] = n
	}
}

// ageLimit bounds an uptime that counters of seconds may have reached.
func (i *Info) ageLimit() int64 { return i.Uptime + timeSlack }

// mayBePreloaded reports whether the HAProxy can start with the counters of its
// predecessor: stats-file came with 3.0.
func (i *Info) mayBePreloaded() bool {
	major, _, _ := strings.Cut(i.Version, ".")
	n, err := strconv.Atoi(major)
	return err == nil && n >= 3
}

// sessionLimit returns the number of sessions that the instance has had at most by
// itself.
func (i *Info) sessionLimit() int64 { return max(i.Counters["CumReq"], i.Counters["CumConns"]) }
