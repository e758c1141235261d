package pull

import (
	"context"
	"errors"
	"io"
	"reflect"
	"slices"
	"testing"
	"time"

	"haproxystats/internal/snapshot"
)

// accountant is an Accounts that notes what it was asked for.
type accountant struct {
	asked        [][]Asked
	stage        Stage
	stored       []int // of which round
	begun, ended int
}

func (a *accountant) Listen(s Socket, name string) Listener {
	return nil
}

func (a *accountant) Round(_ context.Context, stage Stage, _ time.Time, asked []Asked) ([]snapshot.Account, snapshot.Workers) {
	a.asked, a.stage = append(a.asked, asked), stage
	return []snapshot.Account{{Socket: asked[0].Name, Generation: 7}}, snapshot.Workers{Reloads: 1, SecondsUnaccounted: 3}
}

func (a *accountant) Stored() { a.stored = append(a.stored, len(a.asked)) }

func (a *accountant) Begin() (end func()) {
	a.begun++
	return func() { a.ended++ }
}

// TestAccounts hands every round with a stats socket to the accounts, and counts what
// has happened to workers until a snapshot is stored.
func TestAccounts(t *testing.T) {
	spool, accounts := new(memory), new(accountant)
	fail := "lb:1"
	p := &Puller{
		Spool: spool, Servers: threeServers, Interval: 10 * time.Second, Accounts: accounts,
		Fetcher: fetchFunc(func(ctx context.Context, address string, info, stat io.Writer) error {
			if address == fail {
				return errors.New("reset")
			}
			return answer(ctx, address, info, stat)
		}),
	}
	used := new(epochs)
	p.round(t.Context(), 1000, 0, used) // dropped: a socket has failed
	fail = ""
	p.round(t.Context(), 1010, 0, used)
	if got, want := spool.last.Workers, (snapshot.Workers{Reloads: 2, SecondsUnaccounted: 6}); got != want {
		t.Errorf("got %+v, want %+v: those of the dropped round, too", got, want)
	}
	if want := []snapshot.Account{{Socket: "lb:1", Generation: 7}}; !reflect.DeepEqual(spool.last.Accounts, want) {
		t.Errorf("got the accounts %+v, want %+v", spool.last.Accounts, want)
	}
	p.round(t.Context(), 1020, 0, used)
	if got, want := spool.last.Workers, (snapshot.Workers{Reloads: 1, SecondsUnaccounted: 3}); got != want {
		t.Errorf("got %+v, want %+v: since the last snapshot", got, want)
	}
	if accounts.begun != 3 || accounts.ended != 3 {
		t.Errorf("got %d rounds begun and %d ended, want 3", accounts.begun, accounts.ended)
	}
	if want := []int{2, 3}; !slices.Equal(accounts.stored, want) {
		t.Errorf("got the rounds %v stored, want %v", accounts.stored, want)
	}
	want := []Asked{
		{Socket: Socket{"tcp", "lb:1"}, Name: "lb:1", Failed: true}, {Socket: Socket{"tcp", "lb:2"}, Name: "lb:2"}, {Socket: Socket{"tcp", "lb:3"}, Name: "lb:3"},
	}
	if !reflect.DeepEqual(accounts.asked[0], want) {
		t.Errorf("got %+v asked, want %+v", accounts.asked[0], want)
	}
	if accounts.asked[1][0].Failed {
		t.Error("got a failed socket, want none")
	}
}

// TestAccountsOfInterruptedRound leaves a round alone that the end of the program has
// interrupted.
func TestAccountsOfInterruptedRound(t *testing.T) {
	accounts := new(accountant)
	ctx, cancel := context.WithCancel(t.Context())
	p := &Puller{
		Spool: new(memory), Servers: threeServers, Interval: 10 * time.Second, Accounts: accounts,
		Fetcher: fetchFunc(func(ctx context.Context, _ string, _, _ io.Writer) error {
			cancel()
			<-ctx.Done()
			return ctx.Err()
		}),
	}
	p.round(ctx, 1000, 0, new(epochs))
	if len(accounts.stored) != 0 {
		t.Errorf("got the rounds %v stored, want none", accounts.stored)
	}
	if len(accounts.asked) != 0 {
		t.Errorf("got %+v asked at the end of the program, want nothing", accounts.asked)
	}
}
