package doctor

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Unit is a service of systemd, with the paths that its program can reach.
type Unit struct {
	Name string
	// Loaded reports whether systemd knows the unit.
	Loaded bool
	// Made lists the directories that systemd makes for the program's user before the
	// start.
	Made []string
	// Writable lists further directories that the program may write in; those with
	// Optional need not exist.
	Writable []WritablePath
	// Inaccessible lists the paths of InaccessiblePaths.
	Inaccessible []string
	// ProtectSystem is no, yes, full or strict; ProtectHome no, yes, read-only or
	// tmpfs.
	ProtectSystem, ProtectHome string
	PrivateTmp, PrivateNetwork bool
	// Inet reports whether the program may open sockets for IP.
	Inet bool
}

// WritablePath is an entry of ReadWritePaths.
type WritablePath struct {
	Path     string
	Optional bool
}

// unitLimit bounds the time for systemctl.
const unitLimit = 3 * time.Second

// unitProperties are the properties that systemctl is asked for.
var unitProperties = []string{
	"LoadState", "StateDirectory", "RuntimeDirectory", "CacheDirectory", "LogsDirectory", "ReadWritePaths", "ProtectSystem",
	"ProtectHome", "PrivateTmp", "InaccessiblePaths", "PrivateNetwork", "RestrictAddressFamilies",
}

// askUnit asks systemd for a unit. The unit is not loaded if systemd does not run or
// does not answer in time. Root is the root of the host's files.
func askUnit(ctx context.Context, root fs.FS, program string) Unit {
	u := Unit{Name: program + ".service"}
	if info, err := fs.Stat(root, "run/systemd/system"); err != nil || !info.IsDir() {
		return u
	}
	ctx, cancel := context.WithTimeout(ctx, unitLimit)
	defer cancel()
	ask := exec.CommandContext(ctx, "systemctl", "show", "--property="+strings.Join(unitProperties, ","), "--", u.Name)
	ask.WaitDelay = time.Second
	text, err := ask.Output()
	if err != nil {
		return u
	}
	return parseUnit(u.Name, text)
}

// parseUnit reads the properties of a unit, one in each line.
func parseUnit(name string, text []byte) Unit {
	u := Unit{Name: name, Inet: true, ProtectSystem: "no", ProtectHome: "no"}
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		property, value, _ := strings.Cut(lines.Text(), "=")
		words := strings.Fields(value)
		switch property {
		case "LoadState":
			u.Loaded = value == "loaded"
		case "StateDirectory":
			u.makes("/var/lib", words)
		case "RuntimeDirectory":
			u.makes("/run", words)
		case "CacheDirectory":
			u.makes("/var/cache", words)
		case "LogsDirectory":
			u.makes("/var/log", words)
		case "ReadWritePaths":
			for _, w := range words {
				path := strings.TrimLeft(w, "-+")
				u.Writable = append(u.Writable, WritablePath{filepath.Clean(path), strings.Contains(w[:len(w)-len(path)], "-")})
			}
		case "InaccessiblePaths":
			for _, w := range words {
				u.Inaccessible = append(u.Inaccessible, filepath.Clean(strings.TrimLeft(w, "-+")))
			}
		case "ProtectSystem":
			u.ProtectSystem = value
		case "ProtectHome":
			u.ProtectHome = value
		case "PrivateTmp":
			u.PrivateTmp = value != "no" && value != ""
		case "PrivateNetwork":
			u.PrivateNetwork = value == "yes"
		case "RestrictAddressFamilies":
			if len(words) > 0 {
				// With ~ the list has the forbidden families.
				forbids := strings.HasPrefix(words[0], "~")
				words[0] = strings.TrimPrefix(words[0], "~")
				u.Inet = forbids != (slices.Contains(words, "AF_INET") || slices.Contains(words, "AF_INET6"))
			}
		}
	}
	return u
}

func (u *Unit) makes(above string, names []string) {
	for _, n := range names {
		n, _, _ = strings.Cut(n, ":")
		u.Made = append(u.Made, filepath.Join(above, n))
	}
}

// within reports whether path is dir or below it.
func within(path, dir string) bool {
	return path == dir || dir == "/" || strings.HasPrefix(path, dir+"/")
}

func withinAny(path string, dirs ...string) bool {
	return slices.ContainsFunc(dirs, func(d string) bool { return within(path, d) })
}

// makesDirectory reports whether the unit makes the directory, or one above it in
// which its program may make the rest.
func (u Unit) makesDirectory(path string) bool { return u.Loaded && withinAny(path, u.Made...) }

