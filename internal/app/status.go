package app

import (
	"context"
	"io"
	"os"
	"sync"
	"time"

	"haproxystats/internal/config"
	"haproxystats/internal/status"
)

// statusPage has a program's status, and answers at its status socket if it has one: the
// program works without it.
type statusPage struct {
	ctx     context.Context // ends when the program should end
	program config.Program
	release release
	started time.Time
	log     Log

	mu   sync.Mutex
	work func(*status.Document) // nil while the program starts

	stop func() // nil without a socket
}

// release is the version of a program, and the hash of the configuration that it has
// read.
type release struct {
	version, sha256 string
	reloads         *Reloads // nil without reloads
}

// openStatus answers at the status socket until close. At first the program's state
// is "starting".
func openStatus(ctx context.Context, path string, program config.Program, r release, log Log) *statusPage {
	p := &statusPage{ctx: ctx, program: program, release: r, started: time.Now(), log: log}
	if path == "" {
		return p
	}
	listener, err := status.Listen(path, log.Logger)
	if err != nil {
		log.Warn("status socket not available, continuing without it", "error", err)
		return p
	}
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	served := make(chan error, 1)
	go func() { served <- listener.Run(serving, p.document) }()
	p.stop = func() {
		stop()
		if err := <-served; err != nil {
			log.Warn("the status socket has stopped answering", "error", err)
		}
		if err := listener.Close(); err != nil {
			log.Warn("the status socket can't be removed", "error", err)
		}
	}
	return p
}

// running sets the state to running, and the source of the document's numbers.
func (p *statusPage) running(work func(*status.Document)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.work = work
}

// close removes the socket.
func (p *statusPage) close() {
	if p.stop != nil {
		p.stop()
	}
}

// write writes the document.
func (p *statusPage) write(w io.Writer) error { return p.document().Encode(w) }

func (p *statusPage) document() status.Document {
	p.mu.Lock()
	work := p.work
	p.mu.Unlock()
	d := status.Document{
		Program: string(p.program), Version: p.release.version, ConfigSHA256: p.release.sha256, PID: os.Getpid(),
		Now: status.At(time.Now()), Started: status.At(p.started), State: status.Starting,
		LogMessagesDropped: p.log.dropped(),
	}
	p.release.reloads.fill(&d)
	if work != nil {
		d.State = status.Running
		work(&d)
	}
	if p.ctx.Err() != nil {
		d.State = status.Ending
	}
	return d
}
