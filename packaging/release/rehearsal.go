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

// rehearsal makes a release, not a dry one, of a copy of the commit that is
// checked out, and looks at what came of it.
func rehearsal(ctx context.Context, checkout repository, c commands, out io.Writer) (err error) {
	dir, err := os.MkdirTemp("", "haproxystats-rehearsal-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	stage := repository(filepath.Join(dir, "haproxystats"))
	if _, err := checkout.git(ctx, "clone", "--quiet", ".", string(stage)); err != nil {
		return err
	}
	v, err := prepare(ctx, stage)
	if err != nil {
		return fmt.Errorf("prepare the rehearsal: %w", err)
	}
	r := &release{checkout: stage, version: v, day: time.Now().UTC(), commands: c, out: out}
	if err := r.perform(ctx, false); err != nil {
		return err
	}
	if err := r.review(ctx); err != nil {
		return fmt.Errorf("review the rehearsal: %w", err)
	}
	fmt.Fprintf(out, "\nThis was a rehearsal in %s, which is gone: the commit can be released.\n", dir)
	return nil
}

// prepare makes the copy of any commit look like main between two releases, with
// something to tell, and returns the version to release.
func prepare(ctx context.Context, stage repository) (v version, err error) {
	text, err := os.ReadFile(stage.path(versionFile))
	if err != nil {
		return v, err
	}
	changes, err := os.ReadFile(stage.path(changelogFile))
	if err != nil {
		return v, err
	}
	now, notes := strings.TrimSpace(string(text)), string(changes)
	if !strings.HasSuffix(now, "-dev") { // the commit is a release
		if v, err = parseVersion(now); err != nil {
			return v, err
		}
		now, notes = v.between(), opened(notes)
	}
	c, err := parseChangelog(notes)
	if err != nil {
		return v, fmt.Errorf("%s: %w", changelogFile, err)
	}
	if c.empty() {
		notes = c.before + unreleased + "\n\n- A rehearsal.\n" + gap(c.after)
	}
	if v, err = parseVersion(strings.TrimSuffix(now, "-dev")); err != nil {
		return v, err
	}
	err = errors.Join(
		os.WriteFile(stage.path(versionFile), []byte(now+"\n"), 0o644),
		os.WriteFile(stage.path(changelogFile), []byte(notes), 0o644),
	)
	if err != nil {
		return v, err
	}
	return v, stage.gits(
		ctx,
		[]string{"checkout", "--quiet", "-B", mainBranch},
		[]string{"config", "user.name", "rehearsal"},
		[]string{"config", "user.email", "rehearsal@localhost"},
		[]string{"config", "commit.gpgSign", "false"},
		[]string{"config", "tag.gpgSign", "false"},
		[]string{"commit", "--quiet", "--all", "--allow-empty", "--message", "rehearsal"},
	)
}

// review looks at the checkout of a release as who publishes it would.
func (r *release) review(ctx context.Context) error {
	if err := r.isClean(ctx); err != nil {
		return err
	}
	if err := r.hasArchives(ctx); err != nil {
		return err
	}
	for _, look := range []struct {
		args []string
		want string
	}{
		{[]string{"branch", "--show-current"}, mainBranch},
		{[]string{"rev-parse", "HEAD~2"}, r.base},
		{[]string{"describe", "--exact-match", "HEAD~1"}, r.version.tag()}, // finds annotated tags
		{[]string{"show", "HEAD~1:" + versionFile}, r.version.String()},
		{[]string{"show", "HEAD:" + versionFile}, r.version.between()},
	} {
		got, err := r.checkout.git(ctx, look.args...)
		if err != nil {
			return err
		}
		if got != look.want {
			return fmt.Errorf("git %s: %s, want %s", strings.Join(look.args, " "), got, look.want)
		}
	}
	return repository(r.kept()).run(ctx, r.out, "sha256sum", "--quiet", "--strict", "--check", sumsFile)
}
