package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"haproxystats/internal/config"
	"haproxystats/internal/doctor"
	"haproxystats/internal/durable"
	"haproxystats/internal/starter"
)

type configOptions struct {
	output     string
	force      bool
	socketDir  string
	servers    string
	graphite   string
	prometheus bool
	// system is the operating system of this host, as Go names it; empty means linux.
	system string
	// ask is true if a person at a terminal can be asked for what is missing.
	ask bool
}

func newConfig(stdout, stderr io.Writer) *cobra.Command {
	var o configOptions
	cmd := &cobra.Command{
		Use:   "config [flags]",
		Short: "Write a first configuration for the HAProxy of this host",
		Long: `Looks for the stats sockets of HAProxy, and prints a configuration for them that gives
the reason of each option as a comment. With --output, it writes a file instead.

It looks at the stats socket lines in the configuration of each running HAProxy, and
at the sockets in /run/haproxy, /var/run/haproxy and /var/lib/haproxy. With
--socket-dir or --servers, it looks nowhere else. It asks each socket for its version
and level, which changes nothing. Run it as root, so that it may read and ask all.

If neither --graphite nor --prometheus is given and it runs in a terminal, it asks for
the server of Graphite. What it can't find is named on standard error, with the
remedy.`,
		Args:              noArguments,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			for _, name := range []string{"output", "socket-dir", "servers", "graphite"} {
				if f := cmd.Flags().Lookup(name); f.Changed && strings.TrimSpace(f.Value.String()) == "" {
					return fmt.Errorf("--%s is empty: see -h", name)
				}
			}
			o.ask = isTerminal(os.Stdin) && isTerminal(stdout)
			o.system = runtime.GOOS
			return writeConfig(o, os.DirFS("/"), os.Stdin, stdout, stderr)
		},
	}
	fl := cmd.Flags()
	fl.SortFlags = false
	fl.StringVarP(&o.output, "output", "o", "", "`file` to write, with mode 0640, instead of standard output")
	fl.BoolVar(&o.force, "force", false, "replace the file if it exists")
	fl.StringVar(&o.socketDir, "socket-dir", "", "`directory` of the stats sockets")
	fl.StringVar(&o.servers, "servers", "", "`list` of stats sockets, as in the option servers: unix:///path, tcp://host:port")
	fl.StringVar(&o.graphite, "graphite", "", "`server` of Graphite, host or host:port (default port 2003)")
	fl.BoolVar(&o.prometheus, "prometheus", false, "let Prometheus scrape the metrics; without --graphite nothing is sent to Graphite")
	if err := errors.Join(cmd.MarkFlagFilename("output", "conf"), cmd.MarkFlagDirname("socket-dir")); err != nil {
		panic(err) // the flags are those above
	}
	addHelp(cmd)
	return cmd
}

// writeConfig looks around, and writes a configuration.
func writeConfig(o configOptions, root fs.FS, stdin io.Reader, stdout, stderr io.Writer) error {
	if o.force && o.output == "" {
		return errors.New("--force has no effect without --output: add --output FILE, or leave it out")
	}
	if o.output != "" {
		if err := checkOutput(o.output, o.force); err != nil {
			return err
		}
	}
	draft := starter.Draft{Prometheus: o.prometheus}
	if err := draft.SetGraphite(o.graphite); err != nil {
		return fmt.Errorf("--graphite %q: %w", o.graphite, err)
	}
	notes, err := findSockets(&draft, o, root)
	if err != nil {
		return err
	}
	notes = append(notes, notesOf(o)...)
	if o.ask && o.graphite == "" && !o.prometheus {
		if err := askGraphite(&draft, stdin, stderr); err != nil {
			return err
		}
	}
	text, warnings := draft.Write()
	for _, w := range slices.Concat(notes, warnings) {
		fmt.Fprintf(stderr, "%s: warning: %s\n", toolName, w)
	}
	if o.output == "" {
		_, err := io.WriteString(stdout, text)
		return err
	}
	if err := writeFile(o.output, text, o.force); err != nil {
		return err
	}
	fmt.Fprintf(stderr, "%s: %s is written. Look for mistakes: %s doctor -f %s\n", toolName, o.output, toolName, o.output)
	return nil
}

// notesOf returns what a person should know on another system than Linux.
func notesOf(o configOptions) (notes []string) {
	if o.system == "" || o.system == "linux" {
		return nil
	}
	if o.servers == "" && o.socketDir == "" {
		notes = append(notes, fmt.Sprintf("HAProxy's processes can't be seen on %s, so their stats socket lines are not looked at: if a socket is missing, name it with --servers or --socket-dir", o.system))
	}
	return append(notes, "haproxystats-pull and haproxystats-process, which use all of the configuration, run on Linux only: here doctor, paths, replay and top read it")
}

