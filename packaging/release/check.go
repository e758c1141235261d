package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// checks are what must hold before anything is done.
var checks = []func(*release, context.Context) error{
	(*release).isNewer,
	(*release).isOnMain,
	(*release).isClean,
	(*release).hasNotes,
	(*release).hasOneVersion,
	(*release).hasRoom,
}

// check returns all that is wrong.
func (r *release) check(ctx context.Context) error {
	var errs []error
	for _, check := range checks {
		errs = append(errs, check(r, ctx))
	}
	return errors.Join(errs...)
}

func (r *release) isNewer(ctx context.Context) error {
	last, err := lastRelease(ctx, r.checkout)
	if err != nil || last == nil || r.version.compare(*last) > 0 {
		return err
	}
	return fmt.Errorf("VERSION=%v is not above %v, which has been released", r.version, last)
}

// lastRelease returns the highest version that has a tag, or nil.
func lastRelease(ctx context.Context, checkout repository) (last *version, err error) {
	tags, err := checkout.git(ctx, "tag", "--list", "v*")
	if err != nil {
		return nil, err
	}
	for tag := range strings.Lines(tags) {
		v, err := parseVersion(strings.TrimSpace(tag)[1:])
		if err == nil && (last == nil || v.compare(*last) > 0) { // else it is another kind of tag
			last = &v
		}
	}
	return last, nil
}

func (r *release) isOnMain(ctx context.Context) error {
	branch, err := r.checkout.git(ctx, "branch", "--show-current")
	if err != nil || branch == mainBranch {
		return err
	}
	if branch == "" {
		branch = "no branch"
	}
	return fmt.Errorf("the checkout is on %s: releases are made from %s", branch, mainBranch)
}

func (r *release) isClean(ctx context.Context) error {
	changes, err := r.checkout.git(ctx, "status", "--porcelain")
	if err != nil || changes == "" {
		return err
	}
	return fmt.Errorf("the checkout has changes: commit them, or put them away:\n%s", changes)
}

func (r *release) hasNotes(context.Context) error {
	text, err := os.ReadFile(r.checkout.path(changelogFile))
	if err != nil {
		return err
	}
	c, err := parseChangelog(string(text))
	if err == nil {
		err = c.check(r.version)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", changelogFile, err)
	}
	return nil
}

// hasOneVersion looks for places that a release would forget. Tests may hold the
// version in examples; those that expect it fail when it changes.
func (r *release) hasOneVersion(ctx context.Context) error {
	text, err := os.ReadFile(r.checkout.path(versionFile))
	if err != nil {
		return err
	}
	now := strings.TrimSpace(string(text))
	if !strings.HasSuffix(now, "-dev") {
		return fmt.Errorf("%s: %q, want a version that ends in -dev between releases", versionFile, now)
	}
	files, err := r.checkout.git(ctx, "grep", "--fixed-strings", "--files-with-matches", "--cached", "-e", now, "--", ":(exclude)*_test.go")
	if err != nil {
		return err
	}
	var others []string
	for file := range strings.Lines(files) {
		if file = strings.TrimSpace(file); file != versionFile {
			others = append(others, file)
		}
	}
	if others != nil {
		return fmt.Errorf("%s stands outside of %s too: in %s", now, versionFile, strings.Join(others, ", "))
	}
	return nil
}

func (r *release) hasRoom(context.Context) error {
	dir := r.kept()
	_, err := os.Lstat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = fmt.Errorf("%s is there, of an earlier try: move it away", dir)
	}
	return err
}

// path returns the path of a file of the tree.
func (r repository) path(elem ...string) string {
	return filepath.Join(append([]string{string(r)}, elem...)...)
}
