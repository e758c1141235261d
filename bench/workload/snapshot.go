package workload

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"testing/fstest"
	"time"

	"haproxystats/internal/snapshot"
)

// File is one file of a snapshot.
type File struct {
	Name string
	Data []byte
}

// Epoch is the time of a round, the name of its directory.
func Epoch(round int) int64 { return 1_800_000_000 + 10*int64(round) }

// Files returns the files of a round: proc1.sock_info, proc1.sock_stat, ...
func (g *Generator) Files(round int) []File {
	files := make([]File, 0, 2*g.size.Processes)
	room := g.size.Rows() / g.size.Processes * 450
	for process := range g.size.Processes {
		socket := fmt.Sprintf("proc%d.sock", process+1)
		files = append(files,
			File{socket + snapshot.InfoSuffix, g.AppendInfo(nil, process, round)},
			File{socket + snapshot.StatSuffix, g.AppendStat(make([]byte, 0, room), process, round)})
	}
	return files
}

// Snapshot returns the directory of a round as a file system in memory.
func (g *Generator) Snapshot(round int) fs.FS {
	snapshot := fstest.MapFS{}
	for _, f := range g.Files(round) {
		snapshot[f.Name] = &fstest.MapFile{Data: f.Data, Mode: 0o640, ModTime: time.Unix(Epoch(round), 0)}
	}
	return snapshot
}

// Write writes the directory of a round below dir and returns its path.
func (g *Generator) Write(dir string, round int) (string, error) {
	path := filepath.Join(dir, strconv.FormatInt(Epoch(round), 10))
	return path, WriteFiles(path, g.Files(round))
}

// WriteFiles makes the directory path with these files in it.
func WriteFiles(path string, files []File) error {
	if err := os.MkdirAll(path, 0o750); err != nil {
		return err
	}
	for _, f := range files {
		if err := os.WriteFile(filepath.Join(path, f.Name), f.Data, 0o640); err != nil {
			return err
		}
	}
	return nil
}
