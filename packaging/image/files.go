package main

import (
	"bytes"
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"

	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// userID is the default user of the programs, and its group.
const userID = 65532

// stateDir is the one directory that the programs write to.
const stateDir = "var/lib/haproxystats"

// file is a file or a directory of the image. It belongs to root unless owner is set.
type file struct {
	path  string // without a slash at its start
	mode  fs.FileMode
	owner int
	data  []byte
}

// passwd gives the user a name, and gid 0 one, too.
const passwd = `root:x:0:0:root:/:/sbin/nologin
haproxystats:x:65532:65532:haproxystats:/var/lib/haproxystats:/sbin/nologin
`

const group = `root:x:0:
haproxystats:x:65532:
`

// files returns the image's files in the order in which they are unpacked.
func (r recipe) files(ctx context.Context, arch string) ([]file, error) {
	conf, err := os.ReadFile(filepath.Join(r.source, "haproxystats.conf"))
	if err != nil {
		return nil, fmt.Errorf("read the example configuration: %w", err)
	}
	license, err := os.ReadFile(filepath.Join(r.source, "LICENSE"))
	if err != nil {
		return nil, fmt.Errorf("read the license: %w", err)
	}
	const dir = fs.ModeDir | 0o755
	files := []file{
		{path: "etc", mode: dir},
		{path: "etc/group", mode: 0o644, data: []byte(group)},
		// It holds no secrets, and any user may run the image.
		{path: "etc/haproxystats.conf", mode: 0o644, data: conf},
		{path: "etc/passwd", mode: 0o644, data: []byte(passwd)},
		{path: "etc/ssl", mode: dir},
		{path: "etc/ssl/certs", mode: dir},
		{path: "etc/ssl/certs/ca-certificates.crt", mode: 0o644, data: authorities()},
		{path: "usr", mode: dir},
		{path: "usr/bin", mode: dir},
	}
	programs, err := r.programs(ctx, arch)
	if err != nil {
		return nil, err
	}
	files = append(files, programs...)
	return append(files,
		file{path: "usr/share", mode: dir},
		file{path: "usr/share/doc", mode: dir},
		file{path: "usr/share/doc/haproxystats", mode: dir},
		file{path: "usr/share/doc/haproxystats/LICENSE", mode: 0o644, data: license},
		file{path: "var", mode: dir},
		file{path: "var/lib", mode: dir},
		// A platform that gives each container its own user keeps it in group 0, so this
		// group has the permissions of the user.
		file{path: stateDir, mode: fs.ModeDir | 0o770, owner: userID},
	), nil
}

// authorities returns the certificates that Mozilla trusts, from a pinned module. The
// certificates of the building machine would change from day to day.
func authorities() []byte {
	var b bytes.Buffer
	for root := range bundle.Roots() {
		if root.Constraint != nil {
			continue // a file of certificates can't express partial trust
		}
		_ = pem.Encode(&b, &pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate}) // b takes all
	}
	return b.Bytes()
}

// programs builds all of cmd/.
func (r recipe) programs(ctx context.Context, arch string) ([]file, error) {
	tmp, err := os.MkdirTemp("", "haproxystats-image-")
	if err != nil {
		return nil, fmt.Errorf("build the programs: %w", err)
	}
	defer os.RemoveAll(tmp)
	const variable = "-X haproxystats/internal/cli."
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false",
		"-ldflags", "-s -w "+variable+"version="+r.version+" "+variable+"commit="+r.commit,
		"-o", tmp+string(filepath.Separator), "./cmd/...")
	build.Dir = r.source
	// Other variables of the builder's environment could change the result.
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch,
		"GOAMD64=v1", "GOARM64=v8.0", "GOFLAGS=", "GOEXPERIMENT=", "GOWORK=off")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build the programs for %s: %w: %s", arch, err, out)
	}
	entries, err := os.ReadDir(tmp) // sorted
	if err != nil {
		return nil, fmt.Errorf("build the programs for %s: %w", arch, err)
	}
	var files []file
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(tmp, e.Name()))
		if err != nil {
			return nil, fmt.Errorf("build the programs for %s: %w", arch, err)
		}
		files = append(files, file{path: "usr/bin/" + e.Name(), mode: 0o755, data: data})
	}
	return files, nil
}

// writeRoot writes the files below a directory that is made for them. It gives
// them their owners, which takes root.
func writeRoot(root string, files []file) error {
	if err := os.MkdirAll(filepath.Dir(root), 0o755); err != nil {
		return fmt.Errorf("write the image's files: %w", err)
	}
	if err := os.Mkdir(root, 0o755); err != nil {
		return fmt.Errorf("write the image's files: %w", err)
	}
	for _, f := range files {
		path := filepath.Join(root, f.path)
		var err error
		if f.mode.IsDir() {
			err = os.Mkdir(path, 0o755)
		} else {
			err = os.WriteFile(path, f.data, 0o644)
		}
		if err == nil {
			err = errors.Join(os.Chmod(path, f.mode.Perm()), os.Lchown(path, f.owner, 0)) // whatever the umask
		}
		if err != nil {
			return fmt.Errorf("write the image's files: %w", err)
		}
	}
	return nil
}