// hides reports whether a setting of the unit hides the path from the program, and
// which one.
func (u Unit) hides(path string) (setting string, hidden bool) {
	switch {
	case withinAny(path, "/home", "/root", "/run/user") && (u.ProtectHome == "yes" || u.ProtectHome == "tmpfs"):
		return "ProtectHome=" + u.ProtectHome, true
	case withinAny(path, "/tmp", "/var/tmp") && u.PrivateTmp:
		return "PrivateTmp=yes", true
	case withinAny(path, u.Inaccessible...):
		return "InaccessiblePaths=" + strings.Join(u.Inaccessible, " "), true
	}
	return "", false
}

// forbids reports whether a setting of the unit forbids the program to write at the
// path, and which one.
func (u Unit) forbids(path string) (setting string, forbidden bool) {
	if withinAny(path, u.Made...) || slices.ContainsFunc(u.Writable, func(w WritablePath) bool { return within(path, w.Path) }) {
		return "", false
	}
	switch {
	case withinAny(path, "/dev", "/proc", "/sys"):
		return "", false
	case withinAny(path, "/home", "/root", "/run/user") && u.ProtectHome == "read-only":
		return "ProtectHome=read-only", true
	case u.ProtectSystem == "strict",
		u.ProtectSystem == "full" && withinAny(path, "/usr", "/boot", "/efi", "/etc"),
		u.ProtectSystem == "yes" && withinAny(path, "/usr", "/boot", "/efi"):
		return "ProtectSystem=" + u.ProtectSystem, true
	}
	return "", false
}

// Need is a path that a program uses.
type Need struct {
	Option, Path string
	Write        bool
}

// UnitAccess judges whether the unit lets its program use the paths of the
// configuration. Base is the directory that most of them are in; network is an
// option that needs the network, or empty.
func UnitAccess(files Files, u Unit, needs []Need, base, network string) []Finding {
	a := about{"unit", u.Name}
	if !u.Loaded {
		return nil
	}
	var found []Finding
	for _, w := range u.Writable {
		if _, err := files.Stat(w.Path); !w.Optional && isMissing(err) {
			found = append(found, a.error(fmt.Sprintf("the unit does not start: ReadWritePaths names %s, which does not exist", w.Path),
				"Make the directory. Run: install -d -o haproxystats -g haproxystats -m 0750 "+shellQuote(w.Path)))
		}
	}
	missing := make(map[string][]string) // options by the path that a drop-in must list
	var order []string
	settings := make(map[string]string)
	for _, n := range needs {
		if setting, hidden := u.hides(n.Path); hidden {
			found = append(found, a.error(fmt.Sprintf("the program can't see %s %s, because of %s", n.Option, n.Path, setting),
				fmt.Sprintf("Set %s to a path that the unit does not hide, for example below /etc or /srv. Paths below /home, /root, /tmp, /var/tmp and those in InaccessiblePaths are hidden", n.Option)))
			continue
		}
		if !n.Write {
			continue
		}
		if setting, forbidden := u.forbids(n.Path); forbidden {
			path := n.Path
			if base != "" && within(path, base) {
				path = base
			}
			if missing[path] == nil {
				order = append(order, path)
			}
			missing[path] = append(missing[path], n.Option)
			settings[path] = setting
		}
	}
	for _, path := range order {
		found = append(found, a.error(
			fmt.Sprintf("the program can't write in %s for %s: it sees a read-only file system, because of %s", path, strings.Join(missing[path], ", "), settings[path]),
			dropIn(u.Name, "spool.conf", "ReadWritePaths="+path)))
	}
	if network != "" && (u.PrivateNetwork || !u.Inet) {
		found = append(found, a.error(fmt.Sprintf("the program has no network, which %s needs: every connection fails with \"address family not supported by protocol\" or \"network is unreachable\"", network),
			dropIn(u.Name, "tcp.conf", "PrivateNetwork=no", "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6", "IPAddressDeny=")))
	}
	if len(found) == 0 {
		found = append(found, a.ok("the program can use all paths of the configuration"))
	}
	return found
}

// dropIn returns the remedy that adds a drop-in to a unit.
func dropIn(unit, file string, lines ...string) string {
	return fmt.Sprintf("Write /etc/systemd/system/%s.d/%s with the lines [Service], %s (see contrib/systemd/%[1]s.d/%[2]s), then run: systemctl daemon-reload",
		unit, file, strings.Join(lines, ", "))
}
