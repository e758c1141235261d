package main

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestMain(m *testing.M) {
	// What the tests find must not hang on the configuration of who runs them.
	for name, value := range map[string]string{"GIT_CONFIG_GLOBAL": os.DevNull, "GIT_CONFIG_NOSYSTEM": "1"} {
		if err := os.Setenv(name, value); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

// site is a checkout to release, and the directory for temporary files.
type site struct {
	t *testing.T
	repository
	tmp string
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{t: t, repository: repository(t.TempDir()), tmp: t.TempDir()}
	t.Setenv("TMPDIR", s.tmp)
	s.must("init", "--quiet", "--initial-branch", mainBranch)
	s.must("config", "user.name", "Maintainer")
	s.must("config", "user.email", "maintainer@example.org")
	s.write(versionFile, "1.0.0-dev\n")
	s.write("generated", "version 1.0.0\n")
	s.write(".gitignore", "/dist/\n/seen\n")
	s.write(changelogFile, "# Changelog\n\n## Unreleased\n\nFirst.\n\n### Added\n- All of it.\n")
	s.commit("begin")
	return s
}

// fakes are commands that take no time: the generated file holds the version,
// the tests want it to, and the build names the tag it is made from.
var fakes = commands{
	generate: []string{"sh", "-c", `v=$(cat internal/cli/VERSION); echo "version ${v%-dev}" >generated`},
	test:     []string{"sh", "-c", `test "$(cat generated)" = "version $(cat internal/cli/VERSION)" && mkdir dist && echo old >dist/old`},
	build: []string{"sh", "-c", `test ! -e dist && mkdir -p dist/image && git describe --exact-match >dist/package.deb && echo 1 >dist/image/a.oci.tar &&
		echo chart >dist/haproxystats.tgz &&
		echo other >dist/SHA256SUMS`},
}

func (s *site) must(args ...string) string {
	s.t.Helper()
	out, err := s.git(s.t.Context(), args...)
	if err != nil {
		s.t.Fatal(err)
	}
	return out
}

func (s *site) write(name, text string) {
	s.t.Helper()
	if err := os.MkdirAll(filepath.Dir(s.path(name)), 0o750); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(s.path(name), []byte(text), 0o640); err != nil {
		s.t.Fatal(err)
	}
}

func (s *site) commit(subject string) {
	s.t.Helper()
	s.must("add", "--all")
	s.must("commit", "--quiet", "--message", subject)
}

// release runs the program.
func (s *site) release(ctx context.Context, c commands, args ...string) (status int, output string) {
	var out bytes.Buffer
	status = run(ctx, args, s.repository, c, &out, &out)
	return status, out.String()
}

// files returns what is below dist, with content.
func (s *site) files() map[string]string {
	s.t.Helper()
	found := make(map[string]string)
	err := filepath.WalkDir(s.path(distDir), func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		found[strings.TrimPrefix(path, s.path(distDir)+"/")] = string(text)
		return err
	})
	if err != nil && !os.IsNotExist(err) {
		s.t.Fatal(err)
	}
	return found
}

// state is all that a release may change.
func (s *site) state() string {
	s.t.Helper()
	dirs, err := filepath.Glob(s.path(distDir, "*"))
	if err != nil {
		s.t.Fatal(err)
	}
	return fmt.Sprintln(s.must("for-each-ref"), s.must("branch", "--show-current"), s.must("rev-parse", "HEAD"), s.must("status", "--porcelain", "--ignored"), dirs, s.files())
}

// leavesNothing wants no temporary files.
func (s *site) leavesNothing() {
	s.t.Helper()
	left, err := os.ReadDir(s.tmp)
	if err != nil || len(left) > 0 {
		s.t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestRelease(t *testing.T) {
	s := newSite(t)
	base := s.must("rev-parse", "HEAD")
	status, out := s.release(t.Context(), fakes, "-version", "1.0.0")
	if status != 0 {
		t.Fatal(out)
	}
	s.leavesNothing()
	publish := "\n\n  git push --atomic origin main v1.0.0\n" +
		"  skopeo copy --all oci-archive:" + s.path("dist/1.0.0/image/a.oci.tar") + " docker://REGISTRY/haproxystats:1.0.0\n" +
		"  helm push " + s.path("dist/1.0.0/haproxystats.tgz") + " oci://REGISTRY/charts\n\n"
	if !strings.Contains(out, publish) {
		t.Errorf("no commands to publish:\n%s", out)
	}
	if got := s.must("log", "--format=%an %s", base+"..main"); got != "Maintainer release: go on as 1.0.1-dev\nMaintainer release 1.0.0" {
		t.Errorf("commits:\n%s", got)
	}
	if got := s.must("status", "--porcelain"); got != "" {
		t.Errorf("status:\n%s", got)
	}
	today := s.must("log", "-1", "--date=format-local:%Y-%m-%d", "--format=%cd")
	const notes = "First.\n\n### Added\n- All of it."
	for what, want := range map[string]string{
		"v1.0.0^{commit}:" + versionFile:   "1.0.0",
		"v1.0.0^{commit}:generated":        "version 1.0.0",
		"v1.0.0^{commit}:" + changelogFile: "# Changelog\n\n## 1.0.0 - " + today + "\n\n" + notes,
		"main:" + versionFile:              "1.0.1-dev",
		"main:generated":                   "version 1.0.1",
		"main:" + changelogFile:            "# Changelog\n\n## Unreleased\n\n## 1.0.0 - " + today + "\n\n" + notes,
	} {
		if got := s.must("show", what); got != want {
			t.Errorf("%s:\n%s\nwant:\n%s", what, got, want)
		}
	}
	if got, want := s.must("tag", "--list", "--format=%(objecttype) %(contents)"), "tag haproxystats 1.0.0\n\n"+notes; got != want {
		t.Errorf("tags:\n%s\nwant:\n%s", got, want)
	}
	files := s.files()
	if got := slices.Sorted(maps.Keys(files)); fmt.Sprint(got) != "[1.0.0/SHA256SUMS 1.0.0/haproxystats.tgz 1.0.0/image/a.oci.tar 1.0.0/package.deb 1.0.0/release-notes.md]" {
		t.Errorf("artefacts: %v", got)
	}
	if files["1.0.0/package.deb"] != "v1.0.0\n" || files["1.0.0/release-notes.md"] != notes+"\n" {
		t.Errorf("artefacts: %q", files)
	}
	sums := "d6d05c6c0ef385a06afc1fb04d2b428a07deebe61e8cdcd0845963d7d93a6bf3  haproxystats.tgz\n4355a46b19d348dc2f57c046f8ef63d4538ebb936000f3c9ee954a27460dd865  image/a.oci.tar\n"
	if got := files["1.0.0/SHA256SUMS"]; !strings.HasPrefix(got, sums) || strings.Count(got, "\n") != 4 {
		t.Errorf("checksums:\n%s", got)
	}

	// The next one.
	s.write(changelogFile, strings.Replace(s.must("show", "main:"+changelogFile), "Unreleased\n", "Unreleased\n- More.\n", 1))
	s.commit("more")
	if status, out := s.release(t.Context(), fakes, "-version", "1.1.0"); status != 0 {
		t.Fatal(out)
	}
	if got := s.files()["1.1.0/release-notes.md"]; got != "- More.\n" {
		t.Errorf("notes of the second release: %q", got)
	}
}

func TestDryRun(t *testing.T) {
	s := newSite(t)
	before := s.state()
	status, out := s.release(t.Context(), fakes, "-version", "1.0.0-rc.1", "-dry-run")
	if status != 0 {
		t.Fatal(out)
	}
	for _, want := range []string{"dry run: the checkout is as it was", " release 1.0.0-rc.1\n", " release: go on as 1.0.0-dev\n", "  image/a.oci.tar\n", "v1.0.0-rc.1"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in:\n%s", want, out)
		}
	}
	if after := s.state(); after != before {
		t.Errorf("before:\n%s\nafter:\n%s", before, after)
	}
	s.leavesNothing()
}

func TestSkippedTests(t *testing.T) {
	s := newSite(t)
	s.write("Makefile", ".PHONY: generated\ngenerated:\n\ttouch "+s.path("seen")+"\n")
	s.commit("make")
	failing := fakes
	failing.test = []string{"false"}
	if status, out := s.release(t.Context(), failing, "-version", "1.0.0", "-dry-run", "-skip-tests"); status != 0 {
		t.Fatal(out)
	}
	if _, err := os.Stat(s.path("seen")); err != nil {
		t.Errorf("the generated files were not looked at: %v", err)
	}
	status, out := s.release(t.Context(), fakes, "-version", "1.0.0", "-skip-tests")
	if status != 1 || !strings.Contains(out, "SKIP_TESTS is for dry runs") {
		t.Errorf("status %d: %s", status, out)
	}
}

func TestUsage(t *testing.T) {
	s := newSite(t)
	for _, args := range [][]string{{"-nonsense"}, {"-version", "1.0.0", "now"}} {
		if status, out := s.release(t.Context(), fakes, args...); status != 2 {
			t.Errorf("%q: status %d: %s", args, status, out)
		}
	}
}

// TestSigningFiles checks that the build in the clone gets the files' absolute paths, and that
// a file that is missing ends the release before the tests.
func TestSigningFiles(t *testing.T) {
	s := newSite(t)
	dir := t.TempDir()
	t.Chdir(dir)
	t.Setenv("SIGNING_KEY", "key.asc")
	t.Setenv("SIGNING_PASSPHRASE", "")
	c := fakes
	c.test = []string{"sh", "-c", "echo tested"}
	c.build = []string{"sh", "-c", `mkdir dist && printf '%s,%s' "$SIGNING_KEY" "$SIGNING_PASSPHRASE" >dist/signing`}
	status, out := s.release(t.Context(), c, "-version", "1.0.0")
	if want := "release: SIGNING_KEY: stat " + filepath.Join(dir, "key.asc") + ": no such file"; status != 1 || !strings.Contains(out, want) || strings.Contains(out, "tested") {
		t.Fatalf("without the file: got %d: %s, want %q", status, out, want)
	}
	if err := os.WriteFile("key.asc", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SIGNING_KEY", "key.asc")
	if status, out := s.release(t.Context(), c, "-version", "1.0.0"); status != 0 {
		t.Fatalf("with the file: got %d: %s", status, out)
	}
	if got, want := s.files()["1.0.0/signing"], filepath.Join(dir, "key.asc")+","; got != want {
		t.Errorf("the build has got %q, want %q", got, want)
	}
}
