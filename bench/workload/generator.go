package workload

import (
	"fmt"
	"strconv"
	"time"
)

// entity is a row of every process: a frontend, a backend or a server.
type entity struct {
	template         *template
	proxy, service   string
	proxyID, servcID int
}

// Generator makes the snapshots of one size and seed. It is safe for
// concurrent use.
type Generator struct {
	size     Size
	seed     uint64
	rec      *recording
	entities []entity
}

// New returns a generator. It reads the module's testdata, so it works only
// inside the checkout.
func New(size Size, seed uint64) (*Generator, error) {
	rec, err := loadRecording()
	if err != nil {
		return nil, err
	}
	g := &Generator{size: size, seed: seed, rec: rec}
	g.layOut()
	return g, nil
}

// layOut decides on the rows in HAProxy's order: the frontends, then each
// backend's servers followed by the backend itself.
func (g *Generator) layOut() {
	draw := func(from []*template) *template {
		return from[mix(g.seed^uint64(len(g.entities))<<20)%uint64(len(from))]
	}
	for i := range g.size.Frontends {
		name := fmt.Sprintf("www-%03d.example.com", i)
		if i%3 == 0 {
			name = fmt.Sprintf("fe_internal-%03d", i)
		}
		g.entities = append(g.entities, entity{template: draw(g.rec.frontends), proxy: name, proxyID: 2 + i})
	}
	server := 0
	for i := range g.size.Backends {
		name := fmt.Sprintf("be-shop%04d.example.com", i)
		if i%3 == 0 {
			name = fmt.Sprintf("api_v2-pool-%04d", i)
		}
		id := 2 + g.size.Frontends + i
		for n := 1; server < g.size.Servers*(i+1)/g.size.Backends; n++ {
			// One server in six carries no traffic: idle, down, in
			// maintenance, or lately failed its checks.
			templates := g.rec.busyServers
			if mix(g.seed+uint64(server)<<8)%6 == 0 {
				templates = g.rec.otherServers
			}
			g.entities = append(g.entities, entity{
				template: draw(templates),
				proxy:    name, service: fmt.Sprintf("web%02d.rack%d.dc1", n, server%7),
				proxyID: id, servcID: n,
			})
			server++
		}
		g.entities = append(g.entities, entity{template: draw(g.rec.backends), proxy: name, proxyID: id})
	}
}

// AppendStat appends the reply of a process to "show stat" in a round.
func (g *Generator) AppendStat(dst []byte, process, round int) []byte {
	return g.appendStat(dst, process, func(r rule, place uint64) uint64 { return r.value(place, uint64(round)) })
}

// AppendLiveStat is AppendStat for replies that follow each other within seconds: ages
// grow with the time since the first reply, and no server goes down.
func (g *Generator) AppendLiveStat(dst []byte, process, round int, since time.Duration) []byte {
	return g.appendStat(dst, process, func(r rule, place uint64) uint64 {
		return r.liveValue(place, uint64(round), uint64(since/time.Second))
	})
}

func (g *Generator) appendStat(dst []byte, process int, value func(rule, uint64) uint64) []byte {
	dst = append(dst, g.rec.header...)
	base := mix(mix(g.seed) ^ uint64(process))
	for i := range g.entities {
		dst = g.entities[i].append(dst, i, mix(base^uint64(i)), value)
	}
	return append(dst, '\n')
}

// append appends the row that is the nth of its process.
func (e *entity) append(dst []byte, n int, place uint64, value func(rule, uint64) uint64) []byte {
	for i := range e.template.pieces {
		p := &e.template.pieces[i]
		dst = append(dst, p.text...)
		switch p.field {
		case proxyName:
			dst = append(dst, e.proxy...)
		case serviceName:
			dst = append(dst, e.service...)
		case proxyID:
			dst = strconv.AppendInt(dst, int64(e.proxyID), 10)
		case serviceID:
			dst = strconv.AppendInt(dst, int64(e.servcID), 10)
		case address:
			dst = append(dst, "10."...)
			dst = strconv.AppendInt(dst, int64(n>>16&0xff), 10)
			dst = append(dst, '.')
			dst = strconv.AppendInt(dst, int64(n>>8&0xff), 10)
			dst = append(dst, '.')
			dst = strconv.AppendInt(dst, int64(n&0xff), 10)
			dst = append(dst, ":8080"...)
		case number:
			dst = strconv.AppendUint(dst, value(p.rule, mix(place^p.column)), 10)
		case literal:
		}
	}
	return dst
}
