package push

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"haproxystats/internal/httpcall"
	"haproxystats/internal/sink"
	"haproxystats/internal/sink/outbox"
)

// transport implements [outbox.Transport].
type transport struct {
	opt    Options
	log    *slog.Logger
	server string // for messages
	// private are values of the operator's headers, which may be keys.
	private []string
	counts  counts

	sending sync.Mutex // one item is sent at a time
	seed    maphash.Seed
	bound   bound // of bodies

	now func() time.Time // by the clock of the system, which may be set

	mu      sync.Mutex
	item    progress
	waiting map[int64]wait // by the epochs of batches that this run has put into the queue
	expired bool           // the log has told that batches are dropped since the last was taken
	notices notices
}

// progress is what has become of the first item of the queue. It is in memory only: after a
// restart all of it is sent again, with the same bytes.
type progress struct {
	epoch           int64
	began           time.Time       // of the first attempt
	settled         map[uint64]bool // bodies that need not be sent again
	taken, rejected int64           // metrics
	barren          int             // bodies in a row of which nothing was taken
}

func newTransport(o Options, log *slog.Logger) *transport {
	return &transport{
		opt: o, log: log, server: hostOf(o.URL), seed: maphash.MakeSeed(), now: time.Now,
		waiting: make(map[int64]wait), notices: notices{log: log},
	}
}

// Send implements [outbox.Transport]. Requests are bounded one by one.
func (t *transport) Send(ctx context.Context, _ int64, write func(io.Writer) error) (peer string, err error) {
	t.sending.Lock()
	defer t.sending.Unlock()
	w := walk{transport: t, ctx: ctx, free: make(chan struct{}, max(1, t.opt.Parallel))}
	d := newDecoder(w.begin, w.frame)
	err = write(d)
	w.running.Wait()
	if err == nil {
		err = d.Close()
	}
	if failed := w.failed(); failed != nil {
		return "", failed
	}
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case err != nil && d.Err() != nil:
		// The item is of another version, which may read it.
		return "", &outbox.ItemError{Err: err}
	case err != nil:
		return "", err
	case w.old:
		return "", t.drop(&w)
	}
	t.finish()
	return t.server, nil
}

// finish counts what has become of the item that was sent.
func (t *transport) finish() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counts.rejected(t.item.rejected)
	t.leaves(t.item.epoch)
	t.item = progress{}
	t.expired = false
}

// drop counts an item that is too old.
func (t *transport) drop(w *walk) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	age := t.age().Round(time.Second)
	err := fmt.Errorf("the batch of %d is %v old, more than max-age (%v)", w.epoch, age, t.opt.MaxAge)
	t.counts.dropped(t.item.taken, t.item.rejected, w.metrics)
	t.leaves(t.item.epoch)
	t.item = progress{}
	if !t.expired {
		t.expired = true
		t.log.Error("metrics are older than max-age and are dropped", "snapshot", w.epoch, "metrics", w.metrics,
			"age", age, "max_age", t.opt.MaxAge)
	}
	return &outbox.ExpiredError{Err: err}
}

// walk goes over the frames of an item.
type walk struct {
	*transport
	ctx     context.Context
	free    chan struct{} // holds a token for each request on its way
	running sync.WaitGroup

	epoch   int64
	codec   codec // of the frames
	old     bool  // the frames are only counted
	metrics int64 // in frames of an old item that nobody has taken

	errMu  sync.Mutex
	err    error // the first one
	broken int   // requests in a row that the destination has failed at
	ended  bool  // no more requests are sent
}

func (w *walk) begin(c codec, epoch int64) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.epoch, w.codec = epoch, c
	if w.item.epoch != epoch || w.item.settled == nil {
		w.item = progress{epoch: epoch, began: time.Now(), settled: make(map[uint64]bool)}
	}
	w.old = w.opt.MaxAge > 0 && w.age() > w.opt.MaxAge
	return nil
}

