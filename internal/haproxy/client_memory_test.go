package haproxy

import (
	"bytes"
	"context"
	"errors"
	"io"
	"runtime"
	"strconv"
	"testing"
	"testing/synctest"
	"time"
)

// Sockets that are named after processes come and go; what is remembered of them
// must not grow with them.
func TestClientForgetsSockets(t *testing.T) {
	var c Client
	for i := range 3 * maxRemembered {
		key := strconv.Itoa(i)
		c.rememberOne(key)
		if !c.answersOne(key) {
			t.Fatalf("socket %d is forgotten at once", i)
		}
	}
	if len(c.one) > maxRemembered {
		t.Errorf("%d sockets are remembered", len(c.one))
	}
}

func TestClientBuffer(t *testing.T) {
	for limit, want := range map[int]int{0: bufferSize, 1: 1, 1000: 1000, bufferSize: bufferSize, 6 << 20: bufferSize} {
		buf, err := (&Client{BufferLimit: limit}).lender().get(t.Context())
		if err != nil || len(buf) != want {
			t.Errorf("limit %d: got a buffer of %d bytes, %v, want %d", limit, len(buf), err, want)
		}
	}
}

// TestClientBuffersAreBounded lends as many buffers as there are, and the same again.
func TestClientBuffersAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for buffers, want := range map[int]int{0: defaultBuffers, 3: 3} {
			lender := (&Client{Buffers: buffers}).lender()
			var first []byte
			for range want {
				buf, err := lender.get(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				first = buf
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			if _, err := lender.get(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%d buffers: got %v for one more, want the end of the context", buffers, err)
			}
			cancel()
			got := make(chan []byte)
			go func() {
				buf, err := lender.get(t.Context())
				if err != nil {
					t.Error(err)
				}
				got <- buf
			}()
			synctest.Wait() // it waits
			lender.put(first)
			if second := <-got; &second[0] != &first[0] {
				t.Errorf("%d buffers: got another one than was given back", buffers)
			}
		}
	})
}

// TestOneBufferForOneSocket makes no second buffer while the first one is free.
func TestOneBufferForOneSocket(t *testing.T) {
	lender := new(Client).lender()
	var last []byte
	for i := range 3 * defaultBuffers {
		buf, err := lender.get(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if i > 0 && &buf[0] != &last[0] {
			t.Fatalf("buffer %d is another one, want the one that was given back", i)
		}
		last = buf
		lender.put(buf)
	}
}

// TestRepliesCopyLittle: with thousands of sockets a copy of what one read has
// brought would double the memory of the program.
func TestRepliesCopyLittle(t *testing.T) {
	piece := append([]byte("Name: HAProxy\nPid: 1\n\n# pxname,"), bytes.Repeat([]byte("x,"), bufferSize/2)...)
	const times, most = 100, 8 << 10
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range times {
		x := &exchange{session: &session{client: new(Client)}, info: newInfoReply(io.Discard), stat: newStatReply(io.Discard)}
		if err := x.take(piece); err != nil || !x.info.whole {
			t.Fatalf("got %v, %v, want show info whole", x.info.whole, err)
		}
	}
	runtime.ReadMemStats(&after)
	if got := (after.TotalAlloc - before.TotalAlloc) / times; got > most {
		t.Errorf("got %d bytes allocated for a piece of %d, want at most %d", got, len(piece), most)
	}
}
