package cli_test

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
)

// patience is how long a script waits for anything to happen. What must happen
// at once is told by what would take longer than that.
const patience = 2 * time.Minute

// commands are what scripts can do besides testscript's own commands. None of
// them waits for time to pass, all wait for events.
var commands = map[string]func(ts *testscript.TestScript, neg bool, args []string){
	"run":          cmdRun,          // run STATUS PROGRAM [ARG...]: run to the end, which must have that exit status
	"start":        cmdStart,        // start NAME PROGRAM [ARG...]: run in the background
	"log":          cmdLog,          // [!] log NAME [-count=N] REGEXP: wait until N lines of its log match; with !, none does yet
	"signal":       cmdSignal,       // signal NAME TERM|HUP|INT|KILL|USR1
	"variable":     cmdVariable,     // variable NAME VALUE: an environment variable of the programs that start later
	"exited":       cmdExited,       // exited NAME STATUS: wait for its end
	"end":          cmdEnd,          // end NAME [TERM|HUP|INT]: signal, and wait for its clean end
	"haproxy":      cmdHAProxy,      // haproxy ADDRESS RECORDING[:SOCKET] [FILE]: serve a recording, and the answers in a file
	"hadown":       cmdHADown,       // hadown ADDRESS: stop that
	"fault":        cmdFault,        // fault ADDRESS KIND [AT|TEXT]: what goes wrong with later connections
	"stalled":      cmdStalled,      // stalled ADDRESS: wait until a connection stalls
	"dead":         cmdDead,         // dead PATH: a socket that its process has left behind
	"deaf":         cmdDeaf,         // deaf PORT: a host that does not answer
	"graphite":     cmdGraphite,     // graphite up|silent|tls DIR|down|accepted N: a server at port $GRAPHITE; accepted waits for connections
	"batches":      cmdBatches,      // batches N: wait until Graphite has N of them; their times are the output
	"batch":        cmdBatch,        // batch N FILE: write what the N-th connection brought to a file
	"certificates": cmdCertificates, // certificates DIR: for TLS, see there
	"kafka":        cmdKafka,        // kafka up [-tls=DIR] [-login=MECHANISM:PASSWORD] TOPIC...|down: a broker at port $KAFKA
	"topic":        cmdTopic,        // topic NAME N: wait until a topic has N records, which are the output
	"scrape":       cmdScrape,       // scrape PATH [TEXT]: ask [prometheus] at port $SCRAPE until the answer has the text; the output is the answer
	"receiver":     cmdReceiver,     // receiver up [STATUS]|down: a server at port $RECEIVER that answers requests with a status, 204 by itself
	"posted":       cmdPosted,       // posted N|some TEXT: wait until it has taken N requests with the text in them, or at least one; they are the output
	"snapshot":     cmdSnapshot,     // snapshot DIR RECORDING: put a snapshot there, all of it at once
	"ask":          cmdAsk,          // [!] ask PATH: the output is what the status socket says; with !, nobody answers
	"mute":         cmdMute,         // mute PATH: a status socket that lets in and says nothing
	"say":          cmdSay,          // say PATH FILE: a status socket that says what is in the file
	"await":        cmdAwait,        // [!] await GLOB: wait until a file matches, or none
}

// stage is what a script works with besides its files. The configuration files
// of a script name it by @SOCKETS@ and so on, its commands by $SOCKETS.
type stage struct {
	env       []string
	cleanup   []func()
	programs  map[string]*process
	haproxies map[string]*haproxy
	graphite  *graphite
	kafka     *kafka
	receiver  *receiver
}

type stageKey struct{}

func onStage(ts *testscript.TestScript) *stage { return ts.Value(stageKey{}).(*stage) }

