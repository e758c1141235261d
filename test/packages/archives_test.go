package packages

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"debug/buildinfo"
	"debug/elf"
	"debug/macho"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// systems are those that get archives; `make packages` names the same.
var systems = []string{"darwin/amd64", "darwin/arm64", "freebsd/amd64", "freebsd/arm64"}

func archiveOf(system string) string {
	return "haproxystats-1.0.0-" + strings.ReplaceAll(system, "/", "-") + ".tar.gz"
}

// readArchive reads an archive, whose names it returns without the directory that all are
// in.
func readArchive(t *testing.T, path string) map[string]file {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	root := strings.TrimSuffix(filepath.Base(path), ".tar.gz") + "/"
	files, last := map[string]file{}, ""
	for archive := tar.NewReader(z); ; {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		name, ok := strings.CutPrefix(h.Name, root)
		if !ok || h.Name <= last || h.ModTime.Unix() != date || h.Uid != 0 || h.Gid != 0 || h.Uname != "" || h.Gname != "" {
			t.Errorf("%s: %+v", path, h)
		}
		last = h.Name
		switch {
		case h.Typeflag == tar.TypeDir && h.Mode == 0o755:
		case h.Typeflag == tar.TypeReg:
			files[name] = file{mode: h.Mode, content: content, sum: sum(content)}
		default:
			t.Errorf("%s: %+v", path, h)
		}
	}
}

// TestArchives looks into the archives for other systems, whose programs can't run here.
func TestArchives(t *testing.T) {
	dir := dist(t, newer)
	want := []string{
		"CHANGELOG.md", "LICENSE", "README.md", "bin/check_haproxystats", "bin/haproxystats", "haproxystats.conf", "licenses.txt",
		"share/bash-completion/completions/check_haproxystats", "share/bash-completion/completions/haproxystats",
		"share/fish/vendor_completions.d/check_haproxystats.fish", "share/fish/vendor_completions.d/haproxystats.fish",
		"share/man/man1/check_haproxystats.1", "share/man/man1/haproxystats.1", "share/man/man5/haproxystats.conf.5",
		"share/zsh/site-functions/_check_haproxystats", "share/zsh/site-functions/_haproxystats",
	}
	pages, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range pages {
		want = append(want, "docs/"+filepath.Base(p))
	}
	slices.Sort(want)
	var bill bom
	text, err := os.ReadFile(filepath.Join(dir, "haproxystats-1.0.0.cdx.json"))
	if err == nil {
		err = json.Unmarshal(text, &bill)
	}
	if err != nil {
		t.Fatal(err)
	}
	named := map[string]string{} // programs of the bill by their sums
	modules := map[string]bool{}
	for _, c := range bill.Components {
		if c.Type == "library" {
			modules[c.PURL] = true
		} else {
			named[c.Hashes[0].Content] = c.Name
		}
	}
	for _, s := range systems {
		t.Run(s, func(t *testing.T) {
			files := readArchive(t, filepath.Join(dir, archiveOf(s)))
			if got := slices.Sorted(maps.Keys(files)); !slices.Equal(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
			for name, f := range files {
				if !strings.HasPrefix(name, "bin/") {
					if f.mode != 0o644 || len(f.content) == 0 {
						t.Errorf("%s has mode %o and %d bytes", name, f.mode, len(f.content))
					}
					continue
				}
				if f.mode != 0o755 {
					t.Errorf("%s has mode %o", name, f.mode)
				}
				if got, want := named[f.sum], strings.TrimPrefix(name, "bin/"); got != want {
					t.Errorf("%s: the bill of materials has its sum for %q", name, got)
				}
				programOf(t, s, name, f.content, modules)
			}
		})
	}
}

// programOf checks that a program is for a system, and that the bill has its modules.
func programOf(t *testing.T, system, name string, content []byte, modules map[string]bool) {
	t.Helper()
	info, err := buildinfo.Read(bytes.NewReader(content))
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	settings := map[string]string{}
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	if got := settings["GOOS"] + "/" + settings["GOARCH"]; got != system || info.Path != "haproxystats/cmd/"+strings.TrimPrefix(name, "bin/") {
		t.Errorf("%s is %s for %s, want %s", name, info.Path, got, system)
	}
	for _, d := range info.Deps {
		if purl := "pkg:golang/" + d.Path + "@" + d.Version; !modules[purl] {
			t.Errorf("%s contains %s, which the bill lacks", name, purl)
		}
	}
	switch system {
	case "darwin/amd64", "darwin/arm64":
		f, err := macho.NewFile(bytes.NewReader(content))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
		if want := map[string]macho.Cpu{"darwin/amd64": macho.CpuAmd64, "darwin/arm64": macho.CpuArm64}[system]; f.Cpu != want {
			t.Errorf("%s is for %v, want %v", name, f.Cpu, want)
		}
	default:
		f, err := elf.NewFile(bytes.NewReader(content))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
		if f.OSABI != elf.ELFOSABI_FREEBSD {
			t.Errorf("%s is for %v", name, f.OSABI)
		}
		program(t, name, content, map[string]elf.Machine{"freebsd/amd64": elf.EM_X86_64, "freebsd/arm64": elf.EM_AARCH64}[system])
	}
}
