package packages

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"haproxystats/test/real"
)

// file is one that a package holds.
type file struct {
	mode        int64
	owner       string // user:group
	sum         string // of a regular file's content, SHA-256 in hex
	link        string // what a symbolic link points to
	dir, config bool
	content     []byte // where the format's own tools give it
}

// contents reads packages by format.
var contents = map[string]func(t *testing.T, path string) map[string]file{
	"deb": readDeb, "rpm": readRPM, "apk": readAPK,
}

func readDeb(t *testing.T, path string) map[string]file {
	t.Helper()
	cmd := exec.Command("dpkg-deb", "--fsys-tarfile", path)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("dpkg-deb %s: %v", path, err)
	}
	files := readTar(t, bytes.NewReader(out))
	for name := range strings.Lines(say(t, "dpkg-deb", "--info", path, "conffiles")) {
		name = strings.TrimSpace(name)
		f := files[name]
		f.config = true
		files[name] = f
	}
	return files
}

// readTar reads an archive. Directories that every system has are left out.
func readTar(t *testing.T, r io.Reader) map[string]file {
	t.Helper()
	files := map[string]file{}
	for archive := tar.NewReader(r); ; {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.ModTime.Unix() != date {
			t.Errorf("%s is of %v", h.Name, h.ModTime.UTC())
		}
		content, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Join("/", h.Name)
		if h.Typeflag == tar.TypeDir && !strings.Contains(name, "haproxystats") {
			if h.Mode != 0o755 || h.Uname != "root" {
				t.Errorf("directory %s has mode %o and belongs to %s", name, h.Mode, h.Uname)
			}
			continue
		}
		f := file{mode: h.Mode, owner: h.Uname + ":" + h.Gname, link: h.Linkname, dir: h.Typeflag == tar.TypeDir, content: content}
		if h.Typeflag == tar.TypeReg {
			f.sum = sum(content)
		}
		files[name] = f
	}
}

func sum(content []byte) string {
	s := sha256.Sum256(content)
	return hex.EncodeToString(s[:])
}

func readRPM(t *testing.T, path string) map[string]file {
	t.Helper()
	real.Need(t, "rpm")
	files := map[string]file{}
	// path size mtime digest mode owner group isconfig isdoc rdev symlink
	for line := range strings.Lines(say(t, "rpm", "-qp", "--dump", path)) {
		f := strings.Fields(line)
		if len(f) != 11 {
			t.Fatalf("rpm --dump: %q", line)
		}
		mode, err := strconv.ParseInt(f[4], 8, 64)
		if err != nil {
			t.Fatalf("rpm --dump: %q: %v", line, err)
		}
		if f[2] != strconv.Itoa(date) {
			t.Errorf("%s is of %s", f[0], f[2])
		}
		entry := file{mode: mode & 0o7777, owner: f[5] + ":" + f[6], config: f[7] == "1"}
		switch mode &^ 0o7777 {
		case 0o100000:
			entry.sum = f[3]
		case 0o040000:
			entry.dir = true
		case 0o120000:
			entry.link = f[10]
		}
		files[f[0]] = entry
	}
	return files
}

// readAPK reads what apk reads: gzip streams one behind the other, control first,
// whose .PKGINFO has the sum of the second. Debian has no apk.
func readAPK(t *testing.T, path string) map[string]file {
	t.Helper()
	control, data, whole := splitAPK(t, path)
	info := control[".PKGINFO"]
	if want := "\ndatahash = " + sum(whole) + "\n"; !strings.Contains(info, want) {
		t.Errorf("no %q in .PKGINFO:\n%s", want, info)
	}
	files := readTar(t, bytes.NewReader(data))
	for name, f := range files {
		// What apk upgrades only where nobody has changed it.
		f.config = strings.HasPrefix(name, "/etc/") && !strings.HasPrefix(name, "/etc/init.d/")
		files[name] = f
	}
	return files
}

// splitAPK returns the control files, and the data uncompressed and as it is.
func splitAPK(t *testing.T, path string) (control map[string]string, data, compressed []byte) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	r := bytes.NewReader(text)
	in := bufio.NewReaderSize(r, 16)
	z, err := gzip.NewReader(in)
	if err != nil {
		t.Fatal(err)
	}
	z.Multistream(false)
	control = map[string]string{}
	for archive := tar.NewReader(z); ; {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			break // the control has no end of its own: the data goes on in the same archive
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		control[h.Name] = string(content)
	}
	if _, err := io.Copy(io.Discard, z); err != nil {
		t.Fatal(err)
	}
	compressed = text[len(text)-r.Len()-in.Buffered():]
	z, err = gzip.NewReader(bytes.NewReader(compressed))
	if err != nil {
		t.Fatal(err)
	}
	if data, err = io.ReadAll(z); err != nil {
		t.Fatal(err)
	}
	return control, data, compressed
}
