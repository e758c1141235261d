package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestRefused changes one thing about a checkout that could be released.
func TestRefused(t *testing.T) {
	for _, c := range []struct {
		name    string
		version string // 1.0.0 unless told
		change  func(s *site)
		want    string
	}{
		{name: "no version", version: "1.0.0-dev", want: "VERSION=1.0.0-dev: expected MAJOR.MINOR.PATCH"},
		{name: "no number", version: "next", want: "VERSION=next: expected"},
		{
			name: "the same again", want: "VERSION=1.0.0 is not above 1.0.0, which has been released",
			change: func(s *site) { s.must("tag", "v1.0.0") },
		},
		{
			name: "below the last", version: "1.9.0", want: "VERSION=1.9.0 is not above 1.10.0",
			change: func(s *site) {
				for _, tag := range []string{"v1.8.0", "v1.10.0", "v1.9.0-rc.1", "vintage", "v2"} {
					s.must("tag", tag)
				}
			},
		},
		{name: "another branch", want: "the checkout is on topic: releases", change: func(s *site) { s.must("checkout", "--quiet", "-b", "topic") }},
		{name: "no branch", want: "the checkout is on no branch: releases", change: func(s *site) { s.must("checkout", "--quiet", "--detach") }},
		{name: "a changed file", want: "has changes: commit them, or put them away:\n M generated", change: func(s *site) { s.write("generated", "x") }},
		{name: "a new file", want: "?? new", change: func(s *site) { s.write("new", "x") }},
		{
			name: "nothing new", want: `CHANGELOG.md: "## Unreleased" says nothing`,
			change: func(s *site) {
				s.write(changelogFile, "## Unreleased\n\n### Added\n")
				s.commit("changelog")
			},
		},
		{
			name: "no section", want: `CHANGELOG.md: 0 sections "## Unreleased"`,
			change: func(s *site) {
				s.write(changelogFile, "## 0.9.0\n- It.\n")
				s.commit("changelog")
			},
		},
		{
			name: "a section of another version", want: `is meant for 1.1.0`,
			change: func(s *site) {
				s.write(changelogFile, "## Unreleased: 1.1.0\n- It.\n")
				s.commit("changelog")
			},
		},
		{
			name: "a second place for the version", want: "1.0.0-dev stands outside of internal/cli/VERSION too: in a/b, c",
			change: func(s *site) {
				s.write("a/b", "1.0.0-dev")
				s.write("c", "haproxystats 1.0.0-dev here")
				s.write("c_test.go", "1.0.0-dev")
				s.commit("version")
			},
		},
		{
			name: "a version that is no development's", want: `internal/cli/VERSION: "1.0.0", want a version that ends in -dev`,
			change: func(s *site) {
				s.write(versionFile, "1.0.0\n")
				s.commit("version")
			},
		},
		{
			name: "artefacts of an earlier try", want: "dist/1.0.0 is there, of an earlier try",
			change: func(s *site) { s.write("dist/1.0.0/package.deb", "x") },
		},
		{
			name: "all at once", want: "releases are made from main\nthe checkout has changes",
			change: func(s *site) {
				s.must("checkout", "--quiet", "--detach")
				s.write("new", "x")
			},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(t)
			if c.change != nil {
				c.change(s)
			}
			if c.version == "" {
				c.version = "1.0.0"
			}
			before := s.state()
			for _, args := range [][]string{{"-version", c.version}, {"-version", c.version, "-dry-run"}} {
				if status, out := s.release(t.Context(), fakes, args...); status != 1 || !strings.Contains(out, c.want) {
					t.Errorf("%q: status %d, want 1 and %q:\n%s", args, status, c.want, out)
				}
			}
			if after := s.state(); after != before {
				t.Errorf("before:\n%s\nafter:\n%s", before, after)
			}
			s.leavesNothing()
		})
	}
}

