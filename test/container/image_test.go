package container

import (
	"archive/tar"
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

// machines are the architectures of the image.
var machines = map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}

// unpack writes an archive of plain files and directories to a new directory.
func unpack(t *testing.T, archive string) (dir string) {
	t.Helper()
	f, err := os.Open(archive)
	must(t, err)
	defer f.Close()
	dir = t.TempDir()
	for r := tar.NewReader(f); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return dir
		}
		must(t, err)
		path := filepath.Join(dir, filepath.Clean("/"+h.Name))
		if h.Typeflag == tar.TypeDir {
			must(t, os.MkdirAll(path, 0o755))
			continue
		}
		data, err := io.ReadAll(r)
		must(t, err, os.WriteFile(path, data, 0o644))
	}
}

// images returns those in the OCI archive by their architectures.
func images(t *testing.T) map[string]v1.Image {
	t.Helper()
	top, err := layout.ImageIndexFromPath(unpack(t, archive(".oci.tar")))
	must(t, err)
	must(t, validate.Index(top))
	manifest, err := top.IndexManifest()
	must(t, err)
	if len(manifest.Manifests) != 1 || manifest.Manifests[0].Annotations["org.opencontainers.image.ref.name"] != "haproxystats:"+testVersion {
		t.Fatalf("the layout holds %+v, want the one index of haproxystats:%s", manifest.Manifests, testVersion)
	}
	index, err := top.ImageIndex(manifest.Manifests[0].Digest)
	must(t, err)
	manifest, err = index.IndexManifest()
	must(t, err)
	all := make(map[string]v1.Image)
	for _, d := range manifest.Manifests {
		all[d.Platform.Architecture], err = index.Image(d.Digest)
		must(t, err)
	}
	return all
}

// entry is what a file is, but for its time.
type entry struct {
	mode     fs.FileMode
	uid, gid int
	data     string
}

func (e entry) String() string {
	return fmt.Sprintf("%v %d:%d, %d bytes", e.mode, e.uid, e.gid, len(e.data))
}

// contents returns the files that a container of an image has.
func contents(t *testing.T, image v1.Image) map[string]entry {
	t.Helper()
	all := make(map[string]entry)
	r := mutate.Extract(image)
	defer r.Close()
	for files := tar.NewReader(r); ; {
		h, err := files.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		must(t, err)
		data, err := io.ReadAll(files)
		must(t, err)
		all[strings.Trim(h.Name, "/")] = entry{h.FileInfo().Mode(), h.Uid, h.Gid, string(data)}
	}
}

func TestImagesSayHowTheyRun(t *testing.T) {
	all := images(t)
	if got := slices.Sorted(maps.Keys(all)); !slices.Equal(got, slices.Sorted(maps.Keys(machines))) {
		t.Fatalf("the index has images for %q", got)
	}
	for arch, image := range all {
		must(t, validate.Image(image))
		file, err := image.ConfigFile()
		must(t, err)
		if file.OS != "linux" || file.Architecture != arch || file.Created.Unix() != 1700000000 {
			t.Errorf("%s: the image is for %s/%s, created %v", arch, file.OS, file.Architecture, file.Created)
		}
		c := file.Config
		if c.User != "65532:65532" || c.Entrypoint != nil || c.Cmd != nil || len(c.ExposedPorts) != 0 || c.StopSignal != "SIGTERM" {
			t.Errorf("%s: the image runs as %+v", arch, c)
		}
		if _, ok := c.Volumes["/var/lib/haproxystats"]; !ok || len(c.Volumes) != 1 {
			t.Errorf("%s: the volumes are %v", arch, c.Volumes)
		}
		if h := c.Healthcheck; h == nil || len(h.Test) < 2 || h.Test[0] != "CMD" || h.Test[1] != "check_haproxystats" || h.Interval < time.Second {
			t.Errorf("%s: the health check is %+v", arch, h)
		}
		for name, want := range map[string]string{"title": "haproxystats", "version": testVersion, "revision": testCommit, "licenses": "Apache-2.0"} {
			if got := c.Labels["org.opencontainers.image."+name]; got != want {
				t.Errorf("%s: the label %s is %q, want %q", arch, name, got, want)
			}
		}
	}
}