// frame sends a frame beside others.
func (w *walk) frame(f frame) error {
	if w.codec != w.opt.Format.codec() {
		body, err := w.codec.expand(f.body)
		if err != nil {
			return err
		}
		f = w.newFrame(body, f.metrics)
	}
	if translate := w.opt.Format.Translate; translate != nil {
		if body, ok := translate(f.body); ok {
			f = w.newFrame(body, f.metrics)
		}
	}
	if w.old {
		if !w.isSettled(f.body) {
			w.metrics += int64(f.metrics)
		}
		return nil
	}
	select {
	case w.free <- struct{}{}:
	case <-w.ctx.Done():
		return w.ctx.Err()
	}
	if err := w.over(); err != nil {
		<-w.free
		return err
	}
	f.body = append([]byte(nil), f.body...)
	w.running.Go(func() {
		defer func() { <-w.free }()
		w.note(w.send(w.ctx, w.epoch, f))
	})
	return nil
}

// maxBroken is the number of requests in a row after which a destination that fails at them
// is taken to fail at all. One that it fails at for ever must not cost those behind it.
const maxBroken = 2

// note takes what has become of a frame.
func (w *walk) note(err error) {
	w.errMu.Lock()
	defer w.errMu.Unlock()
	if err == nil {
		w.broken = 0
		return
	}
	if w.err == nil {
		w.err = err
	}
	if errors.As(err, new(*brokenError)) {
		w.broken++
	} else {
		w.ended = true
	}
}

// over returns why no more frames are sent; nil if they are.
func (w *walk) over() error {
	w.errMu.Lock()
	defer w.errMu.Unlock()
	if w.ended || w.broken >= maxBroken {
		return w.err
	}
	return nil
}

func (w *walk) failed() error {
	w.errMu.Lock()
	defer w.errMu.Unlock()
	return w.err
}

// send sends a body until it is settled: taken or rejected, as a whole or in parts. An error
// means that it is to be sent again later.
func (t *transport) send(ctx context.Context, epoch int64, f frame) error {
	if t.isSettled(f.body) {
		return nil
	}
	if t.isOver(f.size) {
		if done, err := t.halves(ctx, epoch, f, nil); done {
			return err
		}
	}
	answer, err := t.call(ctx, f.body)
	if err != nil {
		return err
	}
	switch v, err := t.verdict(answer); v {
	case taken:
		t.fits(f.size)
		rejected, reason := t.judge(answer, f)
		t.settle(epoch, f, max(0, rejected), reason)
		return nil
	case large:
		if f.size > minBody {
			if done, failed := t.halves(ctx, epoch, f, func() { t.smaller(f.size, err) }); done {
				return failed
			}
		}
		t.settle(epoch, f, f.metrics, err)
		return nil
	case refused:
		rejected, reason := t.judge(answer, f)
		if rejected > 0 {
			t.settle(epoch, f, rejected, reason)
			return nil
		}
		floor := t.opt.Format.Floor
		if (rejected < 0 || floor > 0 && f.metrics > floor) && t.isFertile() {
			if done, err := t.halves(ctx, epoch, f, nil); done {
				return err
			}
		}
		t.settle(epoch, f, f.metrics, err)
		return nil
	default:
		return err
	}
}

// maxBarren is the number of refused bodies in a row, none of which is cut any more, after
// which others of their batch are not cut either: the receiver refuses all of it, because it
// is too old, say, and each cut costs two requests.
const maxBarren = 16

func (t *transport) isFertile() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.item.barren < maxBarren
}

// halves sends the two parts of a body, after it has called before. It returns false if the
// body can't be cut.
func (t *transport) halves(ctx context.Context, epoch int64, f frame, before func()) (done bool, err error) {
	whole, err := t.opt.Format.expand(f.body)
	if err != nil {
		return true, fmt.Errorf("the body of a request can't be cut: %w", err)
	}
	first, second, part, ok := t.opt.Format.cut(whole, f.metrics)
	if !ok {
		return false, nil
	}
	if before != nil {
		before()
	}
	if err := t.send(ctx, epoch, t.newFrame(first, part)); err != nil {
		return true, err
	}
	err = t.send(ctx, epoch, t.newFrame(second, f.metrics-part))
	if err == nil {
		t.mark(f.body)
	}
	return true, err
}

// mark records that a body need not be sent again, whose parts are counted.
func (t *transport) mark(body []byte) {
	id := maphash.Bytes(t.seed, body)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.item.settled[id] = true
}

