package config

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestMissingFile(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "haproxystats.conf")
	loaded, err := Load(ForPull, Files{File: missing})
	if err != nil || loaded.Notice != missing+" does not exist: defaults apply" || len(loaded.Warnings) > 0 {
		t.Errorf("no file gives notice %q, warnings %v, error %v", loaded.Notice, loaded.Warnings, err)
	}
	want := missing + ": no such file or directory. Make sure that the file exists and is readable"
	if loaded, err := Load(ForPull, Files{File: missing, Required: true}); message(err) != want || loaded.Notice != "" {
		t.Errorf("no file that must exist gives %v, notice %q, want %s", err, loaded.Notice, want)
	}
	want = "the file's name is empty. Name a file after -f, or leave -f out"
	if _, err := Load(ForPull, Files{Required: true}); message(err) != want {
		t.Errorf("an empty name gives %v, want %s", err, want)
	}
	dir := t.TempDir()
	want = dir + ": is a directory. Make sure that the file exists and is readable"
	if _, err := Load(ForPull, Files{File: dir}); message(err) != want {
		t.Errorf("a directory for the file gives %v, want %s", err, want)
	}
}

func writeAll(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o640); err != nil {
			t.Fatal(err)
		}
	}
}

func TestDirectory(t *testing.T) {
	dir := t.TempDir()
	writeAll(t, dir, map[string]string{
		"20-b.conf":     "[process]\nworkers = 2\n[graphite]\nport = 2\n",
		"10-a.conf":     "[process]\nworkers = 10\n[graphite]\nport = 10\nretries = 10\n",
		".hidden.conf":  "[graphite]\ndelay = 99\n",
		"30.conf.dpkg":  "[process]\nworkers = 98\n",
		"readme":        "not a configuration",
		"15-empty.conf": "",
	})
	main := write1(t, "[process]\nworkers = 1\n[graphite]\nport = 1\nretries = 1\ndelay = 1\n")
	loaded, err := Load(ForProcess, Files{File: main, Dir: dir})
	if err != nil || len(loaded.Warnings) > 0 {
		t.Fatalf("problems %v, warnings %v", err, loaded.Warnings)
	}
	g := loaded.Config.Graphite
	if loaded.Config.Process.Workers != 2 || g.Port != 2 || g.Retries != 10 || g.Delay.Seconds() != 1 {
		t.Errorf("workers %d, port %d, retries %d, delay %v", loaded.Config.Process.Workers, g.Port, g.Retries, g.Delay)
	}
}

// Problems come in the order of reading, whatever the names are.
func TestDirectoryProblems(t *testing.T) {
	dir := t.TempDir()
	writeAll(t, dir, map[string]string{
		"b.conf": "[process]\nworkers = b\n",
		"a.conf": "[graphite]\nport = a\nfqdn = a\n",
	})
	if err := syscall.Mkfifo(filepath.Join(dir, "c.conf"), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "d.conf"), 0o750); err != nil {
		t.Fatal(err)
	}
	main := write1(t, "[graphite]\nretries = z\n[process]\nworkers = z\n")
	_, err := Load(ForProcess, Files{File: main, Dir: dir})
	got := strings.ReplaceAll(strings.ReplaceAll(message(err), dir+"/", ""), main, "main")
	want := `main:2: [graphite] retries = "z": not a whole number; allowed: 0 or more, or -1 for no end
a.conf:2: [graphite] port = "a": not a whole number; allowed: 1 to 65535
a.conf:3: [graphite] fqdn = "a": neither yes nor no; allowed: true or false, yes or no, on or off, 1 or 0
b.conf:2: [process] workers = "b": not a whole number; allowed: 1 to 1024
c.conf: not a regular file. Name a regular file
d.conf: not a regular file. Name a regular file`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestBadDirectory(t *testing.T) {
	file := write1(t, "")
	for dir, want := range map[string]string{
		file:              ": not a directory. Make sure that the directory for further files exists and is readable",
		file + ".missing": ": no such file or directory. Make sure that the directory for further files exists and is readable",
	} {
		if _, err := Load(ForProcess, Files{File: file, Dir: dir}); message(err) != dir+want {
			t.Errorf("%s gives %v, want %s", dir, err, want)
		}
	}
}

func TestHugeFile(t *testing.T) {
	file := write1(t, strings.Repeat("# comment\n", maxFile/10+1))
	if _, err := Load(ForPull, Files{File: file}); !strings.Contains(message(err), "longer than 8388608 bytes") {
		t.Errorf("got %v", err)
	}
}
