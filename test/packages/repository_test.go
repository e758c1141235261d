package packages

import (
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"haproxystats/test/real"
)

// The small packages of these tests, which take no time to build.
const (
	smallDeb = "haproxystats_1.0.0-1_amd64.deb"
	smallRPM = "haproxystats-1.0.0-1.x86_64.rpm"
)

// small has nfpm make one deb and one rpm, and returns their directory.
var small = sync.OnceValues(func() (string, error) {
	dir := filepath.Join(where, "small")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	recipe := filepath.Join(dir, "nfpm.yaml")
	err := os.WriteFile(recipe, []byte(`name: haproxystats
arch: amd64
platform: linux
version: 1.0.0
version_schema: none
release: 1
section: net
maintainer: Test <test@haproxystats.example>
homepage: `+homepage+`
description: |-
  a small package
  with a second line & <signs> of XML
license: Apache-2.0
contents:
  - {src: `+recipe+`, dst: /usr/bin/haproxystats}
  - {src: `+recipe+`, dst: /usr/share/haproxystats/data}
overrides:
  deb: {depends: [adduser]}
  rpm: {depends: [/usr/bin/haproxystats, "haproxystats >= 0.5-3"]}
`), 0o644)
	if err != nil {
		return "", err
	}
	for format, name := range map[string]string{"deb": smallDeb, "rpm": smallRPM} {
		cmd := exec.Command("go", "tool", "-modfile=tools.mod", "nfpm", "package", "--config", recipe, "--packager", format, "--target", filepath.Join(dir, name))
		cmd.Dir = "../.."
		cmd.Env = append(os.Environ(), "SOURCE_DATE_EPOCH=1700000000")
		if out, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("nfpm: %w: %s", err, out)
		}
	}
	return dir, nil
})

// indexer builds packaging/repository and returns its path.
var indexer = sync.OnceValues(func() (string, error) {
	path := filepath.Join(where, "indexer")
	if out, err := exec.Command("go", "build", "-C", "../../packaging/repository", "-o", path, ".").CombinedOutput(); err != nil {
		return "", fmt.Errorf("build packaging/repository: %w: %s", err, out)
	}
	return path, nil
})

// repository is a directory with the small packages.
type repository struct {
	t   *testing.T
	dir string
}

func newRepository(t *testing.T) repository {
	t.Helper()
	from, err := small()
	if err != nil {
		t.Fatal(err)
	}
	r := repository{t, t.TempDir()}
	for _, name := range []string{smallDeb, smallRPM} {
		put(t, r.path(name), get(t, filepath.Join(from, name)))
	}
	return r
}

func (r repository) path(name string) string { return filepath.Join(r.dir, name) }

// index writes the indices and returns what the program prints.
func (r repository) index(args ...string) (string, error) {
	r.t.Helper()
	path, err := indexer()
	if err != nil {
		r.t.Fatal(err)
	}
	out, err := exec.Command(path, append([]string{"-dir", r.dir, "-date", "1700000000"}, args...)...).CombinedOutput()
	return string(out), err
}

// sign writes the indices with a key.
func (r repository) sign(args ...string) {
	r.t.Helper()
	if out, err := r.index(args...); err != nil || !strings.Contains(out, "repository: signed with the key ") {
		r.t.Fatalf("sign: %v: %s", err, out)
	}
}

