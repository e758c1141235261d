package packages

import (
	"bytes"
	"compress/gzip"
	"debug/elf"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"haproxystats/test/real"
)

var packed = []struct {
	format, arch, file string
	machine            elf.Machine
}{
	{"deb", "amd64", "haproxystats_1.0.0-1_amd64.deb", elf.EM_X86_64},
	{"deb", "arm64", "haproxystats_1.0.0-1_arm64.deb", elf.EM_AARCH64},
	{"rpm", "amd64", "haproxystats-1.0.0-1.x86_64.rpm", elf.EM_X86_64},
	{"rpm", "arm64", "haproxystats-1.0.0-1.aarch64.rpm", elf.EM_AARCH64},
	{"apk", "amd64", "haproxystats-1.0.0-r1.x86_64.apk", elf.EM_X86_64},
	{"apk", "arm64", "haproxystats-1.0.0-r1.aarch64.apk", elf.EM_AARCH64},
}

func TestSums(t *testing.T) {
	dir := dist(t, newer)
	want := []string{"SHA256SUMS", "haproxystats-1.0.0.cdx.json"}
	for _, p := range packed {
		want = append(want, p.file)
	}
	for _, s := range systems {
		want = append(want, archiveOf(s))
	}
	var got []string
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		got = append(got, e.Name())
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	checked := say(t, "sh", "-c", `cd "$1" && sha256sum --check --strict SHA256SUMS`, "sh", dir)
	if n := strings.Count(checked, ": OK\n"); n != len(packed)+len(systems)+1 {
		t.Errorf("%d sums are right:\n%s", n, checked)
	}
}

