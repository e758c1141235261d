package container

import (
	"archive/tar"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// The images that stand in for public ones hold next to nothing: the machine's
// own programs are mounted into them.

// root is what an image is imported from.
type root struct {
	tar *tar.Writer
	buf bytes.Buffer
	err error
}

func newRoot(dirs ...string) *root {
	r := new(root)
	r.tar = tar.NewWriter(&r.buf)
	for _, d := range dirs {
		r.add(tar.Header{Name: d + "/", Typeflag: tar.TypeDir, Mode: 0o755}, "")
	}
	// A file system with /usr merged, as Debian's.
	for _, name := range []string{"bin", "lib", "lib64", "sbin"} {
		r.add(tar.Header{Name: name, Typeflag: tar.TypeSymlink, Linkname: "usr/" + name}, "")
	}
	return r
}

func (r *root) add(h tar.Header, data string) {
	if r.err != nil {
		return
	}
	h.Size = int64(len(data))
	if r.err = r.tar.WriteHeader(&h); r.err == nil {
		_, r.err = r.tar.Write([]byte(data))
	}
}

// load imports the root as an image.
func (e *engine) load(r *root, image string, changes ...string) error {
	if r.err != nil {
		return r.err
	}
	if err := r.tar.Close(); err != nil {
		return err
	}
	path := filepath.Join(e.dir, "root.tar")
	if err := os.WriteFile(path, r.buf.Bytes(), 0o644); err != nil {
		return err
	}
	args := []string{"import", "--quiet"}
	for _, c := range changes {
		args = append(args, "--change", c)
	}
	_, err := e.try(append(args, path, image)...)
	return err
}

// standInHAProxy stands in for the official image of HAProxy: its user, its
// command, and where it has its configuration.
func (e *engine) standInHAProxy() error {
	r := newRoot("etc", "run", "run/haproxy", "tmp", "usr", "usr/lib", "usr/lib64", "usr/local", "usr/local/etc",
		"usr/local/etc/haproxy", "usr/local/sbin", "var", "var/lib", "var/lib/haproxy")
	r.add(tar.Header{Name: "etc/passwd", Typeflag: tar.TypeReg, Mode: 0o644}, "haproxy:x:99:99::/var/lib/haproxy:/bin/sh\n")
	r.add(tar.Header{Name: "etc/group", Typeflag: tar.TypeReg, Mode: 0o644}, "haproxy:x:99:\n")
	return e.load(r, haproxyImage, "USER haproxy", "ENV PATH=/usr/local/sbin", "WORKDIR /var/lib/haproxy",
		`CMD ["haproxy", "-W", "-db", "-f", "/usr/local/etc/haproxy/haproxy.cfg"]`)
}

// haproxyMounts are the program and its libraries.
func haproxyMounts() []string {
	path, err := exec.LookPath("haproxy")
	if err != nil {
		path = "/usr/sbin/haproxy"
	}
	mounts := []string{path + ":/usr/local/sbin/haproxy:ro", "/usr/lib:/usr/lib:ro"}
	if _, err := os.Stat("/usr/lib64"); err == nil {
		mounts = append(mounts, "/usr/lib64:/usr/lib64:ro")
	}
	return mounts
}

// standInGo stands in for the official image of Go. What it keeps between builds
// is where the machine has it, so that nothing is downloaded.
func (e *engine) standInGo() error {
	r := newRoot("etc", "tmp", "usr", "go-root", "go-modules", "go-cache", "root")
	return e.load(r, golangImage, "ENV PATH=/go-root/bin:/usr/bin", "ENV GOTOOLCHAIN=local", "ENV GOPROXY=off",
		"ENV GOFLAGS=-modcacherw", "ENV GOMODCACHE=/go-modules", "ENV GOCACHE=/go-cache", "ENV CGO_ENABLED=0")
}

// goMounts are Go and what it keeps between builds.
func goMounts() ([]string, error) {
	out, err := exec.Command("go", "env", "GOROOT", "GOMODCACHE", "GOCACHE").Output()
	if err != nil {
		return nil, fmt.Errorf("ask go for its directories: %w", err)
	}
	dirs := strings.Fields(string(out))
	if len(dirs) != 3 {
		return nil, fmt.Errorf("ask go for its directories: got %q", dirs)
	}
	return []string{
		"/usr:/usr:ro", dirs[0] + ":/go-root:ro", dirs[1] + ":/go-modules:ro", dirs[2] + ":/go-cache",
	}, nil
}