// TestFailed has something fail when the release has begun.
func TestFailed(t *testing.T) {
	for _, c := range []struct {
		name, want string
		commands   func(s *site, c *commands)
		keeps      bool // what somebody else has done to the checkout stays
	}{
		{
			name: "the tests", want: "exit status 3; nothing has changed",
			commands: func(_ *site, c *commands) { c.test = []string{"sh", "-c", "exit 3"} },
		},
		{
			name: "the tests leave litter", want: "it has left changes in the tree:\n?? litter",
			commands: func(_ *site, c *commands) { c.test = []string{"touch", "litter"} },
		},
		{
			name: "the generator", want: "set the version and close the changelog: false: exit status 1",
			commands: func(_ *site, c *commands) { c.generate = []string{"false"} },
		},
		{
			name: "the build", want: "build: sh -c mkdir dist; exit 4: ",
			commands: func(_ *site, c *commands) { c.build = []string{"sh", "-c", "mkdir dist; exit 4"} },
		},
		{
			name: "the build makes no directory", want: "write the notes and the checksums: open ",
			commands: func(_ *site, c *commands) { c.build = []string{"true"} },
		},
		{
			name: "the build makes a link", want: "link is not a regular file",
			commands: func(_ *site, c *commands) {
				c.build = []string{"sh", "-c", "mkdir dist && ln -s /etc/passwd dist/link"}
			},
		},
		{
			name: "a commit meanwhile", want: "take it over into the checkout: git merge", keeps: true,
			commands: func(s *site, c *commands) { c.build = s.meanwhile("git commit --quiet --allow-empty -m x") },
		},
		{
			name: "a change meanwhile", want: "the checkout has changes", keeps: true,
			commands: func(s *site, c *commands) { c.build = s.meanwhile("touch new") },
		},
		{
			name: "another branch meanwhile", want: "the checkout is on other", keeps: true,
			commands: func(s *site, c *commands) { c.build = s.meanwhile("git checkout --quiet -b other") },
		},
		{
			name: "a tag meanwhile", want: "git update-ref refs/tags/v1.0.0", keeps: true,
			commands: func(s *site, c *commands) { c.build = s.meanwhile("git tag v1.0.0") },
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(t)
			before, mine := s.state(), fakes
			c.commands(s, &mine)
			status, out := s.release(t.Context(), mine, "-version", "1.0.0")
			if status != 1 || !strings.Contains(out, c.want) {
				t.Errorf("status %d, want 1 and %q:\n%s", status, c.want, out)
			}
			if c.keeps {
				state, err := os.ReadFile(s.path("seen"))
				if err != nil {
					t.Fatal(err)
				}
				if after := s.must("for-each-ref"); after != strings.TrimSpace(string(state)) || len(s.files()) > 0 {
					t.Errorf("before:\n%s\nafter:\n%s\n%q", state, after, s.files())
				}
			} else if after := s.state(); after != before {
				t.Errorf("before:\n%s\nafter:\n%s", before, after)
			}
			s.leavesNothing()
		})
	}
}

// meanwhile is a build during which a command is run in the checkout.
func (s *site) meanwhile(command string) []string {
	return []string{"sh", "-c", fakes.build[2] + " && cd " + string(s.repository) + " && " + command + " && git for-each-ref >seen"}
}

// TestInterrupted ends the release while the tests run, which end with it.
func TestInterrupted(t *testing.T) {
	s := newSite(t)
	s.must("tag", "unrelated")
	before, mine := s.state(), fakes
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	mine.test = []string{"sh", "-c", "sleep 600 & echo >" + fifo + "; wait"}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	testing, ended := make(chan error, 1), make(chan string, 1)
	go func() {
		_, err := os.ReadFile(fifo)
		testing <- err
	}()
	go func() {
		_, out := s.release(ctx, mine, "-version", "1.0.0")
		ended <- out
	}()
	select {
	case err := <-testing:
		if err != nil {
			t.Error(err)
		}
	case out := <-ended:
		t.Fatal(out)
	}
	cancel()
	if out := <-ended; !strings.Contains(out, "signal: terminated; nothing has changed") {
		t.Errorf("got\n%s", out)
	}
	if after := s.state(); after != before {
		t.Errorf("before:\n%s\nafter:\n%s", before, after)
	}
	s.leavesNothing()
}
