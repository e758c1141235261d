package real

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"text/template"
	"time"
)

// startTimeout is how long a server may take until it answers.
const startTimeout = 2 * time.Minute

// socketPathMax is what HAProxy takes as the path of a UNIX socket: 107 bytes,
// less what it appends while it binds.
const socketPathMax = 97

//go:embed haproxy.cfg.tmpl
var haproxyTemplateText string

var haproxyTemplate = template.Must(template.New("haproxy.cfg").Parse(haproxyTemplateText))

// HAProxyConfig says what kind of HAProxy to start.
type HAProxyConfig struct {
	Name   string  // names the instance, its socket and its files
	Binary string  // as Find and Need return it
	Dir    string  // gets NAME.cfg
	Origin *Origin // behind the servers that are healthy

	// Sockets is the directory that gets the UNIX stats socket NAME. Keep its
	// path short: HAProxy takes 97 bytes, socket's name included.
	Sockets string
	// TCP and IPv6 ask for stats sockets on 127.0.0.1 and on ::1, too.
	TCP, IPv6 bool

	MaxConn int    // 0: 200
	Level   string // of the UNIX stats socket; "": user
	Global  string // more lines of the section global
	Extra   string // more of the configuration's sections
}

// HAProxy is a running HAProxy of the site in haproxy.cfg.tmpl: frontends web
// (HTTP) and stream-in (TCP), backends app, api, legacy and stream.
type HAProxy struct {
	Name    string
	Process *Process

	Socket string // path of the UNIX stats socket
	TCP    string // address of the IPv4 stats socket, or empty
	TCP6   string // address of the IPv6 one; empty also where there is no IPv6

	Web    string // address of the frontend web
	Stream string // address of the frontend stream-in

	client *http.Client
}

// StartHAProxy starts an instance. It returns when the stats socket answers and
// every server has been checked.
func StartHAProxy(ctx context.Context, c HAProxyConfig) (*HAProxy, error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	h := &HAProxy{Name: c.Name, Socket: filepath.Join(c.Sockets, c.Name), client: newClient()}
	if len(h.Socket) > socketPathMax {
		return nil, fmt.Errorf("start haproxy %s: the path of the stats socket is %d bytes long, HAProxy takes %d: %s",
			c.Name, len(h.Socket), socketPathMax, h.Socket)
	}
	if c.MaxConn == 0 {
		c.MaxConn = 200
	}

	if c.Level == "" {
		c.Level = "user"
	}

	// HAProxy inherits listening sockets, so no port is ever taken by another.
	var in inherited
	defer in.close()
	data := map[string]any{
		"MaxConn": c.MaxConn, "Socket": h.Socket, "Level": c.Level, "Global": c.Global, "Extra": c.Extra,
		"HTTP": c.Origin.HTTP, "Echo": c.Origin.Echo, "Closed": closedAddr,
	}
	data["WebFD"], h.Web = in.listen("127.0.0.1:0")
	data["StreamFD"], h.Stream = in.listen("127.0.0.1:0")
	var stats []int
	if c.TCP {
		fd, addr := in.listen("127.0.0.1:0")
		stats, h.TCP = append(stats, fd), addr
	}
	if c.IPv6 && hasIPv6() {
		fd, addr := in.listen("[::1]:0")
		stats, h.TCP6 = append(stats, fd), addr
	}
	data["StatsFDs"] = stats
	if in.err != nil {
		return nil, fmt.Errorf("start haproxy %s: %w", c.Name, in.err)
	}

	path := filepath.Join(c.Dir, c.Name+".cfg")
	if err := writeTemplate(path, haproxyTemplate, data); err != nil {
		return nil, fmt.Errorf("start haproxy %s: %w", c.Name, err)
	}
	p, err := StartProcess(Command{
		Name: "haproxy " + c.Name, Path: c.Binary, Args: []string{"-db", "-f", path}, Files: in.files,
	})
	if err != nil {
		return nil, err
	}
	h.Process = p
	if err := p.await(ctx, h.checked); err != nil {
		return nil, err
	}
	return h, nil
}

// Stop ends the instance and removes its stats socket, as HAProxy does not.
func (h *HAProxy) Stop() error {
	h.client.CloseIdleConnections()
	err := h.Process.Stop()
	if rm := os.Remove(h.Socket); rm != nil && !errors.Is(rm, os.ErrNotExist) {
		err = errors.Join(err, rm)
	}
	return err
}

// checked is nil once every server's first health check is over.
func (h *HAProxy) checked(ctx context.Context) error {
	rows, err := h.Stat(ctx)
	if err != nil {
		return err
	}
	for _, r := range rows {
		if r["check_status"] == "INI" {
			return fmt.Errorf("server %s/%s has not been checked yet", r["pxname"], r["svname"])
		}
	}
	return nil
}

// closedAddr is where connections are refused: nobody listens on tcpmux.
const closedAddr = "127.0.0.1:1"

// inherited is the listening sockets that a program is to inherit.
type inherited struct {
	files []*os.File
	err   error
}

// listen returns the descriptor that the program will have, and its address.
func (in *inherited) listen(addr string) (fd int, bound string) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		in.err = errors.Join(in.err, err)
		return 0, ""
	}
	defer l.Close()
	f, err := l.(*net.TCPListener).File()
	if err != nil {
		in.err = errors.Join(in.err, err)
		return 0, ""
	}
	in.files = append(in.files, f)
	return 2 + len(in.files), l.Addr().String()
}

// close gives this process's copies up, so that a dead program's port refuses.
func (in *inherited) close() {
	for _, f := range in.files {
		_ = f.Close()
	}
}

func hasIPv6() bool {
	l, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		return false
	}
	_ = l.Close()
	return true
}

func writeTemplate(path string, t *template.Template, data any) error {
	var b bytes.Buffer
	if err := t.Execute(&b, data); err != nil {
		return err
	}
	return os.WriteFile(path, b.Bytes(), 0o640)
}
