// Command release makes a release of the checkout that it is run in: it sets the
// version, closes the changelog's section, tests, tags, and builds packages,
// image, repository, notes and checksums. All of that is done in a clone, and taken over in
// the end; until then, and where anything fails, the checkout is as it was.
//
// It publishes nothing and knows no forge and no registry: it prints what to run.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

// real are the commands of a release.
var real = commands{
	generate: []string{"go", "generate", "./..."},
	test:     []string{".ci/run"},
	build:    []string{"make", "packages", "image", "chart", "repository"},
	systems:  []string{"darwin-amd64", "darwin-arm64", "freebsd-amd64", "freebsd-arm64"},
}

// untested stands in for the tests where they are skipped.
var untested = []string{"make", "generated"}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], ".", real, os.Stdout, os.Stderr))
}

func run(ctx context.Context, args []string, checkout repository, c commands, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("release", flag.ContinueOnError)
	flags.SetOutput(stderr)
	text := flags.String("version", "", "the `VERSION` to release")
	dry := flags.Bool("dry-run", false, "do everything in a clone, and leave the checkout as it is")
	skip := flags.Bool("skip-tests", false, "leave out the tests; for a dry run")
	rehearse := flags.Bool("rehearse", false, "release this commit, untested, in a clone, whatever the checkout looks like")
	if err := flags.Parse(args); err != nil || flags.NArg() > 0 {
		return 2
	}
	err := func() error {
		if err := findSecrets(); err != nil {
			return err
		}
		if *skip && !*dry {
			return errors.New("SKIP_TESTS is for dry runs: add DRY_RUN=1")
		}
		if *skip || *rehearse {
			c.test = untested
		}
		if *rehearse {
			return rehearsal(ctx, checkout, c, stdout)
		}
		v, err := parseVersion(*text)
		if err != nil {
			return err
		}
		r := &release{checkout: checkout, version: v, day: time.Now().UTC(), commands: c, out: stdout}
		return r.perform(ctx, *dry)
	}()
	if err != nil {
		fmt.Fprintln(stderr, "release:", err)
		return 1
	}
	return 0
}

// secrets are the variables that name the files with which the repository is signed.
var secrets = []string{"SIGNING_KEY", "SIGNING_PASSPHRASE"}

// findSecrets refuses files that are not there before the tests take their time, and makes
// their paths absolute, because the repository is signed in a clone.
func findSecrets() error {
	for _, name := range secrets {
		path := os.Getenv(name)
		if path == "" {
			continue
		}
		path, err := filepath.Abs(path)
		if err == nil {
			_, err = os.Stat(path)
		}
		if err == nil {
			err = os.Setenv(name, path)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}