func TestImagesHoldTheProgramsAndLittleElse(t *testing.T) {
	commands, err := os.ReadDir(filepath.Join(source, "cmd"))
	must(t, err)
	want := map[string]string{
		"etc": "drwxr-xr-x 0:0", "etc/group": "-rw-r--r-- 0:0", "etc/haproxystats.conf": "-rw-r--r-- 0:0", "etc/passwd": "-rw-r--r-- 0:0",
		"etc/ssl": "drwxr-xr-x 0:0", "etc/ssl/certs": "drwxr-xr-x 0:0", "etc/ssl/certs/ca-certificates.crt": "-rw-r--r-- 0:0",
		"usr": "drwxr-xr-x 0:0", "usr/bin": "drwxr-xr-x 0:0",
		"usr/share": "drwxr-xr-x 0:0", "usr/share/doc": "drwxr-xr-x 0:0", "usr/share/doc/haproxystats": "drwxr-xr-x 0:0",
		"usr/share/doc/haproxystats/LICENSE": "-rw-r--r-- 0:0",
		"var":                                "drwxr-xr-x 0:0", "var/lib": "drwxr-xr-x 0:0", "var/lib/haproxystats": "drwxrwx--- 65532:0",
	}
	for _, c := range commands {
		want["usr/bin/"+c.Name()] = "-rwxr-xr-x 0:0"
	}
	for arch, image := range images(t) {
		files := contents(t, image)
		got := make(map[string]string)
		for path, f := range files {
			got[path] = fmt.Sprintf("%v %d:%d", f.mode, f.uid, f.gid)
		}
		if !maps.Equal(got, want) {
			t.Errorf("%s: the image holds\n%v\nwant\n%v", arch, got, want)
		}
		for _, c := range commands {
			program, err := elf.NewFile(strings.NewReader(files["usr/bin/"+c.Name()].data))
			must(t, err)
			static := !slices.ContainsFunc(program.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP })
			if program.Machine != machines[arch] || !static {
				t.Errorf("%s: %s is for %v, static: %v", arch, c.Name(), program.Machine, static)
			}
		}
		if n := strings.Count(files["etc/ssl/certs/ca-certificates.crt"].data, "BEGIN CERTIFICATE"); n < 50 {
			t.Errorf("%s: %d authorities are trusted, want more", arch, n)
		}
	}
}

// Each archive for one architecture holds the image that the index has for it.
func TestArchivesHoldTheSameImages(t *testing.T) {
	for arch, image := range images(t) {
		alone, err := tarball.ImageFromPath(archive("_"+arch+".tar"), nil)
		must(t, err)
		must(t, validate.Image(alone))
		got, err := alone.ConfigName()
		must(t, err)
		want, err := image.ConfigName()
		must(t, err)
		if got != want {
			t.Errorf("%s: the archive holds the image %v, want %v", arch, got, want)
		}
	}
}

// The same source makes the same bytes in another directory, by another user's
// umask, at another time, without the version control's files.
func TestImagesAreReproducible(t *testing.T) {
	copied := filepath.Join(t.TempDir(), "another", "place")
	must(t, os.MkdirAll(copied, 0o755))
	listing, err := exec.Command("git", "-C", source, "ls-files", "-z", "--cached", "--others", "--exclude-standard",
		"cmd", "internal", "packaging/image", "go.mod", "go.sum", "LICENSE", "haproxystats.conf").Output()
	must(t, err)
	for _, name := range strings.Split(strings.Trim(string(listing), "\x00"), "\x00") {
		data, err := os.ReadFile(filepath.Join(source, name))
		must(t, err, os.MkdirAll(filepath.Dir(filepath.Join(copied, name)), 0o700))
		must(t, os.WriteFile(filepath.Join(copied, name), data, 0o600))
	}
	again := filepath.Join(t.TempDir(), "dist")
	must(t, buildImage(copied, again))
	first, err := os.ReadDir(filepath.Join(work, "dist"))
	must(t, err)
	if len(first) != 3 {
		t.Errorf("%d archives, want 3", len(first))
	}
	for _, f := range first {
		a, err := os.ReadFile(filepath.Join(work, "dist", f.Name()))
		must(t, err)
		b, err := os.ReadFile(filepath.Join(again, f.Name()))
		must(t, err)
		if !bytes.Equal(a, b) {
			t.Errorf("%s differs from one build to the next", f.Name())
		}
	}
}
