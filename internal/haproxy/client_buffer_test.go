package haproxy_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"haproxystats/internal/haproxy"
	"haproxystats/internal/haproxysim"
)

// TestStalledSocketHoldsNoBuffer has one buffer, and a socket that stalls in the
// midst of each reply while another one is read.
func TestStalledSocketHoldsNoBuffer(t *testing.T) {
	r := rich(t)
	for _, at := range []int{100, len(r.Info) + 2000} {
		client := &haproxy.Client{Buffers: 1}
		reached, release := make(chan struct{}), make(chan struct{})
		slow := haproxysim.NewSocket(r)
		slow.SetFault(haproxysim.Fault{Kind: haproxysim.Stall, At: at, Reached: reached, Release: release})
		slowPath := serve(t, "unix", filepath.Join(t.TempDir(), "s"), slow)
		quickPath := serve(t, "unix", filepath.Join(t.TempDir(), "q"), haproxysim.NewSocket(r))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		var late bytes.Buffer
		done := make(chan error, 1)
		go func() { done <- client.Fetch(ctx, "unix", slowPath, io.Discard, &late) }()
		<-reached
		var info, stat bytes.Buffer
		if err := client.Fetch(ctx, "unix", quickPath, &info, &stat); err != nil {
			t.Fatalf("stalled after %d bytes: the other socket: %v", at, err)
		}
		if !bytes.Equal(info.Bytes(), r.Info) || !bytes.Equal(stat.Bytes(), r.Stat) {
			t.Errorf("stalled after %d bytes: the other socket's replies differ", at)
		}
		close(release)
		if err := <-done; err != nil || !bytes.Equal(late.Bytes(), r.Stat) {
			t.Errorf("stalled after %d bytes: got %v and %d bytes after the stall, want %d", at, err, late.Len(), len(r.Stat))
		}
	}
}

// TestNoBuffer has a disk that hangs with the only buffer until the end of the round.
func TestNoBuffer(t *testing.T) {
	client := &haproxy.Client{Buffers: 1}
	path := serve(t, "unix", filepath.Join(t.TempDir(), "s"), haproxysim.NewSocket(rich(t)))
	disk := hungDisk{begun: make(chan struct{}), release: make(chan struct{})}
	done := make(chan error, 1)
	go func() { done <- client.Fetch(t.Context(), "unix", path, disk, io.Discard) }()
	<-disk.begun
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err := client.Fetch(ctx, "unix", path, io.Discard, io.Discard)
	if !errors.Is(err, haproxy.ErrTimeout) || !strings.Contains(err.Error(), "all buffers are in use (Check whether the disk is slow") {
		t.Errorf("got %v, want a time-out for want of a buffer", err)
	}
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	if err := client.Fetch(canceled, "unix", path, io.Discard, io.Discard); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
	close(disk.release)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

type hungDisk struct{ begun, release chan struct{} }

func (d hungDisk) Write(p []byte) (int, error) {
	close(d.begun)
	<-d.release
	return len(p), nil
}
