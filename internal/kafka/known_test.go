package kafka

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestKnownTopic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var k KnownTopic
		asked := 0
		get := func(answer Topic, err error) (Topic, error) {
			return k.Get(func() (Topic, error) { asked++; return answer, err })
		}
		check := func(name string, got Topic, err, wantErr error, partitions, times int) {
			t.Helper()
			if got.Partitions != partitions || !errors.Is(err, wantErr) || asked != times {
				t.Errorf("%s: got %d partitions, %v, asked %d times; want %d, %v, %d", name, got.Partitions, err, asked, partitions, wantErr, times)
			}
		}
		no := errors.New("no")
		got, err := get(Topic{Partitions: 1}, no)
		check("the question fails", got, err, no, 1, 1)
		got, err = get(Topic{Partitions: 1, Err: no}, nil)
		check("the topic has an error", got, err, no, 1, 2)
		got, err = get(Topic{}, nil)
		check("no partitions", got, err, nil, 0, 3)
		got, err = get(Topic{Partitions: 3}, nil)
		check("the first answer", got, err, nil, 3, 4)
		time.Sleep(knownFor - 1)
		got, err = get(Topic{Partitions: 5}, nil)
		check("known", got, err, nil, 3, 4)
		time.Sleep(time.Nanosecond)
		got, err = get(Topic{Partitions: 5}, nil)
		check("too old", got, err, nil, 5, 5)
		time.Sleep(knownFor)
		got, err = get(Topic{}, no)
		check("the question fails again", got, err, no, 0, 6)
		if last := k.Last(); last.Partitions != 5 {
			t.Errorf("got %d partitions as the last ones, want 5", last.Partitions)
		}
		k.Forget()
		if last := k.Last(); last.Partitions != 0 {
			t.Errorf("got %d partitions after Forget, want 0", last.Partitions)
		}
		got, err = get(Topic{Partitions: 6}, nil)
		check("forgotten", got, err, nil, 6, 7)
	})
}
