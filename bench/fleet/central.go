package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"haproxystats/internal/aggregate"
	"haproxystats/internal/cluster"
	"haproxystats/internal/metric"
	"haproxystats/internal/window"
)

// The options of the cluster: the defaults of haproxystats-central.
const (
	interval   = 10 * time.Second
	grace      = 5 * time.Second
	late       = time.Minute
	nodeExpiry = time.Minute
)

// clusterName is the name of the simulated cluster.
const clusterName = "fleet"

// commitEvery is the number of records between two commits.
const commitEvery = 100

// Usage is what a reader says of itself at its end.
type Usage struct {
	// Peak is the largest resident memory in bytes.
	Peak int64
}

// Central reads the logs of the partitions in dir to their ends, and writes down the
// values of each window. If kill is above 0, it kills its own process after that many
// records.
func Central(dir string, partitions, kill int, stdout io.Writer) error {
	var left atomic.Int64
	left.Store(int64(kill))
	var wg sync.WaitGroup
	errs := make([]error, partitions)
	for n := range partitions {
		wg.Go(func() { errs[n] = readPartition(partition(dir, n), &left) })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	peak, err := peakMemory()
	if err != nil {
		return err
	}
	return json.NewEncoder(stdout).Encode(Usage{peak})
}

// readPartition reads one log. It kills the process when left, which all partitions
// share, becomes 0.
func readPartition(dir string, left *atomic.Int64) error {
	begin, err := lastCommit(dir)
	if err != nil {
		return err
	}
	in, err := open(dir, begin.Offset)
	if err != nil {
		return err
	}
	defer in.close()
	out, err := os.OpenFile(filepath.Join(dir, resultsFile), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640)
	if err != nil {
		return err
	}
	defer out.Close()
	stage := cluster.New(cluster.Options{
		Mark:  begin.Mark,
		Sinks: []cluster.Sink{&results{out, newDigester()}},
		Windows: func(string) window.Options {
			return window.Options{
				Interval: interval, Grace: grace, Late: late, NodeExpiry: nodeExpiry,
				NewAggregator: func() window.Aggregator { return aggregate.New(options) },
			}
		},
	})
	defer stage.Close()

	// held has the offsets of records that are still needed, in order.
	var held []*offset
	for n := 1; ; n++ {
		at := in.offset
		r, err := in.next()
		if errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if len(r.frame) == 0 {
			stage.Tick(r.at)
		} else {
			o := &offset{at: at}
			held = append(held, o)
			if err := stage.Add(r.frame, r.at, func() { o.released = true }); err != nil {
				return err
			}
		}
		if err := stage.Advance(context.Background()); err != nil {
			return err
		}
		if left.Add(-1) == 0 {
			return syscall.Kill(os.Getpid(), syscall.SIGKILL)
		}
		if n%commitEvery > 0 {
			continue
		}
		for len(held) > 0 && held[0].released {
			held = held[1:]
		}
		next := committed{in.offset, stage.Mark()}
		if len(held) > 0 {
			next.Offset = held[0].at
		}
		if err := commit(dir, next); err != nil {
			return err
		}
	}
}

// offset is the offset of a record.
type offset struct {
	at       int64
	released bool
}

// options are those of all aggregators.
var options = aggregate.Options{Percentages: true}

// results is a sink that writes a line for each batch.
type results struct {
	out    *os.File
	digest *digester
}

// Name implements [cluster.Sink].
func (r *results) Name() string { return "results" }

// Deliver implements [cluster.Sink].
func (r *results) Deliver(_ context.Context, b *metric.Batch) error {
	sum, err := r.digest.digest(b)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(r.out, "%d %d\n", b.Epoch, sum)
	return err
}

// peakMemory returns the peak resident memory of this process.
func peakMemory() (int64, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kib, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
			return kib << 10, err
		}
	}
	return 0, errors.New("/proc/self/status has no line VmHWM")
}
