package main

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// imageName is what an engine calls the image once it has been loaded.
const imageName = "haproxystats"

// config says how the image runs. The Dockerfile says the same; a test compares
// them.
func (r recipe) config(arch string) *v1.ConfigFile {
	return &v1.ConfigFile{
		Architecture: arch,
		OS:           "linux",
		Created:      v1.Time{Time: r.created},
		RootFS:       v1.RootFS{Type: "layers"},
		Config: v1.Config{
			User: fmt.Sprintf("%d:%d", userID, userID),
			Env:  []string{"PATH=/usr/bin"},
			// There is no entry point: the command names the program.
			Volumes:    map[string]struct{}{"/" + stateDir: {}},
			WorkingDir: "/" + stateDir,
			StopSignal: "SIGTERM",
			Healthcheck: &v1.HealthConfig{
				Test:        []string{"CMD", "check_haproxystats", "--mode", "container"},
				Interval:    30 * time.Second,
				Timeout:     15 * time.Second,
				StartPeriod: 30 * time.Second,
				Retries:     3,
			},
			Labels: map[string]string{
				"org.opencontainers.image.title":       "haproxystats",
				"org.opencontainers.image.description": "Collects the statistics of HAProxy and sends them to Graphite",
				"org.opencontainers.image.licenses":    "Apache-2.0",
				"org.opencontainers.image.version":     r.version,
				"org.opencontainers.image.revision":    r.commit,
			},
		},
	}
}

// image builds the image of one architecture.
func (r recipe) image(ctx context.Context, arch string) (v1.Image, error) {
	files, err := r.files(ctx, arch)
	if err != nil {
		return nil, err
	}
	packed, err := pack(files, r.created)
	if err != nil {
		return nil, fmt.Errorf("pack the files for %s: %w", arch, err)
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(packed)), nil
	}, tarball.WithMediaType(types.OCILayer))
	if err != nil {
		return nil, fmt.Errorf("pack the files for %s: %w", arch, err)
	}
	image := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	image, err = mutate.ConfigFile(image, r.config(arch))
	if err != nil {
		return nil, fmt.Errorf("configure the image for %s: %w", arch, err)
	}
	image, err = mutate.Append(image, mutate.Addendum{
		Layer:   layer,
		History: v1.History{Created: v1.Time{Time: r.created}, CreatedBy: "haproxystats/packaging/image"},
	})
	if err != nil {
		return nil, fmt.Errorf("append the layer for %s: %w", arch, err)
	}
	return image, nil
}

// pack writes files as a tar.
func pack(files []file, created time.Time) ([]byte, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, f := range files {
		header := &tar.Header{
			Name: f.path, Mode: int64(f.mode.Perm()), Uid: f.owner, Size: int64(len(f.data)), ModTime: created,
			Typeflag: tar.TypeReg, Format: tar.FormatPAX,
		}
		if f.mode.IsDir() {
			header.Name, header.Typeflag = f.path+"/", tar.TypeDir
		}
		if err := w.WriteHeader(header); err != nil {
			return nil, err
		}
		if _, err := w.Write(f.data); err != nil {
			return nil, err
		}
	}
	err := w.Close()
	return b.Bytes(), err
}

// writeArchives writes all archives to a directory.
func (r recipe) writeArchives(ctx context.Context, out string, archs []string) error {
	if err := os.MkdirAll(out, 0o755); err != nil {
		return fmt.Errorf("write the archives: %w", err)
	}
	tag, err := name.NewTag(imageName + ":" + imageTag(r.version))
	if err != nil {
		return fmt.Errorf("name the image: %w", err)
	}
	base := filepath.Join(out, "haproxystats-image_"+r.version)
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, arch := range archs {
		image, err := r.image(ctx, arch)
		if err != nil {
			return err
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add: image, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: arch}},
		})
		if err := replace(base+"_"+arch+".tar", func(w io.Writer) error { return tarball.Write(tag, image, w) }); err != nil {
			return err
		}
	}
	digest, err := index.Digest()
	if err != nil {
		return fmt.Errorf("digest the index: %w", err)
	}
	if err := replace(base+".oci.tar", func(w io.Writer) error { return writeLayout(w, index, tag, r.created) }); err != nil {
		return err
	}
	fmt.Println(digest)
	return nil
}

// imageTag returns the tag of a version. A tag can't have a plus sign.
func imageTag(version string) string {
	return strings.ReplaceAll(version, "+", "-")
}

// writeLayout writes an OCI archive: the tar of a layout whose only entry is the
// index.
func writeLayout(w io.Writer, index v1.ImageIndex, tag name.Tag, created time.Time) error {
	tmp, err := os.MkdirTemp("", "haproxystats-layout-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	path, err := layout.Write(tmp, empty.Index)
	if err != nil {
		return err
	}
	err = path.AppendIndex(index, layout.WithAnnotations(map[string]string{
		"org.opencontainers.image.ref.name": imageName + ":" + tag.TagStr(),
	}))
	if err != nil {
		return err
	}
	var files []file
	err = fs.WalkDir(os.DirFS(tmp), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == "." {
			return err
		}
		f := file{path: path, mode: 0o644}
		if d.IsDir() {
			f.mode = fs.ModeDir | 0o755
		} else if f.data, err = os.ReadFile(filepath.Join(tmp, path)); err != nil {
			return err
		}
		files = append(files, f)
		return nil
	})
	if err != nil {
		return err
	}
	packed, err := pack(files, created)
	if err != nil {
		return err
	}
	_, err = w.Write(packed)
	return err
}

// replace replaces a file as a whole.
func replace(path string, write func(io.Writer) error) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), ".image-")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer os.Remove(tmp.Name()) // nothing once it has been renamed
	if err := errors.Join(write(tmp), tmp.Chmod(0o644), tmp.Close()); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return os.Rename(tmp.Name(), path)
}
