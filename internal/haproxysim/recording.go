package haproxysim

import (
	"bytes"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"haproxystats/internal/snapshot"
)

// Recording holds the raw replies of one socket, each with its final empty line.
type Recording struct {
	Info, Stat []byte
	// More has the answers to further commands.
	More map[string][]byte
}

// ReadAnswers reads the answers to further commands: each follows a line of `> ` and its
// command, and ends with its empty line.
func ReadAnswers(text []byte) (map[string][]byte, error) {
	all := make(map[string][]byte)
	command := ""
	for line := range bytes.Lines(text) {
		next, ok := strings.CutPrefix(string(line), "> ")
		switch {
		case ok:
			command = strings.TrimSuffix(next, "\n")
		case command == "":
			return nil, fmt.Errorf("read answers: %q belongs to no command", line)
		default:
			all[command] = append(all[command], line...)
		}
	}
	for command, answer := range all {
		if !bytes.HasSuffix(answer, []byte("\n\n")) {
			return nil, fmt.Errorf("read answers: that to %q does not end with an empty line", command)
		}
	}
	return all, nil
}

// Load reads the recordings of a snapshot, a directory of files named
// `<socket>_info` and `<socket>_stat`, by socket.
func Load(recording fs.FS) (map[string]Recording, error) {
	files, err := fs.Glob(recording, "*"+snapshot.InfoSuffix)
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("load recordings: no file is named *"+snapshot.InfoSuffix+": %w", fs.ErrNotExist)
	}
	recordings := make(map[string]Recording, len(files))
	for _, file := range files {
		name := strings.TrimSuffix(file, snapshot.InfoSuffix)
		info, err := fs.ReadFile(recording, file)
		if err != nil {
			return nil, err
		}
		stat, err := fs.ReadFile(recording, name+snapshot.StatSuffix)
		if err != nil {
			return nil, err
		}
		recordings[name] = Recording{Info: info, Stat: stat}
	}
	return recordings, nil
}

// WithLastCheck returns a copy of r in which the first row of `show stat` holds
// text as its last_chk, quoted as HAProxy does. The text is what a checked
// server has answered: any bytes.
func (r Recording) WithLastCheck(text string) Recording {
	header, rows, _ := bytes.Cut(r.Stat, []byte("\n"))
	column := slices.Index(strings.Split(string(header), ","), "last_chk")
	row, rest, found := bytes.Cut(rows, []byte("\n"))
	fields := strings.Split(string(row), ",")
	if !found || column < 0 || column >= len(fields) {
		return r
	}
	fields[column] = `"` + strings.ReplaceAll(text, `"`, `""`) + `"`
	r.Stat = slices.Concat(header, []byte("\n"+strings.Join(fields, ",")+"\n"), rest)
	return r
}

// unknownCommand is what HAProxy 2.6.12 has answered to `nonsense`. What follows
// the first two words hangs on what was asked, and on the version.
const unknownCommand = "Unknown command, but maybe one of the following ones is a better match:\n" +
	"  set server <bk>/<srv> [opts]            : change a server's state, weight, address or ssl\n" +
	"  show env [var]                          : dump environment variables known to the process\n" +
	"  show sess [id]                          : report the list of current sessions or dump this exact session\n" +
	"  trace [<module>|0] [cmd [args...]]      : manage live tracing (empty to list, 0 to stop all)\n" +
	"  user                                    : lower the level of the current CLI session to user\n" +
	"  help [<command>]                        : list matching or all commands\n" +
	"  prompt                                  : toggle interactive mode with prompt\n" +
	"  quit                                    : disconnect\n\n"

// NoServers is what HAProxy 2.6.12 has answered to `show servers state` without a server.
const NoServers = "1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight srv_time_since_last_change " +
	"srv_check_status srv_check_result srv_check_health srv_check_state srv_agent_state bk_f_forced_id srv_f_forced_id srv_fqdn srv_port " +
	"srvrecord srv_use_ssl srv_check_port srv_check_addr srv_agent_addr srv_agent_port\n\n"

func (r Recording) answer(command string) []byte {
	if answer, ok := r.More[command]; ok {
		return answer
	}
	switch command {
	case "show info":
		return r.Info
	case "show stat":
		return r.Stat
	case "show stat -1 3 -1":
		return ProxiesOf(r.Stat)
	case "show servers state":
		return []byte(NoServers)
	}
	return []byte(unknownCommand)
}

// ProxiesOf returns a reply to `show stat` without the rows of servers and listeners. A text
// in quotes may have several lines.
func ProxiesOf(stat []byte) []byte {
	header, rows, _ := bytes.Cut(stat, []byte("\n"))
	column := slices.Index(strings.Split(string(header), ","), "type")
	proxies := append(bytes.Clone(header), '\n')
	for row := []byte(nil); len(rows) > 0; {
		line, rest, _ := bytes.Cut(rows, []byte("\n"))
		row, rows = append(append(row, line...), '\n'), rest
		if bytes.Count(row, []byte(`"`))%2 != 0 {
			continue
		}
		fields := strings.Split(string(row), ",")
		if len(fields) <= column || fields[column] == "0" || fields[column] == "1" {
			proxies = append(proxies, row...)
		}
		row = row[:0]
	}
	return proxies
}
