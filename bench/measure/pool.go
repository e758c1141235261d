package measure

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"haproxystats/bench/workload"
)

// rounds is how many different snapshots a program is fed in turn.
const rounds = 3

// Pool holds the files of a few rounds, so that the time it takes to generate
// them does not stretch a measurement.
type Pool struct {
	Size      workload.Size
	rounds    [][]workload.File
	generator *workload.Generator
}

// NewPool generates the rounds of a size.
func NewPool(size workload.Size, seed uint64) (*Pool, error) {
	g, err := workload.New(size, seed)
	if err != nil {
		return nil, err
	}
	p := &Pool{Size: size, generator: g}
	for round := range rounds {
		p.rounds = append(p.rounds, g.Files(round))
	}
	return p, nil
}

// live returns the files of the first round as they are in a later one, so many seconds
// after the first: the processes are the same, and their counters have grown.
func (p *Pool) live(round int, since time.Duration) []workload.File {
	files := slices.Clone(p.rounds[0])
	for process := range len(files) / 2 {
		stat := &files[2*process+1]
		stat.Data = p.generator.AppendLiveStat(make([]byte, 0, len(stat.Data)+len(stat.Data)/16), process, round, since)
	}
	return files
}

// spool is the pair of directories through which snapshots are handed over.
type spool struct{ incoming, staging string }

func newSpool(base string) (spool, error) {
	s := spool{incoming: filepath.Join(base, "incoming"), staging: filepath.Join(base, "incoming.tmp")}
	for _, dir := range []string{s.incoming, s.staging} {
		if err := os.MkdirAll(dir, 0o750); err != nil {
			return spool{}, err
		}
	}
	return s, nil
}

// stage writes the nth snapshot into the staging directory and returns its
// path there and where hand-over renames it to.
func (p *Pool) stage(s spool, n int) (staged, visible string, err error) {
	name := strconv.FormatInt(workload.Epoch(n), 10)
	staged = filepath.Join(s.staging, name)
	return staged, filepath.Join(s.incoming, name), workload.WriteFiles(staged, p.rounds[n%rounds])
}