// findSockets finds the sockets and asks them. It returns what can't be used.
func findSockets(d *starter.Draft, o configOptions, root fs.FS) (notes []string, err error) {
	var candidates []starter.Candidate
	if o.servers != "" {
		servers, err := config.ParseServers(o.servers)
		if err != nil {
			return nil, fmt.Errorf("--servers %q: %w", o.servers, err)
		}
		for _, s := range servers {
			candidates = append(candidates, starter.Candidate{Server: s, From: "in --servers", Named: true})
		}
	}
	dirs, around := starter.UsualDirs, o.servers == "" && o.socketDir == ""
	if !around {
		dirs = nil
	}
	if o.socketDir != "" {
		if d.SocketDir, err = filepath.Abs(o.socketDir); err != nil {
			return nil, err
		}
		if err := starter.CheckDir(d.SocketDir); err != nil {
			return nil, fmt.Errorf("--socket-dir %q: %w", o.socketDir, err)
		}
		dirs = []string{d.SocketDir}
	}
	masters := doctor.MasterSockets(root)
	found := starter.Find(root, dirs, around)
	for _, c := range found.Candidates {
		if !slices.ContainsFunc(candidates, func(other starter.Candidate) bool { return other.Server == c.Server }) {
			candidates = append(candidates, c)
		}
	}
	d.Others = found.Others
	d.Sockets = starter.Ask(context.Background(), candidates, masters)
	d.Listed = o.servers != ""
	if around {
		d.Masters = slices.Sorted(maps.Keys(masters))
	}
	return found.Notes, nil
}

// askGraphite asks a person for the server of Graphite until the answer is one.
func askGraphite(d *starter.Draft, stdin io.Reader, stderr io.Writer) error {
	lines := bufio.NewScanner(stdin)
	for {
		fmt.Fprint(stderr, "Server of Graphite, host or host:port (empty: none yet): ")
		if !lines.Scan() {
			fmt.Fprintln(stderr)
			return lines.Err()
		}
		err := d.SetGraphite(strings.TrimSpace(lines.Text()))
		if err == nil {
			return nil
		}
		fmt.Fprintf(stderr, "%v\n", err)
	}
}

// outputMode lets the group of the programs read the configuration, which may have
// passwords later.
const outputMode = 0o640

// checkOutput reports why a file can't be written, before anything is asked.
func checkOutput(file string, force bool) error {
	info, err := os.Lstat(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is not a regular file: name another one", file)
	case !force:
		return fmt.Errorf("%s exists: name another file, or add --force to replace it", file)
	}
	return nil
}

// programsGroup is the group of the programs where a package has installed them.
const programsGroup = "haproxystats"

// ownerOf returns the user and the group to whom a file that is written belongs: those of the
// file that it replaces. A new file of root's belongs to the group of the programs if there is
// one, because they could not read it otherwise.
func ownerOf(file string, uid, gid int, lookup func(group string) (*user.Group, error)) (int, int) {
	if info, err := os.Lstat(file); err == nil {
		if st, ok := info.Sys().(*syscall.Stat_t); ok {
			return int(st.Uid), int(st.Gid)
		}
	}
	if uid == 0 {
		if g, err := lookup(programsGroup); err == nil {
			if n, err := strconv.Atoi(g.Gid); err == nil {
				return uid, n
			}
		}
	}
	return uid, gid
}

// writeFile writes a file under another name, and renames it when it is whole.
func writeFile(file, text string, force bool) (err error) {
	f, err := os.CreateTemp(filepath.Dir(file), "."+filepath.Base(file)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	if uid, gid := ownerOf(file, os.Getuid(), os.Getgid(), user.LookupGroup); uid != os.Getuid() || gid != os.Getgid() {
		if err := f.Chown(uid, gid); err != nil {
			return fmt.Errorf("the new file can't belong to whom the old one does: %w. Run the command as root", err)
		}
	}
	if _, err = f.WriteString(text); err != nil {
		return err
	}
	if err = errors.Join(f.Chmod(outputMode), f.Sync(), f.Close()); err != nil {
		return err
	}
	if force {
		err = os.Rename(f.Name(), file)
	} else if err = durable.RenameNoReplace(f.Name(), file); errors.Is(err, fs.ErrExist) {
		err = fmt.Errorf("%s exists: name another file, or add --force to replace it", file)
	}
	if err != nil {
		return err
	}
	return durable.SyncDir(filepath.Dir(file))
}
