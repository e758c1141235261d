package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// formats are those of the packages.
var formats = []string{"deb", "rpm", "apk"}

const maintainer = "haproxystats maintainers <maintainers@haproxystats.invalid>"

// defaultHomepage is, like the address above, a name that nobody can have: whoever publishes
// packages sets HOMEPAGE.
const defaultHomepage = "https://haproxystats.invalid/"

// packageVersion writes a version of semver.org's as a format does. A version
// that comes before 1.0.0 there comes before it here.
func packageVersion(format, version string) string {
	number, before, ok := strings.Cut(version, "-")
	switch {
	case !ok:
		return number
	case format != "apk":
		return number + "~" + before
	case before == "dev":
		return number + "_alpha" // apk knows alpha, beta, pre and rc alone
	default:
		return number + "_" + strings.ReplaceAll(before, ".", "")
	}
}

// details is what descriptions say beyond the first line, which is all that apk has.
const details = `
Asks the stats sockets of HAProxy at short intervals, adds up what the
processes of a node say, and sends it to Graphite. What Graphite does not
confirm waits on disk.

The user haproxystats joins the group haproxy if there is one, since stats
sockets usually belong to it. Where that group may read private keys, so may
haproxystats outside of its units. To remove it from the group, run
gpasswd -d haproxystats haproxy.`

// packer is nfpm.
type packer string

// findPacker builds nfpm, of the version in tools.mod, and returns its path.
func findPacker(ctx context.Context) (packer, error) {
	cmd := exec.CommandContext(ctx, "go", "tool", "-modfile=tools.mod", "-n", "nfpm")
	cmd.Stderr = os.Stderr
	path, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("go tool nfpm: %w", err)
	}
	return packer(strings.TrimSpace(string(path))), nil
}

// pack makes one package of what is staged in root.
func (p packer) pack(ctx context.Context, o order, root, arch, format, name string) error {
	target, err := filepath.Abs(filepath.Join(o.out, name))
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, string(p), "package", "--packager", format, "--target", target)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "ARCH="+arch, "PACKAGE_VERSION="+packageVersion(format, o.version), "MAINTAINER="+maintainer, "HOMEPAGE="+o.homepage,
		fmt.Sprint("SOURCE_DATE_EPOCH=", o.date.Unix()), "DETAILS=")
	if format != "apk" {
		cmd.Env = append(cmd.Env, "DETAILS="+details)
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("nfpm: %s: %w\n%s", name, err, strings.TrimSpace(string(out)))
	}
	return nil
}

// fileName returns the name that a format gives its files.
func fileName(format, version, arch string) string {
	version = packageVersion(format, version)
	switch other := map[string]string{"amd64": "x86_64", "arm64": "aarch64"}[arch]; format {
	case "deb":
		return "haproxystats_" + version + "-1_" + arch + ".deb"
	case "rpm":
		return "haproxystats-" + version + "-1." + other + ".rpm"
	default:
		return "haproxystats-" + version + "-r1." + other + ".apk"
	}
}

// writeSums writes SHA256SUMS, as sha256sum --check reads it.
func writeSums(dir string, names []string) error {
	slices.Sort(names)
	var sums strings.Builder
	for _, name := range names {
		content, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		fmt.Fprintf(&sums, "%x  %s\n", sha256.Sum256(content), name)
	}
	return os.WriteFile(filepath.Join(dir, "SHA256SUMS"), []byte(sums.String()), 0o644)
}