// expected returns what a format's packages hold.
func expected(t *testing.T, format string) map[string]file {
	t.Helper()
	files := map[string]file{}
	add := func(mode int64, names ...string) {
		for _, n := range names {
			files[n] = file{mode: mode, owner: "root:root"}
		}
	}
	add(0o755, "/usr/bin/haproxystats", "/usr/bin/haproxystats-central", "/usr/bin/haproxystats-process", "/usr/bin/haproxystats-pull")
	plugins := "/usr/lib/nagios/plugins/"
	zsh := "/usr/share/zsh/site-functions/"
	group := "haproxystats"
	switch format {
	case "deb":
		zsh = "/usr/share/zsh/vendor-completions/"
		group = "root" // until postinst
		add(0o644, "/usr/share/doc/haproxystats/changelog.Debian.gz", "/usr/share/lintian/overrides/haproxystats")
	case "rpm":
		plugins = "/usr/lib64/nagios/plugins/"
	case "apk":
		add(0o755, "/etc/init.d/haproxystats-central", "/etc/init.d/haproxystats-process", "/etc/init.d/haproxystats-pull")
		files["/etc/logrotate.d/haproxystats"] = file{mode: 0o644, owner: "root:root", config: true}
	}
	if format != "apk" {
		add(0o644, "/usr/lib/systemd/system/haproxystats-central.service", "/usr/lib/systemd/system/haproxystats-process.service", "/usr/lib/systemd/system/haproxystats-pull.service")
	}
	add(0o755, plugins+"check_haproxystats")
	for _, old := range []string{"process.sh", "pull.sh", "process_number_of_procs.sh", "queue_size.py"} {
		files[plugins+"check_haproxystats_"+old] = file{link: "check_haproxystats"}
	}
	for _, doc := range []string{"README.md", "SECURITY.md", "examples/haproxystats.conf", "examples/systemd/README.md", "changelog.gz", "copyright", "licenses.gz"} {
		add(0o644, "/usr/share/doc/haproxystats/"+doc)
	}
	for pattern, to := range map[string]string{
		"docs/*.md":                    "/usr/share/doc/haproxystats/docs/*",
		"docs/man/*.1":                 "/usr/share/man/man1/*.gz",
		"docs/man/*.5":                 "/usr/share/man/man5/*.gz",
		"contrib/completion/bash/*":    "/usr/share/bash-completion/completions/*",
		"contrib/completion/fish/*":    "/usr/share/fish/vendor_completions.d/*",
		"contrib/completion/zsh/*":     zsh + "*",
		"contrib/systemd/*.d/*.conf":   "/usr/share/doc/haproxystats/examples/systemd/*",
		"contrib/grafana/*":            "/usr/share/doc/haproxystats/examples/grafana/*",
		"contrib/graphite-web/*":       "/usr/share/doc/haproxystats/examples/graphite-web/*",
		"contrib/alerts/*":             "/usr/share/doc/haproxystats/examples/alerts/*",
		"contrib/prometheus/*.yml":     "/usr/share/doc/haproxystats/examples/prometheus/*",
		"contrib/prometheus/grafana/*": "/usr/share/doc/haproxystats/examples/prometheus/grafana/*",
		"contrib/kubernetes/*":         "/usr/share/doc/haproxystats/examples/kubernetes/*",
		"contrib/nagios/*":             "/usr/share/doc/haproxystats/examples/nagios/*",
	} {
		found, err := filepath.Glob(filepath.Join("../..", pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range found {
			name := filepath.Base(f)
			if strings.Contains(pattern, ".d/") {
				name = filepath.Join(filepath.Base(filepath.Dir(f)), name)
			}
			add(0o644, strings.ReplaceAll(to, "*", name))
		}
	}
	files["/etc/haproxystats.conf"] = file{mode: 0o640, owner: "root:" + group, config: true}
	files["/var/lib/haproxystats"] = file{mode: 0o750, owner: group + ":" + group, dir: true}
	return files
}

func TestContents(t *testing.T) {
	dir := dist(t, newer)
	programs := map[string]map[string]string{} // sums by architecture and name
	for _, p := range packed {
		t.Run(p.file, func(t *testing.T) {
			got := contents[p.format](t, filepath.Join(dir, p.file))
			want := expected(t, p.format)
			for name, w := range want {
				g, ok := got[name]
				switch {
				case !ok:
					t.Errorf("no %s", name)
				case w.link == "" && (g.owner != w.owner || g.mode != w.mode), g.link != w.link, g.dir != w.dir, g.config != w.config:
					g.content = nil
					t.Errorf("%s: got %+v, want %+v", name, g, w)
				}
			}
			for name, g := range got {
				if _, ok := want[name]; !ok && !g.dir {
					t.Errorf("%s is too much", name)
				}
			}
			if programs[p.arch] == nil {
				programs[p.arch] = map[string]string{}
			}
			for name, f := range got {
				if f.link != "" || f.mode != 0o755 || strings.HasPrefix(name, "/etc/") || f.dir {
					continue
				}
				// The programs of a deb are checked; those of the others must be equal.
				if p.format == "deb" {
					program(t, name, f.content, p.machine)
					programs[p.arch][filepath.Base(name)] = f.sum
				} else if programs[p.arch][filepath.Base(name)] != f.sum {
					t.Errorf("%s is not that of the deb", name)
				}
			}
		})
	}
	for arch, p := range programs {
		if names := slices.Sorted(maps.Keys(p)); !slices.Equal(names, []string{"check_haproxystats", "haproxystats", "haproxystats-central", "haproxystats-process", "haproxystats-pull"}) {
			t.Errorf("%s: programs %q", arch, names)
		}
	}
}

// program checks that a program is for a machine, and needs no library there.
func program(t *testing.T, name string, content []byte, machine elf.Machine) {
	t.Helper()
	f, err := elf.NewFile(bytes.NewReader(content))
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	libraries, err := f.ImportedLibraries()
	if err != nil || len(libraries) > 0 {
		t.Errorf("%s needs %q: %v", name, libraries, err)
	}
	if f.Machine != machine {
		t.Errorf("%s is for %v", name, f.Machine)
	}
}

// TestControl looks at what the formats say beside the files.
func TestControl(t *testing.T) {
	dir := dist(t, newer)
	for _, p := range packed {
		t.Run(p.file, func(t *testing.T) {
			path := filepath.Join(dir, p.file)
			switch p.format {
			case "deb":
				if got, want := say(t, "dpkg-deb", "--showformat=${Package} ${Version} ${Architecture} ${Depends} ${Homepage}", "--show", path), "haproxystats 1.0.0-1 "+p.arch+" adduser "+homepage; got != want {
					t.Errorf("got %q, want %q", got, want)
				}
			case "rpm":
				real.Need(t, "rpm")
				arch := map[string]string{"amd64": "x86_64", "arm64": "aarch64"}[p.arch]
				if got, want := say(t, "rpm", "-qp", "--qf", "%{NAME} %{EVR} %{ARCH} %{OS} %{LICENSE} %{URL}", path), "haproxystats 1.0.0-1 "+arch+" linux Apache-2.0 "+homepage; got != want {
					t.Errorf("got %q, want %q", got, want)
				}
				needs := strings.Fields(say(t, "rpm", "-qp", "--requires", path))
				slices.Sort(needs)
				if want := []string{"/usr/sbin/groupadd", "/usr/sbin/useradd", "/usr/sbin/usermod"}; !slices.Equal(needs, want) {
					t.Errorf("requires %q, want %q", needs, want)
				}
				scripts(t, "rpm", map[string]string{
					"preinstall":    say(t, "rpm", "-qp", "--qf", "%{PREIN}", path),
					"postinstall":   say(t, "rpm", "-qp", "--qf", "%{POSTIN}", path),
					"preuninstall":  say(t, "rpm", "-qp", "--qf", "%{PREUN}", path),
					"postuninstall": say(t, "rpm", "-qp", "--qf", "%{POSTUN}", path),
				}, map[string]string{"preinstall": "pre", "postinstall": "post", "preuninstall": "preun", "postuninstall": "postun"})
			case "apk":
				control, _, _ := splitAPK(t, path)
				info := control[".PKGINFO"]
				delete(control, ".PKGINFO")
				arch := map[string]string{"amd64": "x86_64", "arm64": "aarch64"}[p.arch]
				for _, want := range []string{"pkgname = haproxystats\n", "pkgver = 1.0.0-r1\n", "arch = " + arch + "\n", "license = Apache-2.0\n", "url = " + homepage + "\n"} {
					if !strings.Contains(info, want) {
						t.Errorf("no %q in .PKGINFO:\n%s", want, info)
					}
				}
				for line := range strings.Lines(info) {
					if !strings.Contains(line, " = ") && !strings.HasPrefix(line, "#") {
						t.Errorf(".PKGINFO has a line that apk can't read: %q", line)
					}
				}
				scripts(t, "apk", control, map[string]string{
					".pre-install": "pre-install", ".post-install": "post-install", ".pre-upgrade": "pre-install", ".post-upgrade": "post-upgrade", ".pre-deinstall": "pre-deinstall",
				})
			}
		})
	}
}

// scripts compares the scripts of a package with files below packaging.
func scripts(t *testing.T, format string, got, files map[string]string) {
	t.Helper()
	if a, b := slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(files)); !slices.Equal(a, b) {
		t.Errorf("scripts %q, want %q", a, b)
	}
	for name, file := range files {
		want, err := os.ReadFile(filepath.Join("../../packaging", format, file))
		if err != nil {
			t.Fatal(err)
		}
		if strings.TrimSpace(got[name]) != strings.TrimSpace(string(want)) {
			t.Errorf("%s is not %s:\n%s", name, file, got[name])
		}
	}
}

// TestDocuments reads what goes with the programs.
func TestDocuments(t *testing.T) {
	files := readDeb(t, filepath.Join(dist(t, newer), packed[0].file))
	for name, want := range map[string]string{
		"/usr/share/doc/haproxystats/licenses.gz":         "\ngithub.com/spf13/cobra v",
		"/usr/share/doc/haproxystats/changelog.gz":        "# Changelog",
		"/usr/share/doc/haproxystats/changelog.Debian.gz": "haproxystats (1.0.0-1) ",
		"/usr/share/man/man1/haproxystats-pull.1.gz":      ".TH ",
	} {
		z, err := gzip.NewReader(bytes.NewReader(files[name].content))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		text, err := io.ReadAll(z)
		if err != nil || !strings.Contains(string(text), want) {
			t.Errorf("no %q in %s: %v", want, name, err)
		}
		if !z.ModTime.IsZero() || z.Name != "" {
			t.Errorf("%s has a date %v or a name %q", name, z.ModTime, z.Name)
		}
	}
}

// TestLintian wants not even warnings; packaging/deb/lintian-overrides has the
// reasons for what does not apply.
func TestLintian(t *testing.T) {
	lintian := real.Need(t, "lintian")
	dir := dist(t, newer)
	for _, p := range packed {
		if p.format == "deb" {
			out := say(t, lintian, "--allow-root", "--fail-on", "error,warning", filepath.Join(dir, p.file))
			if out != "" {
				t.Errorf("%s:\n%s", p.file, out)
			}
		}
	}
}
