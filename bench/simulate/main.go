// Command simulate combines the tables of a simulated fleet of nodes, as
// haproxystats-central does, kills the program that does it now and then, compares the
// values of each window with those of one aggregation, and prints what it took. Run it
// from the top of the checkout.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"text/tabwriter"
	"time"

	"haproxystats/bench/fleet"
	"haproxystats/bench/workload"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == fleet.CommandName {
		exit(fleet.Command(os.Args[2:], os.Stdout))
	}
	exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

func exit(err error) {
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "simulate:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func run(args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("simulate", flag.ContinueOnError)
	flags.SetOutput(stderr)
	plan := fleet.Plan{Progress: stderr}
	size := flags.String("size", "S", "size of each node: S, M or L")
	flags.IntVar(&plan.Nodes, "nodes", 1000, "nodes of the cluster")
	flags.IntVar(&plan.Shards, "shards", 1, "shards of the cluster")
	flags.IntVar(&plan.Windows, "windows", 12, "windows to combine")
	flags.IntVar(&plan.Crashes, "crashes", 0, "how often the reader is killed; its memory is that of the last one")
	flags.Uint64Var(&plan.Seed, "seed", 1, "seed of the generated snapshots")
	if err := flags.Parse(args); err != nil {
		return err
	}
	for _, v := range []struct {
		name        string
		value, want int
	}{{"nodes", plan.Nodes, 1}, {"shards", plan.Shards, 1}, {"windows", plan.Windows, 1}, {"crashes", plan.Crashes, 0}} {
		if v.value < v.want {
			return fmt.Errorf("-%s %d: want %d or more", v.name, v.value, v.want)
		}
	}
	var err error
	if plan.Size, err = workload.SizeByName(*size); err != nil {
		return fmt.Errorf("-size: %w", err)
	}
	if plan.Program, err = os.Executable(); err != nil {
		return err
	}
	if plan.Dir, err = os.MkdirTemp("", "hsfleet"); err != nil {
		return err
	}
	defer os.RemoveAll(plan.Dir)
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	r, err := fleet.Run(ctx, plan)
	if err != nil {
		return err
	}
	if err := show(stdout, plan, r); err != nil {
		return err
	}
	if r.Wrong+r.Missing > 0 {
		return fmt.Errorf("%d windows are wrong and %d are missing", r.Wrong, r.Missing)
	}
	return nil
}

// show prints the result.
func show(w io.Writer, plan fleet.Plan, r fleet.Result) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	windows := float64(r.Windows)
	perWindow := r.CPU.Seconds() / windows
	for _, row := range []struct {
		what  string
		value string
	}{
		{"nodes, size, shards, crashes", fmt.Sprint(plan.Nodes, " ", plan.Size.Name, " ", plan.Shards, " ", r.Crashes)},
		{"windows, wrong, missing", fmt.Sprint(r.Windows, " ", r.Wrong, " ", r.Missing)},
		{"emissions of a shard's window", fmt.Sprintf("%.2f", float64(r.Emissions)/windows/float64(plan.Shards))},
		{"tables of a node, KB", fmt.Sprintf("%.1f", float64(r.Bytes)/float64(r.Records)*float64(plan.Shards)/1e3)},
		{"traffic of the fleet at 10 s, MB/s", fmt.Sprintf("%.2f", float64(r.Bytes)/windows/10/1e6)},
		{"CPU of a window, s", fmt.Sprintf("%.2f", perWindow)},
		{"CPU of a node in a window, ms", fmt.Sprintf("%.3f", perWindow*1e3/float64(plan.Nodes))},
		{"cores at 10 s", fmt.Sprintf("%.2f", perWindow/10)},
		{"wall of a window, s", fmt.Sprintf("%.2f", r.Wall.Seconds()/windows)},
		{"peak memory, MB", fmt.Sprintf("%.0f", float64(r.Peak)/1e6)},
		{"time", time.Now().UTC().Format(time.DateTime)},
	} {
		fmt.Fprintf(tw, "%s\t%s\n", row.what, row.value)
	}
	return tw.Flush()
}
