package main

import (
	"strings"
	"testing"
)

// TestRehearsal rehearses commits that could not be released as they are.
func TestRehearsal(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(s *site)
		want   string
	}{
		{"a commit to release", func(*site) {}, "release 1.0.0: tag v1.0.0"},
		{"no branch, and changes", func(s *site) {
			s.must("checkout", "--quiet", "--detach")
			s.write("generated", "x")
		}, "release 1.0.0: tag v1.0.0"},
		{"just after a release", func(s *site) {
			s.write(changelogFile, "## Unreleased\n\n## 1.0.0 - 2026-11-23\n\n- All.\n")
			s.write(versionFile, "1.0.1-dev\n")
			s.commit("go on")
			s.must("tag", "v1.0.0", "HEAD^")
		}, "release 1.0.1: tag v1.0.1"},
		{"a release", func(s *site) {
			s.write(changelogFile, "# Changelog\n\n## 1.0.0 - 2026-11-23\n\n- All.\n")
			s.write(versionFile, "1.0.0\n")
			s.commit("release 1.0.0")
		}, "release 1.0.1: tag v1.0.1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(t)
			s.write("Makefile", ".PHONY: generated\ngenerated:\n\ttest \"$$(cat generated)\" = \"version $$(cat internal/cli/VERSION)\"\n")
			s.commit("make")
			c.change(s)
			before := s.state()
			mine := fakes
			mine.test = []string{"false"} // it goes without
			status, out := s.release(t.Context(), mine, "-rehearse")
			if status != 0 || !strings.Contains(out, c.want) || !strings.Contains(out, "the commit can be released") {
				t.Errorf("status %d, want %q:\n%s", status, c.want, out)
			}
			if after := s.state(); after != before {
				t.Errorf("before:\n%s\nafter:\n%s", before, after)
			}
			s.leavesNothing()
		})
	}
}

func TestRehearsalFails(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(s *site, c *commands)
		want   string
	}{
		{"the build", func(_ *site, c *commands) { c.build = []string{"false"} }, "build: false: false: exit status 1"},
		{"two versions", func(s *site, _ *commands) {
			s.write("other", "1.0.0-dev")
			s.commit("other")
		}, "1.0.0-dev stands outside of"},
		{"no changelog", func(s *site, _ *commands) {
			s.write(changelogFile, "nothing\n")
			s.commit("changelog")
		}, "prepare the rehearsal: CHANGELOG.md: 0 sections"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(t)
			s.write("Makefile", ".PHONY: generated\ngenerated:\n")
			s.commit("make")
			mine := fakes
			c.change(s, &mine)
			if status, out := s.release(t.Context(), mine, "-rehearse"); status != 1 || !strings.Contains(out, c.want) {
				t.Errorf("status %d, want %q:\n%s", status, c.want, out)
			}
			s.leavesNothing()
		})
	}
}

// TestReview looks at a release that was tampered with.
func TestReview(t *testing.T) {
	s := newSite(t)
	if status, out := s.release(t.Context(), fakes, "-version", "1.0.0"); status != 0 {
		t.Fatal(out)
	}
	r := &release{checkout: s.repository, version: parsed(t, "1.0.0"), base: s.must("rev-parse", "HEAD~2"), out: t.Output()}
	if err := r.review(t.Context()); err != nil {
		t.Fatal(err)
	}
	good := s.must("rev-parse", "HEAD")
	for _, c := range []struct {
		name   string
		change func()
		want   string
	}{
		{"a file that differs", func() { s.write("dist/1.0.0/package.deb", "y") }, "sha256sum"},
		{"a plain tag", func() { s.must("tag", "--force", "v1.0.0", "HEAD^") }, "git describe"},
		{"another version", func() {
			s.write(versionFile, "1.1.0-dev\n")
			s.must("commit", "--quiet", "--all", "--amend", "--message", "x")
		}, "VERSION: 1.1.0-dev, want 1.0.1-dev"},
		{"a commit too much", func() { s.must("commit", "--quiet", "--allow-empty", "--message", "x") }, "git rev-parse HEAD~2"},
		{"a change", func() { s.write("new", "x") }, "the checkout has changes"},
	} {
		tag := s.must("rev-parse", "v1.0.0")
		c.change()
		if err := r.review(t.Context()); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
		s.must("update-ref", "refs/tags/v1.0.0", tag)
		s.must("reset", "--quiet", "--hard", good)
	}
}
