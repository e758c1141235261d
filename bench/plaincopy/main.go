// Command plaincopy is the yardstick of haproxystats-pull: it copies the replies of
// all stats sockets of a directory into files, and does nothing else. It checks
// nothing, sums nothing up, syncs nothing and bounds nothing. It takes the
// configuration of haproxystats-pull.
package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
	"time"
)

// bufferSize is that of haproxystats-pull.
const bufferSize = 64 << 10

func main() {
	fmt.Fprintln(os.Stderr, "plaincopy:", run(os.Args[1:]))
	os.Exit(1)
}

// run copies until it fails, or the program is ended.
func run(args []string) error {
	if len(args) != 2 || args[0] != "-f" {
		return errors.New("usage: plaincopy -f FILE")
	}
	text, err := os.ReadFile(args[1])
	if err != nil {
		return err
	}
	var options [4]string
	for i, name := range []string{"socket-dir", "dst-dir", "tmp-dst-dir", "pull-interval"} {
		m := regexp.MustCompile(`(?m)^` + name + ` = (.*)$`).FindSubmatch(text)
		if m == nil {
			return fmt.Errorf("%s has no %s", args[1], name)
		}
		options[i] = string(m[1])
	}
	seconds, err := strconv.Atoi(options[3])
	if err != nil || seconds < 1 {
		return fmt.Errorf("pull-interval = %s: want seconds", options[3])
	}
	c := copier{sockets: options[0], buffers: sync.Pool{New: func() any { return new([bufferSize]byte) }}}
	next := time.NewTicker(time.Duration(seconds) * time.Second)
	for {
		name := strconv.FormatInt(time.Now().Unix(), 10)
		staged := filepath.Join(options[2], name)
		if err := c.round(staged); err != nil {
			return err
		}
		if err := os.Rename(staged, filepath.Join(options[1], name)); err != nil {
			return err
		}
		<-next.C
	}
}

type copier struct {
	sockets string
	buffers sync.Pool // of *[bufferSize]byte
}

// round copies all replies into a new directory.
func (c *copier) round(dir string) error {
	sockets, err := filepath.Glob(filepath.Join(c.sockets, "*"))
	if err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o750); err != nil {
		return err
	}
	kinds := []string{"info", "stat"}
	errs := make([]error, len(sockets)*len(kinds))
	var all sync.WaitGroup
	for i, socket := range sockets {
		for k, kind := range kinds {
			all.Go(func() {
				errs[i*len(kinds)+k] = c.copy(socket, "show "+kind+"\n", filepath.Join(dir, filepath.Base(socket)+"_"+kind))
			})
		}
	}
	all.Wait()
	return errors.Join(errs...)
}

// copy asks a socket and writes what it answers to a file.
func (c *copier) copy(socket, command, path string) (err error) {
	conn, err := net.Dial("unix", socket)
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, command); err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	held := c.buffers.Get().(*[bufferSize]byte)
	defer c.buffers.Put(held)
	for {
		n, err := io.ReadFull(conn, held[:])
		if _, err := f.Write(held[:n]); err != nil {
			return err
		}
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return nil
		case err != nil:
			return err
		}
	}
}