// sums returns the sums of all files.
func (r repository) sums() map[string]string {
	r.t.Helper()
	all := map[string]string{}
	err := fs.WalkDir(os.DirFS(r.dir), ".", func(name string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			all[name] = sum(get(r.t, r.path(name)))
		}
		return err
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return all
}

// keyOf makes an OpenPGP key in a keyring of its own, and returns the file with it.
func keyOf(t *testing.T, gpg, passphrase, kind string, options ...string) string {
	t.Helper()
	// The path of an agent's socket must be short.
	home, err := os.MkdirTemp("", "gpg-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = exec.Command("gpgconf", "--homedir", home, "--kill", "all").Run()
		if err := os.RemoveAll(home); err != nil {
			t.Error(err)
		}
	})
	run := func(args ...string) []byte {
		t.Helper()
		var stderr bytes.Buffer
		cmd := exec.Command(gpg, append([]string{"--homedir", home, "--batch", "--pinentry-mode", "loopback", "--passphrase", passphrase}, args...)...)
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("gpg %s: %v: %s", strings.Join(args, " "), err, stderr.String())
		}
		return out
	}
	run(append(options, "--quick-generate-key", "Test <test@haproxystats.example>", kind, "sign", "never")...)
	return put(t, filepath.Join(t.TempDir(), "secret.asc"), run("--export-secret-keys", "--armor"))
}

