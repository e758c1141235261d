package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const (
	mainBranch    = "main"
	versionFile   = "internal/cli/VERSION" // the only place that holds it
	changelogFile = "CHANGELOG.md"
	distDir       = "dist"
	notesFile     = "release-notes.md"
)

// commands are the commands that a release runs in the clone.
type commands struct {
	generate []string // writes the generated files
	test     []string // decides whether the commit is good
	build    []string // writes the artefacts into dist
	systems  []string // those that the build writes archives for
}

// release is one release of a checkout.
type release struct {
	checkout repository
	version  version
	day      time.Time
	commands commands
	out      io.Writer

	clone repository // where everything is done
	base  string     // the commit that it starts from
	tip   string     // the commit that main will be at
	tag   string     // the object of the tag
}

// perform makes the release in a clone of the checkout. If it succeeds and is not a
// rehearsal, the checkout gets the result in one step. Otherwise the checkout does not
// change.
func (r *release) perform(ctx context.Context, dry bool) (err error) {
	if err := r.check(ctx); err != nil {
		return fmt.Errorf("release %v refused:\n%w", r.version, err)
	}
	dir, err := os.MkdirTemp("", "haproxystats-release-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	r.clone = repository(filepath.Join(dir, "haproxystats"))

	steps := []step{
		{"clone the checkout", r.makeClone},
		{"set the version and close the changelog", r.setVersion},
		{"test: " + strings.Join(r.commands.test, " "), r.test},
		{"tag " + r.version.tag(), r.makeTag},
		{"build: " + strings.Join(r.commands.build, " "), r.build},
		{"write the notes and the checksums", r.describe},
		{"open the changelog and go on as " + r.version.between(), r.goOn},
	}
	if !dry {
		steps = append(steps, step{"take it over into the checkout", r.takeOver})
	}
	for _, s := range steps {
		fmt.Fprintf(r.out, "release %v: %s\n", r.version, s.what)
		if err := s.do(ctx); err != nil {
			return fmt.Errorf("release %v: %s: %w; nothing has changed", r.version, s.what, err)
		}
	}
	return r.tell(ctx, dry)
}

type step struct {
	what string
	do   func(context.Context) error
}

// signing lists the options of git about authors and signatures. The checkout's own
// configuration may have them, and a clone does not copy that.
var signing = []string{"user.name", "user.email", "user.signingKey", "gpg.format", "commit.gpgSign", "tag.gpgSign"}

func (r *release) makeClone(ctx context.Context) (err error) {
	if r.base, err = r.checkout.git(ctx, "rev-parse", "HEAD"); err != nil {
		return err
	}
	if _, err := r.checkout.git(ctx, "clone", "--quiet", "--branch", mainBranch, ".", string(r.clone)); err != nil {
		return err
	}
	for _, key := range signing {
		value, err := r.checkout.git(ctx, "config", "--default", "", "--get", key)
		if err == nil && value != "" {
			_, err = r.clone.git(ctx, "config", key, value)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *release) setVersion(ctx context.Context) error {
	text, err := os.ReadFile(r.clone.path(changelogFile))
	if err != nil {
		return err
	}
	c, err := parseChangelog(string(text))
	if err != nil {
		return err
	}
	return r.commit(ctx, "release "+r.version.String(), r.version.String(), c.released(r.version, r.day))
}

func (r *release) goOn(ctx context.Context) (err error) {
	text, err := os.ReadFile(r.clone.path(changelogFile))
	if err != nil {
		return err
	}
	next := r.version.between()
	if err := r.commit(ctx, "release: go on as "+next, next, opened(string(text))); err != nil {
		return err
	}
	r.tip, err = r.clone.git(ctx, "rev-parse", "HEAD")
	return err
}

// commit commits another version and changelog, and what is generated from them.
func (r *release) commit(ctx context.Context, subject, version, changes string) error {
	if err := os.WriteFile(r.clone.path(versionFile), []byte(version+"\n"), 0o644); err != nil {
		return err
	}
	if err := os.WriteFile(r.clone.path(changelogFile), []byte(changes), 0o644); err != nil {
		return err
	}
	if err := r.clone.run(ctx, r.out, r.commands.generate...); err != nil {
		return err
	}
	return r.clone.gits(ctx, []string{"add", "--all"}, []string{"commit", "--quiet", "--message", subject})
}

// test tests the commit that gets the tag.
func (r *release) test(ctx context.Context) error {
	if err := r.clone.run(ctx, r.out, r.commands.test...); err != nil {
		return err
	}
	return r.unchanged(ctx)
}

// unchanged refuses changes that a command has left in the clone.
func (r *release) unchanged(ctx context.Context) error {
	changes, err := r.clone.git(ctx, "status", "--porcelain")
	if err == nil && changes != "" {
		err = fmt.Errorf("it has left changes in the tree:\n%s", changes)
	}
	return err
}

func (r *release) makeTag(ctx context.Context) error {
	notes, err := r.notes()
	if err != nil {
		return err
	}
	// Git would remove the headings as comments.
	_, err = r.clone.git(ctx, "tag", "--annotate", "--cleanup=whitespace",
		"--message", "haproxystats "+r.version.String()+"\n\n"+notes, r.version.tag())
	if err != nil {
		return err
	}
	r.tag, err = r.clone.git(ctx, "rev-parse", "refs/tags/"+r.version.tag())
	return err
}

// notes returns the changelog's section of the version.
func (r *release) notes() (string, error) {
	text, err := os.ReadFile(r.clone.path(changelogFile))
	if err != nil {
		return "", err
	}
	title := section + r.version.String() + " - " + r.day.Format(time.DateOnly) + "\n"
	_, notes, found := strings.Cut("\n"+string(text), "\n"+title)
	if !found {
		return "", fmt.Errorf("%s: no %q", changelogFile, title)
	}
	notes, _, _ = strings.Cut(notes, "\n"+section)
	return strings.TrimSpace(notes) + "\n", nil
}

func (r *release) build(ctx context.Context) error {
	// The tests may have built another commit's.
	if err := os.RemoveAll(r.clone.path(distDir)); err != nil {
		return err
	}
	if err := r.clone.run(ctx, r.out, r.commands.build...); err != nil {
		return err
	}
	return r.unchanged(ctx)
}

func (r *release) describe(context.Context) error {
	notes, err := r.notes()
	if err != nil {
		return err
	}
	dist := r.clone.path(distDir)
	if err := os.WriteFile(filepath.Join(dist, notesFile), []byte(notes), 0o644); err != nil {
		return err
	}
	return writeSums(dist)
}
