package wire

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"strconv"
	"sync/atomic"
)

// Attempt tells one sending from all others.
type Attempt uint64

// attemptDigits is the length of an attempt as text.
const attemptDigits = 16

// String returns the attempt as 16 hexadecimal digits.
func (a Attempt) String() string { return fmt.Sprintf("%016x", uint64(a)) }

func parseAttempt(text string) (Attempt, error) {
	n, err := strconv.ParseUint(text, 16, 64)
	if err != nil || len(text) != attemptDigits {
		return 0, fmt.Errorf("the attempt %q", clip(text))
	}
	return Attempt(n), nil
}

// Attempts makes attempts: a number that is random for each Attempts, and a counter. It
// is safe for concurrent use.
type Attempts struct{ last atomic.Uint64 }

// NewAttempts returns a new Attempts.
func NewAttempts() *Attempts {
	a := new(Attempts)
	a.last.Store(random())
	return a
}

// Next returns an attempt that is different from all before.
func (a *Attempts) Next() Attempt { return Attempt(a.last.Add(1)) }

// NewInstance returns the instance of a producer that runs on the host.
func NewInstance(host string) string {
	return Attempt(random()).String() + " " + host[:min(len(host), MaxInstance-attemptDigits-1)]
}

// random returns a random number.
func random() uint64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // ends the program rather than fail
	return binary.LittleEndian.Uint64(b[:])
}
