package container

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

const dockerfile = source + "/contrib/container/Dockerfile"

// BuildKit reads the file, and finds nothing to say against it.
func TestBuildKitTakesTheDockerfile(t *testing.T) {
	text, err := os.ReadFile(dockerfile)
	must(t, err)
	tree, err := parser.Parse(bytes.NewReader(text))
	must(t, err)
	for _, w := range tree.Warnings {
		t.Errorf("line %v: %s", w.Location, w.Short)
	}
	stages, _, err := instructions.Parse(tree.AST, linter.New(&linter.Config{
		Warn: func(rule, description, _, message string, at []parser.Range) {
			t.Errorf("%s: %s: %s: %v", rule, description, message, at)
		},
	}))
	must(t, err)
	if len(stages) != 2 || stages[0].BaseName != golangImage || stages[1].BaseName != "scratch" {
		t.Errorf("the stages are %+v, want one from %s and one from scratch", stages, golangImage)
	}
}

// The Dockerfile and `make image` make one image: it is built by a real builder,
// with the machine's Go in the place of the official image, and compared.
func TestDockerfileMakesTheSameImage(t *testing.T) {
	e := needEngine(t)
	mounts, err := goMounts()
	must(t, err)
	args := []string{
		"build", "--quiet", "--pull-never", "--network", "host", "--tag", "localhost/from-dockerfile",
		"--isolation", "chroot", "--format", "docker", "--file", dockerfile,
		"--ignorefile", dockerfile + ".dockerignore",
		"--build-arg", "VERSION=" + testVersion, "--build-arg", "COMMIT=" + testCommit,
	}
	for _, m := range mounts {
		args = append(args, "--volume", m)
	}
	e.run(t, append(args, source)...)
	saved := filepath.Join(t.TempDir(), "saved.tar")
	e.run(t, "save", "--quiet", "--format", "docker-archive", "--output", saved, "localhost/from-dockerfile")
	theirs, err := tarball.ImageFromPath(saved, nil)
	must(t, err)
	ours := images(t)[runtime.GOARCH]

	got, want := contents(t, theirs), contents(t, ours)
	for _, path := range slices.Sorted(maps.Keys(want)) {
		if got[path] != want[path] {
			t.Errorf("%s is %v (%d files), want %v", path, got[path], len(got), want[path])
		}
	}
	for path, f := range got {
		if _, ok := want[path]; !ok {
			t.Errorf("%s is there too: %v", path, f)
		}
	}
	a, err := theirs.ConfigFile()
	must(t, err)
	b, err := ours.ConfigFile()
	must(t, err)
	// The builder's marks.
	delete(a.Config.Labels, "io.buildah.version")
	a.Config.Hostname = ""
	runs, err := json.Marshal(a.Config)
	must(t, err)
	shouldRun, err := json.Marshal(b.Config)
	must(t, err)
	if !bytes.Equal(runs, shouldRun) {
		t.Errorf("the Dockerfile's image runs as\n%s\nwant\n%s", runs, shouldRun)
	}
}
