package measure

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// The test binary stands in for the programs under test: with fakeVar set it
// runs one of the fakes instead of the tests.
const fakeVar = "HAPROXYSTATS_BENCH_FAKE"

func TestMain(m *testing.M) {
	if name := os.Getenv(fakeVar); name != "" {
		if err := fakes[name](os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

var fakes = map[string]func(config string) error{
	"process": fakeProcess,
	"pull":    fakePull,
	"short":   func(config string) error { return fakePullFiles(config, 1) },
	"broken":  func(string) error { return fmt.Errorf("the fake is broken") },
}

// fake returns a program that runs the fake of that name.
func fake(t *testing.T, name string) Program {
	t.Helper()
	t.Setenv(fakeVar, name)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return Program{Name: name, Process: self, Pull: self}
}

// option reads an option of a configuration file.
func option(config, name string) (string, error) {
	text, err := os.ReadFile(config)
	if err != nil {
		return "", err
	}
	m := regexp.MustCompile(`(?m)^` + name + ` = (.*)$`).FindSubmatch(text)
	if m == nil {
		return "", fmt.Errorf("%s has no %s", config, name)
	}
	return string(m[1]), nil
}

// fakeProcess sends one line per file of each snapshot, on one connection.
func fakeProcess(config string) error {
	src, err := option(config, "src-dir")
	if err != nil {
		return err
	}
	port, err := option(config, "port")
	if err != nil {
		return err
	}
	conn, err := net.Dial("tcp", "127.0.0.1:"+port)
	if err != nil {
		return err
	}
	defer conn.Close()
	for range time.Tick(time.Millisecond) {
		snapshots, err := filepath.Glob(filepath.Join(src, "*"))
		if err != nil {
			return err
		}
		for _, dir := range snapshots {
			files, err := os.ReadDir(dir)
			if err != nil {
				return err
			}
			for _, f := range files {
				if _, err := fmt.Fprintf(conn, "a.b 1 %s\n", f.Name()); err != nil {
					return err
				}
			}
			if err := os.RemoveAll(dir); err != nil {
				return err
			}
		}
	}
	return nil
}

func fakePull(config string) error { return fakePullFiles(config, 1000) }

// fakePullFiles hands over a directory with the replies of the first sockets,
// the next one when the last has been collected.
func fakePullFiles(config string, limit int) error {
	sockets, err := option(config, "socket-dir")
	if err != nil {
		return err
	}
	dst, err := option(config, "dst-dir")
	if err != nil {
		return err
	}
	tmp, err := option(config, "tmp-dst-dir")
	if err != nil {
		return err
	}
	paths, err := filepath.Glob(filepath.Join(sockets, "*"))
	if err != nil {
		return err
	}
	paths = paths[:min(limit, len(paths))]
	n := 1000
	for range time.Tick(time.Millisecond) {
		if waiting, err := os.ReadDir(dst); err != nil || len(waiting) > 0 {
			continue
		}
		n++
		dir := filepath.Join(tmp, fmt.Sprint(n))
		if err := os.Mkdir(dir, 0o750); err != nil {
			return err
		}
		for _, path := range paths {
			reply, err := ask(path, "show info;show stat\n")
			if err != nil {
				return err
			}
			if err := os.WriteFile(filepath.Join(dir, filepath.Base(path)+"_stat"), []byte(reply), 0o640); err != nil {
				return err
			}
		}
		if err := os.Rename(dir, filepath.Join(dst, fmt.Sprint(n))); err != nil {
			return err
		}
	}
	return nil
}

// ask sends commands to a stats socket and returns all it answers.
func ask(path, commands string) (string, error) {
	conn, err := net.Dial("unix", path)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if _, err := conn.Write([]byte(commands)); err != nil {
		return "", err
	}
	var reply strings.Builder
	buf := make([]byte, 64<<10)
	for {
		n, err := conn.Read(buf)
		reply.Write(buf[:n])
		if err != nil {
			return reply.String(), nil
		}
	}
}
