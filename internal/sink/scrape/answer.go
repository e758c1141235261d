package scrape

import (
	"bytes"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"

	"haproxystats/internal/encode/prometheus"
	"haproxystats/internal/encode/samples"
)

const (
	// contentType is that of HAProxy's exporter, with the encoding. OpenMetrics would need
	// other names.
	contentType = "text/plain; version=0.0.4; charset=utf-8"

	// statusPath is where the status of the program is.
	statusPath = "/-/status"

	tooMany = "too many answers are being made at the same time"

	// maxKept bounds the compressed answer that is kept for another reader, in bytes,
	// maxQuery the question that it is for, and keptFor the time.
	maxKept  = 16 << 20
	maxQuery = 512
	keptFor  = 10 * time.Second
)

// answerer makes one answer at a time.
type answerer struct {
	encoder *prometheus.Encoder
	gzip    *gzip.Writer
	names   int // the number of changes of the names that the encoder has
}

// answerer returns one that may be used: a, which may be nil, or a new one.
func (s *Sink) answerer(a *answerer) *answerer {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a != nil && a.names == s.names {
		return a
	}
	z, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed) // a level that there is
	return &answerer{prometheus.New(s.opt.Encoding), z, s.names}
}

// kept is a compressed answer.
type kept struct {
	query  string
	latest int64     // the changes of what was shown
	until  time.Time // when it is not the answer any more
	text   []byte
}

func (s *Sink) routes() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			s.refuse(w, http.StatusMethodNotAllowed, "only GET and HEAD are answered")
			return
		}
		switch r.URL.Path {
		case s.opt.Path:
			s.metrics(w, r)
		case "/":
			s.page(w)
		case "/-/healthy":
			s.say(w, http.StatusOK, "healthy\n")
		case "/-/ready":
			if !s.isReady(time.Now()) {
				s.refuse(w, http.StatusServiceUnavailable, "there is no snapshot that is young enough")
				return
			}
			s.say(w, http.StatusOK, "ready\n")
		case statusPath:
			s.programStatus(w)
		default:
			s.refuse(w, http.StatusNotFound, "the metrics are at "+s.opt.Path)
		}
	})
}

func (s *Sink) say(w http.ResponseWriter, status int, text string) {
	s.count(status)
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text)
}

func (s *Sink) page(w http.ResponseWriter) {
	s.count(http.StatusOK)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = io.WriteString(w, "<!DOCTYPE html>\n<title>haproxystats</title>\n<h1>haproxystats</h1>\n<p><a href=\""+s.opt.Path+"\">Metrics</a></p>\n<p><a href=\""+statusPath+"\">Status</a></p>\n")
}

// begin takes an answerer, which may be nil: then none is made yet. If all are in use, it
// refuses the request and returns false.
func (s *Sink) begin(w http.ResponseWriter) (a *answerer, ok bool) {
	select {
	case a = <-s.free:
		return a, true
	default:
		s.refuse(w, http.StatusServiceUnavailable, tooMany)
		return nil, false
	}
}

// programStatus answers with the status of the program. Its documents count among the
// answers that may be made at the same time.
func (s *Sink) programStatus(w http.ResponseWriter) {
	if s.opt.Status == nil {
		s.refuse(w, http.StatusNotFound, "this program has no status")
		return
	}
	a, ok := s.begin(w)
	if !ok {
		return
	}
	defer func() { s.free <- a }()
	var document bytes.Buffer
	if err := s.opt.Status(&document); err != nil {
		s.log.Warn("the status can't be written", "error", err)
		s.refuse(w, http.StatusInternalServerError, "the status can't be written, see the log")
		return
	}
	s.count(http.StatusOK)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(document.Bytes())
}

