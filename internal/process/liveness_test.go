package process

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// stuckFile blocks when it is read.
type stuckFS struct {
	fs.FS
	read func()
}

type stuckFile struct {
	fs.File
	read func()
}

func (f stuckFS) Open(name string) (fs.File, error) {
	file, err := f.FS.Open(name)
	return stuckFile{file, f.read}, err
}

func (f stuckFile) Read(p []byte) (int, error) {
	f.read()
	return f.File.Read(p)
}

func readAll(_ int64, files fs.FS) error {
	for _, name := range []string{"a_info", "a_stat"} {
		f, err := files.Open(name)
		if err != nil {
			return err
		}
		defer f.Close()
		if _, err := io.Copy(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{f}); err != nil {
			return err
		}
	}
	return nil
}

// TestStalled checks that Run ends when a worker is stuck in any step.
func TestStalled(t *testing.T) {
	tests := []struct {
		name string
		// spoil lets something block until release is closed.
		spoil func(o *Options, s *source, release chan struct{})
		step  string
		tries int // that it costs the snapshot
	}{
		{"sink", func(o *Options, _ *source, release chan struct{}) {
			o.Sinks = append(o.Sinks, newRecorder("graphite", func(context.Context, int64) error {
				<-release
				return nil
			}), newRecorder("other", nil))
		}, "delivering to graphite", 0},
		{"aggregator", func(o *Options, _ *source, release chan struct{}) {
			o.NewAggregator = newAggregator(func(int64, fs.FS) error {
				<-release
				return nil
			})
		}, "aggregating", 1},
		{"read", func(_ *Options, s *source, release chan struct{}) {
			s.files = stuckFS{s.files, func() { <-release }}
		}, "reading a_info", 1},
		{"commit", func(_ *Options, s *source, release chan struct{}) {
			s.commitErr = func(string) error {
				<-release
				return nil
			}
		}, "committing", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSource(1)
				o := Options{
					Source: s, NewAggregator: newAggregator(readAll), Workers: 2,
					LivenessInterval: 10 * time.Second, StallAfter: 30 * time.Second,
				}
				release := make(chan struct{})
				tt.spoil(&o, s, release)
				start := time.Now()
				err := New(o).Run(t.Context())
				if !errors.Is(err, ErrStalled) {
					t.Fatalf("run: %v", err)
				}
				for _, want := range []string{"worker ", "snapshot 1500000000", tt.step, "no progress for 30s"} {
					if !strings.Contains(err.Error(), want) {
						t.Errorf("error %q lacks %q", err, want)
					}
				}
				if d := time.Since(start); d < 30*time.Second || d > 45*time.Second {
					t.Errorf("found after %v", d)
				}
				now := s.now()
				if released, postponed := now.released["1500000000"], now.postponed["1500000000"]; released != tt.tries || postponed != 1-tt.tries {
					t.Errorf("the snapshot was given back: %d times for what is in it, %d times for other reasons", released, postponed)
				}
				close(release)
				synctest.Wait()
				if len(s.now().committed) != 0 {
					t.Error("committed by a worker that was given up")
				}
			})
		})
	}
}

// TestSlowIsNotStuck has a snapshot that takes far longer than StallAfter, but makes
// progress.
func TestSlowIsNotStuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource(2)
		s.files = stuckFS{s.files, func() { time.Sleep(29 * time.Second) }}
		slow := newRecorder("slow", func(context.Context, int64) error {
			time.Sleep(29 * time.Second)
			return nil
		})
		checks := 0
		_, stop := run(t, Options{
			Source: s, Sinks: []Sink{slow}, NewAggregator: newAggregator(readAll),
			LivenessInterval: time.Second, StallAfter: 30 * time.Second, Alive: func() { checks++ },
		})
		pass(24 * time.Hour) // idle most of it
		if len(s.now().committed) != 2 {
			t.Errorf("committed %q", s.now().committed)
		}
		if checks < 24*3600-1 {
			t.Errorf("%d checks", checks)
		}
		stopped(t, stop)
	})
}

// TestProgressed: a worker that takes long over many bounded steps is not stuck.
func TestProgressed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource(1)
		var p *Processor
		p = New(Options{
			Source: s, LivenessInterval: 10 * time.Second, StallAfter: 30 * time.Second,
			NewAggregator: newAggregator(func(int64, fs.FS) error {
				for range 20 { // as many names that patterns are too slow for
					time.Sleep(20 * time.Second)
					p.Progressed()
				}
				return nil
			}),
		})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- p.Run(ctx) }()
		time.Sleep(10 * time.Minute)
		cancel()
		if err := <-ended; err != nil || len(s.now().committed) != 1 {
			t.Errorf("got %v and %d snapshots committed, want nil and 1", err, len(s.now().committed))
		}
	})
}

// TestPauseIsNotAStall checks a worker that reads, as the processor does, but with
// an hour between two checks, in which the whole process was stopped.
func TestPauseIsNotAStall(t *testing.T) {
	s := newSource(1)
	p := New(Options{Source: s, LivenessInterval: 10 * time.Second, StallAfter: time.Minute})
	now := time.Now()
	p.checked = now
	c, err := s.Claim(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	p.workers[0].begin(c)
	for _, step := range []struct {
		after time.Duration
		stuck bool
	}{
		{10 * time.Second, false},
		{time.Hour, false},
		{10 * time.Second, false},
		{20 * time.Second, false}, // a busy machine
		{20 * time.Second, false},
		{9 * time.Second, false},
		{time.Second, true},
	} {
		now = now.Add(step.after)
		if err := p.stalled(now); errors.Is(err, ErrStalled) != step.stuck {
			t.Fatalf("after %v more: got %v, want stuck %t", step.after, err, step.stuck)
		}
	}
	if got := s.now().released["1500000000"]; got != 1 {
		t.Errorf("cost the snapshot %d tries, want 1", got)
	}
}