func put(t *testing.T, path string, text []byte) string {
	t.Helper()
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func get(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestRepositoryReproducible compares two repositories of the same packages, date and key, and
// what is left when the key is gone.
func TestRepositoryReproducible(t *testing.T) {
	gpg := real.Need(t, "gnupg")
	a, b := newRepository(t), newRepository(t)
	if out, err := a.index(); err != nil || !strings.Contains(out, "not signed: set SIGNING_KEY") {
		t.Fatalf("without a key: got %v: %s", err, out)
	}
	unsigned := a.sums()
	for _, kind := range []string{"ed25519", "rsa2048"} {
		// The key is older than the commit, as it is for a release.
		key := keyOf(t, gpg, "", kind, "--faked-system-time", "20200101T000000!")
		a.sign("-key", key)
		b.sign("-key", key)
		signed := a.sums()
		if other := b.sums(); !maps.Equal(signed, other) {
			t.Errorf("%s: two repositories differ: got %v, want %v", kind, other, signed)
		}
		got := slices.DeleteFunc(slices.Sorted(maps.Keys(signed)), func(name string) bool { return unsigned[name] != "" })
		for _, name := range []string{"InRelease", "Release.gpg", "repodata/repomd.xml.asc"} {
			const begin = "-----BEGIN PGP SIGNATURE"
			_, signature, _ := strings.Cut(string(get(t, a.path(name))), begin)
			list := exec.Command(gpg, "--homedir", filepath.Dir(key), "--batch", "--list-packets")
			list.Stdin = strings.NewReader(begin + signature)
			packets, err := list.Output()
			if err != nil || !strings.Contains(string(packets), " created 1700000000,") {
				t.Errorf("%s: %s: got %v: %s, want a signature with the date of the commit", kind, name, err, packets)
			}
		}
		if want := []string{"InRelease", "Release.gpg", "haproxystats.asc", "repodata/repomd.xml.asc"}; !slices.Equal(got, want) {
			t.Errorf("%s: a key adds %q, want %q", kind, got, want)
		}
	}
	if out, err := a.index(); err != nil {
		t.Fatalf("without the key again: %v: %s", err, out)
	}
	if got := a.sums(); !maps.Equal(got, unsigned) {
		t.Errorf("without the key again: got %v, want %v", got, unsigned)
	}
	if date := "\nDate: Tue, 14 Nov 2023 22:13:20 UTC\n"; !strings.Contains(string(get(t, a.path("Release"))), date) {
		t.Errorf("Release has no %q", date)
	}
}

// TestRepositoryKey gives keys that are refused. No message has a line of a key or the passphrase.
func TestRepositoryKey(t *testing.T) {
	gpg := real.Need(t, "gnupg")
	const words = "a phrase that nobody may see"
	r := newRepository(t)
	locked := keyOf(t, gpg, words, "ed25519")
	secret := get(t, locked)
	readable := put(t, filepath.Join(t.TempDir(), "readable.asc"), secret)
	if err := os.Chmod(readable, 0o640); err != nil {
		t.Fatal(err)
	}
	right := put(t, filepath.Join(t.TempDir(), "right"), []byte(words+"\n"))
	wrong := put(t, filepath.Join(t.TempDir(), "wrong"), []byte(words+"?\n"))
	open := put(t, filepath.Join(t.TempDir(), "open"), []byte(words+"\n"))
	if err := os.Chmod(open, 0o604); err != nil {
		t.Fatal(err)
	}
	r.sign("-key", locked, "-passphrase", right)
	for _, c := range []struct {
		name, want string
		args       []string
	}{
		{"no passphrase", "has a passphrase: set SIGNING_PASSPHRASE", []string{"-key", locked}},
		{"a wrong passphrase", "does not unlock the key in " + locked, []string{"-key", locked, "-passphrase", wrong}},
		{"only a passphrase", "SIGNING_PASSPHRASE is set without SIGNING_KEY", []string{"-passphrase", right}},
		{"a key for the group", readable + " has mode 0640, so other users may use it: run chmod 600", []string{"-key", readable, "-passphrase", right}},
		{"a passphrase for all", open + " has mode 0604, so other users may use it: run chmod 600", []string{"-key", locked, "-passphrase", open}},
		{"a public key", "holds a public key only", []string{"-key", put(t, filepath.Join(t.TempDir(), "public.asc"), get(t, r.path("haproxystats.asc")))}},
		{"no key", "does not hold one OpenPGP key", []string{"-key", right}},
		{"no file", "no such file", []string{"-key", right + ".asc"}},
	} {
		out, err := r.index(c.args...)
		if err == nil || !strings.Contains(out, c.want) {
			t.Errorf("%s: got %v: %s, want %q", c.name, err, out, c.want)
		}
		if strings.Contains(out, words) {
			t.Errorf("%s: the passphrase is in %q", c.name, out)
		}
		for line := range strings.Lines(string(secret)) {
			if line = strings.TrimSpace(line); len(line) > 20 && strings.Contains(out, line) {
				t.Errorf("%s: a line of the key is in %q", c.name, out)
			}
		}
	}
}

// TestAptRepository has apt read the repository and download the package, with the public key only.
func TestAptRepository(t *testing.T) {
	gpg := real.Need(t, "gnupg")
	if _, err := exec.LookPath("apt-get"); err != nil {
		t.Skip(err)
	}
	r, apt := newRepository(t), newApt(t)
	refused := func(what, want string) {
		t.Helper()
		apt.forget()
		if out, err := apt.run("update"); err == nil || !strings.Contains(out, want) {
			t.Errorf("%s: got %v, want a refusal with %q: %s", what, err, want, out)
		}
	}
	accepted := func(what string) {
		t.Helper()
		apt.forget()
		if out, err := apt.run("update"); err != nil || strings.Contains(out, "W:") {
			t.Fatalf("%s: %v: %s", what, err, out)
		}
	}
	download := func() (string, error) {
		if err := os.RemoveAll(filepath.Join(apt.dir, smallDeb)); err != nil {
			t.Fatal(err)
		}
		return apt.run("download", "haproxystats")
	}

	if out, err := r.index(); err != nil {
		t.Fatalf("without a key: %v: %s", err, out)
	}
	apt.source("file:" + r.dir)
	refused("an unsigned repository", "is not signed")
	apt.source("[trusted=yes] file:" + r.dir)
	accepted("an unsigned repository that is trusted")

	r.sign("-key", keyOf(t, gpg, "", "ed25519"))
	first := put(t, filepath.Join(t.TempDir(), "first.asc"), get(t, r.path("haproxystats.asc")))
	apt.source("[signed-by=" + first + "] file:" + r.dir)
	accepted("a signed repository")
	if out, err := download(); err != nil {
		t.Fatalf("apt-get download: %v: %s", err, out)
	}
	if got, want := sum(get(t, filepath.Join(apt.dir, smallDeb))), sum(get(t, r.path(smallDeb))); got != want {
		t.Errorf("apt-get download: got %s, want %s", got, want)
	}
	// Release and Release.gpg are what apt reads where there is no InRelease.
	inline := get(t, r.path("InRelease"))
	if err := os.Remove(r.path("InRelease")); err != nil {
		t.Fatal(err)
	}
	accepted("a signature of its own file")
	put(t, r.path("InRelease"), inline)

	// Another deb under the same name and of the same length.
	whole := get(t, r.path(smallDeb))
	other := slices.Clone(whole)
	other[len(other)-1] ^= 1
	put(t, r.path(smallDeb), other)
	accepted("a changed package, which update does not read")
	if out, err := download(); err == nil || !strings.Contains(out, "Hash Sum mismatch") {
		t.Errorf("a changed package: got %v, want a refusal: %s", err, out)
	}
	put(t, r.path(smallDeb), whole)

	// Another index.
	index, zipped := get(t, r.path("Packages")), get(t, r.path("Packages.gz"))
	if err := os.Remove(r.path("Packages.gz")); err != nil {
		t.Fatal(err)
	}
	put(t, r.path("Packages"), bytes.Replace(index, []byte("Version: 1.0.0"), []byte("Version: 6.6.6"), 1))
	refused("a changed index", "Hash Sum mismatch")
	put(t, r.path("Packages"), index)
	put(t, r.path("Packages.gz"), zipped)
	accepted("the index as it was")

	// Another key.
	r.sign("-key", keyOf(t, gpg, "", "ed25519"))
	refused("a signature by another key", "NO_PUBKEY")
}

// apt is one in a root of its own.
type apt struct {
	t   *testing.T
	dir string
}

func newApt(t *testing.T) *apt {
	t.Helper()
	a := &apt{t, t.TempDir()}
	for _, sub := range []string{"etc/preferences.d", "etc/sources.list.d", "etc/trusted.gpg.d", "etc/apt.conf.d", "state/lists/partial", "cache/archives/partial"} {
		if err := os.MkdirAll(filepath.Join(a.dir, sub), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	put(t, filepath.Join(a.dir, "dpkg-status"), nil)
	return a
}

// source makes a repository the only one.
func (a *apt) source(options string) {
	a.t.Helper()
	put(a.t, filepath.Join(a.dir, "etc/sources.list"), []byte("deb "+options+" ./\n"))
}

// forget removes what was read of repositories.
func (a *apt) forget() {
	a.t.Helper()
	if err := os.RemoveAll(filepath.Join(a.dir, "state/lists")); err != nil {
		a.t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(a.dir, "state/lists/partial"), 0o755); err != nil {
		a.t.Fatal(err)
	}
}

func (a *apt) run(args ...string) (string, error) {
	cmd := exec.Command("apt-get", append([]string{
		"-o", "Dir::Etc=" + a.dir + "/etc", "-o", "Dir::State=" + a.dir + "/state", "-o", "Dir::Cache=" + a.dir + "/cache",
		"-o", "Dir::State::status=" + a.dir + "/dpkg-status", "-o", "APT::Sandbox::User=root", "-o", "APT::Architecture=amd64",
		"-o", "APT::Architectures=amd64", "-o", "Acquire::Languages=none",
	}, args...)...)
	cmd.Dir = a.dir
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// TestDnfRepository has dnf read the repository with its key and download the package, and
// compares what dnf knows of the package with what rpm reads in it.
func TestDnfRepository(t *testing.T) {
	dnf, gpg := real.Need(t, "dnf"), real.Need(t, "gnupg")
	real.Need(t, "rpm")
	r, root := newRepository(t), t.TempDir()
	r.sign("-key", keyOf(t, gpg, "", "rsa2048"))
	key := put(t, filepath.Join(root, "first.asc"), get(t, r.path("haproxystats.asc")))
	conf := put(t, filepath.Join(root, "dnf.conf"), []byte("[main]\nreposdir="+root+"\ncachedir="+root+"/cache\nlogdir="+root+"/log\npersistdir="+root+"/persist\nplugins=0\n"+
		"[haproxystats]\nname=haproxystats\nbaseurl=file://"+r.dir+"\ngpgcheck=0\nrepo_gpgcheck=1\ngpgkey=file://"+key+"\n"))
	ask := func(args ...string) (string, error) {
		t.Helper()
		cmd := exec.Command(dnf, append([]string{
			"--config", conf, "--installroot", filepath.Join(root, "root"), "--releasever", "1", "--forcearch", "x86_64", "--quiet", "--assumeyes",
		}, args...)...)
		cmd.Dir = root
		cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "HOME="+root)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	refused := func(what, want string) {
		t.Helper()
		for _, sub := range []string{"cache", "persist"} {
			if err := os.RemoveAll(filepath.Join(root, sub)); err != nil {
				t.Fatal(err)
			}
		}
		if out, err := ask("makecache"); err == nil || !regexp.MustCompile(want).MatchString(out) {
			t.Errorf("%s: got %v, want a refusal with %q: %s", what, err, want, out)
		}
	}

	if out, err := ask("makecache"); err != nil {
		t.Fatalf("dnf makecache: %v: %s", err, out)
	}
	path := r.path(smallRPM)
	for question, want := range map[string]string{
		"--qf=%{name} %{epoch} %{version} %{release} %{arch} %{license} %{url} %{location}": "haproxystats 0 1.0.0 1 x86_64 Apache-2.0 " + homepage + " " + smallRPM,
		"--qf=%{summary}|%{description}|%{installsize}":                                     say(t, "rpm", "-qp", "--qf", "%{summary}|%{description}|%{size}", path),
		"--requires": say(t, "rpm", "-qp", "--requires", path),
		"--provides": say(t, "rpm", "-qp", "--provides", path),
		"--list":     say(t, "rpm", "-qp", "--list", path),
	} {
		out, err := ask("repoquery", question, "haproxystats")
		if got, want := lines(out), lines(want); err != nil || !slices.Equal(got, want) {
			t.Errorf("dnf repoquery %s: got %q, %v, want what rpm says, %q", question, got, err, want)
		}
	}
	if out, err := ask("repoquery", "--whatprovides", "/usr/bin/haproxystats"); err != nil || len(lines(out)) != 1 {
		t.Errorf("dnf repoquery --whatprovides: got %q, %v, want one package", out, err)
	}
	// The package needs its own file and its own name: dnf finds both in what it has read.
	downloads := filepath.Join(root, "downloads")
	download := []string{"install", "--downloadonly", "--downloaddir", downloads, "haproxystats"}
	if out, err := ask(download...); err != nil {
		t.Fatalf("dnf install --downloadonly: %v: %s", err, out)
	}
	whole := get(t, path)
	if got, want := sum(get(t, filepath.Join(downloads, smallRPM))), sum(whole); got != want {
		t.Errorf("dnf install --downloadonly: got %s, want %s", got, want)
	}
	// Another package under the same name and of the same length.
	other := slices.Clone(whole)
	other[len(other)-1] ^= 1
	put(t, path, other)
	if err := os.RemoveAll(downloads); err != nil {
		t.Fatal(err)
	}
	if out, err := ask(download...); err == nil || !strings.Contains(out, "hecksum") {
		t.Errorf("a changed package: got %v, want a refusal: %s", err, out)
	}
	put(t, path, whole)

	// Another list, another key, no signature.
	list := r.path("repodata/repomd.xml")
	text := get(t, list)
	put(t, list, bytes.Replace(text, []byte("<revision>1"), []byte("<revision>2"), 1))
	refused("a changed list", "(?i)signature")
	put(t, list, text)
	r.sign("-key", keyOf(t, gpg, "", "rsa2048"))
	refused("a signature by another key", "(?i)signature|key")
	if out, err := r.index(); err != nil {
		t.Fatalf("without a key: %v: %s", err, out)
	}
	refused("an unsigned repository", "repomd.xml.asc")
}

// lines returns the lines of a text in order, without those about rpm itself.
func lines(text string) (all []string) {
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "rpmlib(") {
			all = append(all, line)
		}
	}
	slices.Sort(all)
	return all
}
