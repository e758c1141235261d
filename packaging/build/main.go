// Command build makes the packages: deb, rpm and apk for each architecture, an archive
// for each other system, one bill of materials (CycloneDX) and SHA256SUMS. The same source, version, commit,
// date and Go make the same bytes, wherever they are. It runs at the root of a
// checkout.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
)

// order says what to build.
type order struct {
	version string // of semver.org
	commit  string
	date    time.Time // that all files in the packages have
	arches  []string
	others  []target // other systems, which get archives
	out     string
	// homepage is the address that the packages name.
	homepage string
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "packages:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("build", flag.ContinueOnError)
	version := flags.String("version", "", "version of the packages, as semver.org has them")
	commit := flags.String("commit", "", "commit that the programs tell")
	date := flags.Int64("date", 0, "date of all files, in seconds since 1970")
	arches := flags.String("arches", "amd64,arm64", "architectures, as Go names them")
	out := flags.String("out", "dist", "directory for the packages")
	others := flags.String("others", "", "other systems to make archives for, as darwin/arm64, separated by commas")
	homepage := flags.String("homepage", defaultHomepage, "address of the project that the packages name")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *version == "" || *commit == "" || *date <= 0 || flags.NArg() > 0 {
		return errors.New("-version, -commit and -date are needed: `make packages` gives them")
	}
	o := order{version: *version, commit: *commit, date: time.Unix(*date, 0).UTC(), arches: strings.Split(*arches, ","), out: *out, homepage: *homepage}
	if *others != "" {
		for _, name := range strings.Split(*others, ",") {
			t, err := parseTarget(name)
			if err != nil {
				return fmt.Errorf("-others: %w", err)
			}
			o.others = append(o.others, t)
		}
	}
	stage, err := os.MkdirTemp("", "packages-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(stage)
	return errors.Join(build(ctx, o, stage), ctx.Err())
}

// build makes everything below stage, and puts what is to be kept into o.out.
func build(ctx context.Context, o order, stage string) error {
	programs, err := compile(ctx, o, stage)
	if err != nil {
		return err
	}
	modules, err := linked(ctx, programs)
	if err != nil {
		return err
	}
	nfpm, err := findPacker(ctx)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(o.out, 0o755); err != nil {
		return err
	}
	written := []string{bomName(o.version)}
	if err := writeBOM(o, programs, modules); err != nil {
		return err
	}
	for _, t := range o.others {
		if err := writeArchive(o, t, programs, modules); err != nil {
			return err
		}
		written = append(written, archiveName(o.version, t))
	}
	packing, ctx := errgroup.WithContext(ctx)
	packing.SetLimit(runtime.NumCPU())
	for _, arch := range o.arches {
		root := stagePath(stage, arch)
		if err := addFiles(o, root, modules); err != nil {
			return errors.Join(err, packing.Wait())
		}
		for _, format := range formats {
			name := fileName(format, o.version, arch)
			written = append(written, name)
			packing.Go(func() error { return nfpm.pack(ctx, o, root, arch, format, name) })
		}
	}
	if err := packing.Wait(); err != nil {
		return err
	}
	return writeSums(o.out, written)
}
