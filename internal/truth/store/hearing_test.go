package store

import (
	"testing"

	"haproxystats/internal/truth"
)

// TestHearing hears replies that no round takes, or only a part of them. Whatever a tally
// has learned from them, no total falls.
func TestHearing(t *testing.T) {
	one := func(n int64) worker { return worker{pid: 1, start: 100, rows: web(n)} }
	begin := func(w *world, k *Socket) (*truth.Info, *Hearing) {
		w.now += 10
		info, err := readInfo(w.reply(one(3)).Info, w.now)
		if err != nil {
			t.Fatal(err)
		}
		return info, k.Hear(info, nil)
	}
	for name, between := range map[string]func(*world, *Socket){
		"nothing": func(*world, *Socket) {},
		"the connection breaks": func(w *world, k *Socket) {
			info, h := begin(w, k)
			h.Take([]byte("# pxname,svname,stot,downtime,type,\napi,FRONTEND,6,,0,\nweb,FRONTEND,3,,0,\napp,BACK"))
			h.End(false)
			if h.fits(k, info, h.member) {
				t.Error("half a reply is taken for a whole one")
			}
		},
		"the reply has no end": func(w *world, k *Socket) {
			info, h := begin(w, k)
			h.Take([]byte("# pxname,svname,stot,downtime,type,\nweb,FRONTEND,3,,0,\n"))
			h.End(true)
			if h.fits(k, info, h.member) {
				t.Error("a reply without an end is taken")
			}
		},
		"not a reply": func(w *world, k *Socket) {
			info, h := begin(w, k)
			h.Take([]byte("Permission denied\n\n"))
			h.Take([]byte("and more\n"))
			h.End(true)
			if h.fits(k, info, h.member) {
				t.Error("an error of HAProxy's is taken for a reply")
			}
		},
		"the round is dropped": func(w *world, _ *Socket) {
			w.now += 10
			r := w.reply(one(3)) // cleared
			w.hear(w.now, &r)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.mustRound(nil, one(5)).want(t, "web", 5)
			between(w, w.s.Socket(address))
			s := w.mustRound(nil, one(4)) // cleared since the first round
			s.want(t, "web", 9)
			if !s.result.Changed {
				t.Error("got no change of the base, want one")
			}
			s = w.mustRound(nil, one(6))
			s.want(t, "web", 11)
			if s.result.Changed {
				t.Error("got a change of the base, want none")
			}
		})
	}
}

// TestHearingIsOvertaken: the worker says its last words after its reply has arrived, and
// before the round takes it.
func TestHearingIsOvertaken(t *testing.T) {
	w := newWorld(t)
	w.mustRound(nil, worker{pid: 1, start: 100, rows: web(5)}).want(t, "web", 5)
	w.now += 10
	r := w.reply(worker{pid: 1, start: 100, rows: web(6)})
	w.hear(w.now, &r)
	w.mustRound(nil, worker{pid: 1, start: 100, rows: web(8), old: true, final: true})
	second := w.reply(worker{pid: 2, start: 200, rows: web(1)})
	s, err := w.replies(w.now, nil, []Reply{r, second})
	if err != nil {
		t.Fatal(err)
	}
	s.want(t, "web", 9)
	if len(s.a.Members) != 1 {
		t.Errorf("got %d members, want one", len(s.a.Members))
	}
}

// TestHearingOfFirst: an instance that is new is not heard, nor is one whose tally is lost.
func TestHearingOfFirst(t *testing.T) {
	w := newWorld(t)
	hears := func(n int64) bool {
		w.now += 10
		r := w.reply(worker{pid: 1, start: 100, rows: web(n)})
		w.hear(w.now, &r)
		return r.Heard != nil
	}
	if hears(1) {
		t.Error("a new instance is heard")
	}
	w.mustRound(nil, worker{pid: 1, start: 100, rows: web(2)}).want(t, "web", 2)
	if !hears(3) {
		t.Error("a known instance is not heard")
	}
	if hears(4) {
		t.Error("an instance is heard twice at the same time")
	}
	w.mustRound(nil, worker{pid: 1, start: 100, rows: web(5)}).want(t, "web", 5)
	if !hears(6) {
		t.Error("an instance is not heard after a round that has read its rows")
	}
}
