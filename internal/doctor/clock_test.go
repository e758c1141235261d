package doctor

import (
	"errors"
	"testing"
	"time"
)

type clock struct {
	synchronised bool
	err          error
}

func (c clock) Synchronised() (bool, error) { return c.synchronised, c.err }

func TestKernelClock(t *testing.T) {
	check(t, KernelClock(clock{true, nil}), OK, "synchronised", "")
	check(t, KernelClock(clock{false, nil}), Warning, "not synchronised", "chrony")
	check(t, KernelClock(clock{false, errors.New("adjtimex: operation not permitted")}), Skipped, "not permitted", "")
}

func TestSpoolTimes(t *testing.T) {
	now := time.Unix(1700000000, 0)
	at := func(age, late time.Duration) Waiting {
		epoch := now.Add(-age)
		return Waiting{epoch.Unix(), epoch.Add(late)}
	}
	for _, test := range []struct {
		name         string
		waiting      []Waiting
		verdict      Verdict
		text, remedy string
	}{
		{"none", nil, OK, "no snapshot waits", ""},
		{"one", []Waiting{at(3*time.Second, time.Second)}, OK, "1 snapshot waits, the oldest for 3s", ""},
		{"some", []Waiting{at(80*time.Second, time.Second), at(70*time.Second, 2*time.Second)}, OK, "2 snapshots wait, the oldest for 1m20s", ""},
		{"old", []Waiting{at(time.Hour, time.Second)}, Warning, "1 snapshot waits, the oldest for 1h", "log of haproxystats-process"},
		{"oldest without a plausible time", []Waiting{{0, time.Unix(1, 0)}, at(80*time.Second, time.Second)}, OK, "2 snapshots wait, the oldest for 1m20s", ""},
		{"from the future", []Waiting{at(-time.Second, 0), at(-2*time.Hour, 0)}, Error, "1 snapshot named by a time in the future, by up to 2h", "Synchronise the clock"},
		{"written much later", []Waiting{at(90*time.Second, 80*time.Second)}, Warning, "1 snapshot not written at the time in the name", "slews"},
		{"written before", []Waiting{at(30*time.Second, -5*time.Second)}, Warning, "1 snapshot not written at the time in the name", "slews"},
	} {
		t.Run(test.name, func(t *testing.T) {
			found := SpoolTimes("/var/in", test.waiting, now, 10*time.Second, 2*time.Second)
			if len(found) != 1 {
				t.Fatal(found)
			}
			check(t, found[0], test.verdict, test.text, test.remedy)
		})
	}
}

func TestGivenUp(t *testing.T) {
	check(t, GivenUp("/var/in.corrupt", 0), OK, "no snapshot was given up", "")
	check(t, GivenUp("/var/in.corrupt", 3), Warning, "3 snapshots moved away", "haproxystats paths /var/in.corrupt/EPOCH")
}
