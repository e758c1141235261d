package suite

import (
	"context"
	"time"

	"haproxystats/bench/measure"
)

func (r *results) process(ctx context.Context, c Contender, pool *measure.Pool) error {
	trial, err := measure.Process(ctx, c.Program, pool, c.Counts.Warm, c.Counts.of(pool.Size))
	if err != nil {
		return err
	}
	subject := processSubject(pool.Size)
	r.add(subject, c.Name, unitCPU, milliseconds(trial.CPU))
	r.add(subject, c.Name, "wc-l-ms", milliseconds(trial.WordCount))
	r.add(subject, c.Name, unitRatio, float64(trial.CPU)/float64(trial.WordCount))
	r.add(subject, c.Name, unitPeak, megabytes(trial.Peak))
	r.add(subject, c.Name, "lines", float64(trial.Lines))
	return nil
}

func (r *results) firstLine(ctx context.Context, c Contender, pool *measure.Pool) error {
	for range c.Counts.Starts {
		took, err := measure.FirstLine(ctx, c.Program, pool)
		if err != nil {
			return err
		}
		r.add(processSubject(pool.Size), c.Name, unitFirstLine, milliseconds(took))
	}
	return nil
}

// pull measures a program right after the plain copy, on the same replies.
func (r *results) pull(ctx context.Context, c Contender, plain measure.Program, pool *measure.Pool) error {
	yardstick, err := measure.Pull(ctx, plain, pool, pullSockets, 1, c.Counts.PullRounds)
	if err != nil {
		return err
	}
	trial, err := measure.Pull(ctx, c.Program, pool, pullSockets, 1, c.Counts.PullRounds)
	if err != nil {
		return err
	}
	subject := pullSubject(pool.Size)
	r.add(subject, c.Name, unitCPU, milliseconds(trial.CPU))
	r.add(subject, c.Name, "copy-ms", milliseconds(yardstick.CPU))
	r.add(subject, c.Name, unitCopies, float64(trial.CPU)/float64(yardstick.CPU))
	r.add(subject, c.Name, unitPeak, megabytes(trial.Peak))
	r.add(subject, c.Name, "pulled-MB", megabytes(trial.Bytes))
	return nil
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func megabytes(n int64) float64 { return float64(n) / 1e6 }