func (t *transport) newFrame(body []byte, metrics int) frame {
	f := frame{metrics: metrics, size: len(body), body: body}
	if compress := t.opt.Format.Compress; compress != nil {
		f.body = compress(nil, body)
	}
	return f
}

func (t *transport) isSettled(body []byte) bool {
	id := maphash.Bytes(t.seed, body)
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.item.settled[id]
}

// settle records that a body need not be sent again.
func (t *transport) settle(epoch int64, f frame, rejected int, reason error) {
	id := maphash.Bytes(t.seed, f.body)
	rejected = min(rejected, f.metrics)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.item.settled[id] = true
	t.item.taken += int64(f.metrics - rejected)
	t.item.rejected += int64(rejected)
	if t.item.barren++; rejected < f.metrics {
		t.item.barren = 0
	}
	if rejected > 0 {
		t.notices.rejected(epoch, rejected, reason)
	}
}

// leftOut counts metrics of bodies that are too long to be sent.
func (t *transport) leftOut(epoch int64, metrics int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counts.skipped(int64(metrics))
	t.notices.rejected(epoch, metrics, errLong)
}

// call sends a request.
func (t *transport) call(ctx context.Context, body []byte) (answered, error) {
	header, secrets, err := t.header()
	if err != nil {
		return answered{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, t.opt.Timeout)
	defer cancel()
	a, err := t.opt.Client.Do(ctx, httpcall.Request{Method: "POST", URL: t.opt.URL, Header: header, Body: body})
	if err != nil {
		return answered{}, fmt.Errorf("%s: %w", t.server, err)
	}
	return answered{a, secrets}, nil
}

// answered is an answer, and what of its request must not be in messages.
type answered struct {
	httpcall.Answer
	secrets []string
}

// header returns the headers of a request, and what must not be in messages about it: what
// logs in, and the query of the address. Files are read for each request, so that they can be
// replaced.
func (t *transport) header() (header map[string]string, secrets []string, err error) {
	secrets = slices.Clone(t.private)
	if _, query, ok := strings.Cut(t.opt.URL, "?"); ok && query != "" {
		secrets = append(secrets, query)
	}
	scheme, code := string(t.opt.Scheme), ""
	switch {
	case t.opt.TokenFile.File != "":
		token, err := t.opt.TokenFile.Read()
		if err != nil {
			return nil, nil, err
		}
		if scheme == "" {
			scheme = string(Bearer)
		}
		code = string(token)
	case t.opt.User != "":
		var password []byte
		if t.opt.PasswordFile.File != "" {
			if password, err = t.opt.PasswordFile.Read(); err != nil {
				return nil, nil, err
			}
			secrets = append(secrets, string(password))
		}
		scheme, code = "Basic", base64.StdEncoding.EncodeToString([]byte(t.opt.User+":"+string(password)))
	default:
		return t.opt.Header, secrets, nil
	}
	header = maps.Clone(t.opt.Header)
	header["Authorization"] = scheme + " " + code
	return header, append(secrets, code), nil
}

// minPrivate is the length, in bytes, from which the value of a header may be a key.
const minPrivate = 8

// privateOf returns the values of headers that must not be in messages.
func privateOf(header map[string]string) (private []string) {
	for _, value := range header {
		if len(value) >= minPrivate {
			private = append(private, value)
		}
	}
	return private
}

// counts are those that the outbox does not have.
type counts struct {
	mu sync.Mutex
	// untaken are metrics of batches that count as delivered.
	untaken, left, droppedBatches, droppedMetrics int64
}

// rejected counts metrics of a delivered batch that the destination did not store.
func (c *counts) rejected(n int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.untaken += n
	c.left += n
}

// skipped counts metrics that are in no batch of the queue.
func (c *counts) skipped(n int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.left += n
}

// dropped counts a batch that was given up, of which some metrics were taken, rejected and
// never sent.
func (c *counts) dropped(taken, rejected, unsent int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.untaken -= taken
	c.left += rejected
	c.droppedBatches++
	c.droppedMetrics += unsent
}

func (c *counts) addTo(s *sink.Status) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s.Metrics -= c.untaken
	s.Skipped += c.left
	if s.Queue != nil {
		s.Queue.DroppedBatches += c.droppedBatches
		s.Queue.DroppedMetrics += c.droppedMetrics
	}
}