// metrics answers with the metrics.
func (s *Sink) metrics(w http.ResponseWriter, r *http.Request) {
	selection, err := s.selection(r.URL.RawQuery)
	if err != nil {
		s.refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	compressed := takesGzip(r.Header.Get("Accept-Encoding"))
	if r.Method == http.MethodHead {
		s.count(http.StatusOK)
		s.head(w, compressed)
		return
	}
	a, ok := s.begin(w)
	if !ok {
		return
	}
	defer func() { s.free <- a }()
	a = s.answerer(a)
	begun := time.Now()
	// The bound is one of the server anyway; this one is the reader's patience.
	if patience, ok := patienceOf(r); ok && patience < s.opt.Timeout {
		_ = http.NewResponseController(w).SetWriteDeadline(begun.Add(patience))
	}
	all, latest := s.hold()
	defer s.release(all)
	s.head(w, compressed)
	out := &countingWriter{w: w}
	query := r.URL.RawQuery
	if text := s.keptText(query, latest, begun, compressed); text != nil {
		_, err = out.Write(text)
	} else {
		err = s.encode(out, a, all, selection, compressed, begun, func(text []byte) { s.keep(query, latest, all, begun, text) })
	}
	s.finished(out.n, time.Since(begun), err)
	if err != nil {
		// What the reader has is not all, which a proper end would hide.
		panic(http.ErrAbortHandler)
	}
}

// head writes the header of an answer.
func (s *Sink) head(w http.ResponseWriter, compressed bool) {
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Cache-Control", "no-cache")
	h.Set("Vary", "Accept-Encoding")
	if compressed {
		h.Set("Content-Encoding", "gzip")
	}
}

// encode makes an answer. It hands a compressed one to keep, unless that is too long.
func (s *Sink) encode(
	w io.Writer, a *answerer, all []*batch, selection *samples.Selection, compressed bool, now time.Time, keep func([]byte),
) error {
	var parts []samples.Part
	for _, b := range all {
		parts = append(parts, samples.Part{Batch: &b.Batch, Labels: s.labelsOf(b), Old: s.isOld(b, now)})
	}
	own := func(r samples.Result) []prometheus.Family { return s.families(all, r, now) }
	if !compressed {
		r, err := a.encoder.Encode(w, parts, selection, own)
		s.tell(r)
		return err
	}
	copied := &copier{w: w, text: make([]byte, 0, s.keptSize())}
	a.gzip.Reset(copied)
	r, err := a.encoder.Encode(a.gzip, parts, selection, own)
	s.tell(r)
	if err == nil {
		err = a.gzip.Close()
	}
	if err == nil && !copied.over {
		keep(copied.text)
	}
	return err
}

// labelsOf returns the labels that tell a batch from others.
func (s *Sink) labelsOf(b *batch) []samples.Label {
	if !s.opt.Clusters || b.Cluster == "" {
		return nil // what a program says of itself
	}
	labels := []samples.Label{{Name: "cluster", Value: b.Cluster}}
	if b.Node != "" {
		labels = append(labels, samples.Label{Name: "node", Value: b.Node})
	}
	return labels
}

// keptText returns the answer that is kept for a question; nil for none.
func (s *Sink) keptText(query string, latest int64, now time.Time, compressed bool) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	if k := s.last; compressed && k != nil && k.query == query && k.latest == latest && now.Before(k.until) {
		return k.text
	}
	return nil
}

// keptSize returns the room that the next answer probably needs.
func (s *Sink) keptSize() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last == nil {
		return 0
	}
	return min(len(s.last.text)+len(s.last.text)/8, maxKept)
}

// keep keeps an answer for the next reader.
func (s *Sink) keep(query string, latest int64, all []*batch, now time.Time, text []byte) {
	if len(query) > maxQuery {
		return
	}
	until := now.Add(keptFor)
	for _, b := range all {
		if old := time.Unix(b.Epoch, 0).Add(s.opt.MaxAge); s.opt.MaxAge > 0 && old.After(now) && old.Before(until) {
			until = old
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if latest == s.latest {
		s.last = &kept{query, latest, until, text}
	}
}

// finished counts an answer with metrics.
func (s *Sink) finished(bytes int64, took time.Duration, err error) {
	s.count(http.StatusOK)
	s.counting.Lock()
	defer s.counting.Unlock()
	s.status.Bytes += bytes
	s.took += took
	if err != nil {
		s.status.Failures++
	}
}

// tell logs that series are dropped, once for each change.
func (s *Sink) tell(r samples.Result) {
	s.counting.Lock()
	defer s.counting.Unlock()
	changed := false
	for reason, n := range r.Dropped {
		changed = changed || n > 0 && s.dropped[reason] == 0
	}
	s.dropped = r.Dropped
	if changed {
		s.log.Warn("series exceed max-series and are left out", "shown", r.Series, "dropped", r.Dropped.String())
	}
}

// patienceOf returns how long the reader waits for the whole answer.
func patienceOf(r *http.Request) (time.Duration, bool) {
	f, err := strconv.ParseFloat(r.Header.Get("X-Prometheus-Scrape-Timeout-Seconds"), 64)
	if err != nil || !(f > 0 && f < 1e6) {
		return 0, false
	}
	return time.Duration(f * float64(time.Second)), true
}

// takesGzip reports whether a reader takes compressed answers.
func takesGzip(accepted string) bool {
	for part := range strings.SplitSeq(accepted, ",") {
		name, weight, weighted := strings.Cut(strings.TrimSpace(part), ";")
		if !strings.EqualFold(strings.TrimSpace(name), "gzip") {
			continue
		}
		q, ok := strings.CutPrefix(strings.TrimSpace(weight), "q=")
		f, err := strconv.ParseFloat(q, 64)
		return !weighted || ok && err == nil && f > 0
	}
	return false
}

// countingWriter counts what it writes.
type countingWriter struct {
	w io.Writer
	n int64
}

// Write implements [io.Writer].
func (c *countingWriter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

// copier keeps what it writes, unless that is too long.
type copier struct {
	w    io.Writer
	text []byte
	over bool
}

// Write implements [io.Writer].
func (c *copier) Write(p []byte) (int, error) {
	if c.over = c.over || len(c.text)+len(p) > maxKept; c.over {
		c.text = nil
	} else {
		c.text = append(c.text, p...)
	}
	return c.w.Write(p)
}
