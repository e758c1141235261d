// Command image builds the container image without an engine. The image has all programs
// of cmd/, for each architecture, in one layer without a base.
//
//	go -C packaging/image run . [-out DIR] [-arch LIST] [-version V] [-commit C] [-created SECONDS]
//	go -C packaging/image run . -root DIR [-arch ARCH]
//
// It writes to DIR an OCI archive with an index of all architectures, and one archive for
// docker load for each architecture. The same source, arguments and version of Go produce
// the same bytes. With -root it writes the files of one architecture to a directory
// instead, which needs root; the Dockerfile gets the same files that way.
//
// It is a module of its own, because it and the programs need different modules.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
}

// recipe has the inputs of an image.
type recipe struct {
	source  string // the repository
	version string
	commit  string
	created time.Time
}

func run(ctx context.Context, args []string) error {
	var r recipe
	flags := flag.NewFlagSet("image", flag.ExitOnError)
	flags.StringVar(&r.source, "source", "../..", "the repository")
	flags.StringVar(&r.version, "version", "", "version of the image (default: that of the programs)")
	flags.StringVar(&r.commit, "commit", "unknown", "commit of the source")
	created := flags.Int64("created", 0, "time of all files and of the image, in seconds since 1970")
	arch := flags.String("arch", "", "architectures, separated by commas (default: amd64,arm64; with -root: this machine's)")
	out := flags.String("out", "../../dist", "directory for the archives")
	root := flags.String("root", "", "directory for the image's files, instead of archives")
	_ = flags.Parse(args) // ends the program by itself
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	r.created = time.Unix(*created, 0).UTC()
	if r.version == "" {
		own, err := os.ReadFile(filepath.Join(r.source, "internal/cli/VERSION"))
		if err != nil {
			return fmt.Errorf("read the version: %w", err)
		}
		r.version = strings.TrimSpace(string(own))
	}

	if *root != "" {
		if *arch == "" {
			*arch = runtime.GOARCH
		}
		files, err := r.files(ctx, *arch)
		if err != nil {
			return err
		}
		return writeRoot(*root, files)
	}
	if *arch == "" {
		*arch = "amd64,arm64"
	}
	return r.writeArchives(ctx, *out, strings.Split(*arch, ","))
}