func setUp(env *testscript.Env) error {
	s := &stage{programs: make(map[string]*process), haproxies: make(map[string]*haproxy)}
	env.Values[stageKey{}] = s
	env.Defer(s.tearDown)

	recordings, err := filepath.Abs("../../testdata")
	if err != nil {
		return err
	}
	// The path of a UNIX socket has at most 107 bytes, and $WORK may be long.
	sockets, err := os.MkdirTemp("", "hs")
	if err != nil {
		return err
	}
	s.cleanup = append(s.cleanup, func() { os.RemoveAll(sockets) })
	host, err := os.Hostname()
	if err != nil {
		return err
	}
	places := map[string]string{
		"SOCKETS":    sockets,
		"RECORDINGS": recordings,
		"HOST":       strings.ReplaceAll(host, ".", "_"),
		"WORK":       env.WorkDir,
		"SHORTHOST":  strings.Split(host, ".")[0],
	}
	for _, name := range []string{"GRAPHITE", "KAFKA", "SCRAPE", "RECEIVER", "TCP"} {
		if places[name], err = s.reserve(unix.AF_INET, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
			return err
		}
	}
	if hasIPv6() {
		if places["TCP6"], err = s.reserve(unix.AF_INET6, &unix.SockaddrInet6{Addr: [16]byte{15: 1}}); err != nil {
			return err
		}
	}
	s.graphite = &graphite{address: "127.0.0.1:" + places["GRAPHITE"]}
	s.receiver = &receiver{address: "127.0.0.1:" + places["RECEIVER"]}
	port, err := strconv.Atoi(places["KAFKA"])
	if err != nil {
		return err
	}
	s.kafka = &kafka{port: port}

	var pairs []string
	for name, value := range places {
		env.Setenv(name, value)
		pairs = append(pairs, "@"+name+"@", value)
	}
	env.Setenv("GORACE", "atexit_sleep_ms=1")
	s.env = env.Vars
	return fill(env.WorkDir, strings.NewReplacer(pairs...))
}

func (s *stage) tearDown() {
	for _, p := range s.programs {
		p.kill()
	}
	for _, h := range s.haproxies {
		h.close()
	}
	s.graphite.down()
	s.kafka.down()
	s.receiver.down()
	for _, f := range s.cleanup {
		f()
	}
}

// fill replaces the names of places in all configuration files.
func fill(dir string, places *strings.Replacer) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".conf" {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(path, []byte(places.Replace(string(data))), 0o600)
	})
}

// reserve takes a free port for as long as the script runs. Servers of the
// script can listen on it, stop and listen again; nobody else gets it, and
// while none listens, connections are refused.
func (s *stage) reserve(family int, any unix.Sockaddr) (port string, err error) {
	fd, err := unix.Socket(family, unix.SOCK_STREAM, 0)
	if err != nil {
		return "", err
	}
	unix.CloseOnExec(fd)
	s.cleanup = append(s.cleanup, func() { unix.Close(fd) })
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
		return "", err
	}
	if err := unix.Bind(fd, any); err != nil {
		return "", err
	}
	bound, err := unix.Getsockname(fd)
	switch a := bound.(type) {
	case *unix.SockaddrInet4:
		return fmt.Sprint(a.Port), err
	case *unix.SockaddrInet6:
		return fmt.Sprint(a.Port), err
	}
	return "", errors.Join(err, errors.New("no port"))
}

func hasIPv6() bool {
	l, err := net.Listen("tcp6", "[::1]:0")
	if err != nil {
		return false
	}
	l.Close()
	return true
}

func condition(name string) (bool, error) {
	switch name {
	case "ipv6":
		return hasIPv6(), nil
	case "root":
		return os.Geteuid() == 0, nil
	case "default-file": // of this host, which a script can't do anything about
		_, err := os.Lstat("/etc/haproxystats.conf")
		return err == nil, nil
	case "other-filesystem": // /dev/shm is one other than that of the scripts
		var tmp, shm syscall.Stat_t
		return syscall.Stat(os.TempDir(), &tmp) == nil && syscall.Stat("/dev/shm", &shm) == nil && tmp.Dev != shm.Dev, nil
	}
	return false, fmt.Errorf("unknown condition %q", name)
}

// watched is a value that can be waited for.
type watched[T any] struct {
	mu      sync.Mutex
	value   T
	changed chan struct{} // closed by the next change; nil if nobody waits
}

func (w *watched[T]) update(change func(T) T) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.value = change(w.value)
	if w.changed != nil {
		close(w.changed)
		w.changed = nil
	}
}

func (w *watched[T]) get() T {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.value
}

// wait waits until the value is as wanted, and reports whether it is.
func (w *watched[T]) wait(wanted func(T) bool) (T, bool) {
	late := time.NewTimer(patience)
	defer late.Stop()
	for {
		w.mu.Lock()
		value := w.value
		if w.changed == nil {
			w.changed = make(chan struct{})
		}
		changed := w.changed
		w.mu.Unlock()
		if wanted(value) {
			return value, true
		}
		select {
		case <-changed:
		case <-late.C:
			return value, false
		}
	}
}
