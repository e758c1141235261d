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

// Unit is a service of systemd, and what it lets its program reach.
type Unit struct {
	Name string
	// Loaded tells that systemd knows the unit.
	Loaded bool
	// Made are the directories that systemd makes before the start, for the
	// program's user.
	Made []string
	// Writable are further directories that the program may write in; one with
	// Optional need not exist.
	Writable []WritablePath
	// Inaccessible are what InaccessiblePaths names.
	Inaccessible []string
	// ProtectSystem is no, yes, full or strict; ProtectHome no, yes, read-only or
	// tmpfs.
	ProtectSystem, ProtectHome string
	PrivateTmp, PrivateNetwork bool
	// Inet tells that the program may make sockets for IP.
	Inet bool
}

// WritablePath is a path of ReadWritePaths.
type WritablePath struct {
	Path     string
	Optional bool
}

// unitLimit bounds the question to systemd.
const unitLimit = 3 * time.Second

// unitProperties are what systemctl is asked for.
var unitProperties = []string{
	"LoadState", "StateDirectory", "RuntimeDirectory", "CacheDirectory", "LogsDirectory", "ReadWritePaths", "ProtectSystem",
	"ProtectHome", "PrivateTmp", "InaccessiblePaths", "PrivateNetwork", "RestrictAddressFamilies",
}

// askUnit returns what systemd knows of a unit. It is not loaded where systemd does
// not run, or does not answer in time. Root is the root of the host's files.
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

// parseUnit reads the properties of a unit, a line each.
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
				// With ~ the list is of what is forbidden.
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

// hides reports whether the program sees something else at the path than others
// do, and by which setting.
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

// forbids reports whether the program can't write at the path, and by which setting.
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

// UnitAccess judges whether the unit lets its program use what the configuration
// names. Base is the directory that most are in; network is an option that needs
// the network, or empty.
func UnitAccess(files Files, u Unit, needs []Need, base, network string) []Finding {
	a := about{"unit", u.Name}
	if !u.Loaded {
		return nil
	}
	var found []Finding
	for _, w := range u.Writable {
		if _, err := files.Stat(w.Path); !w.Optional && isMissing(err) {
			found = append(found, a.error(fmt.Sprintf("it does not start: ReadWritePaths names %s, which does not exist", w.Path),
				"make the directory: install -d -o haproxystats -g haproxystats -m 0750 "+shellQuote(w.Path)))
		}
	}
	missing := make(map[string][]string) // options by the path that a drop-in must name
	var order []string
	settings := make(map[string]string)
	for _, n := range needs {
		if setting, hidden := u.hides(n.Path); hidden {
			found = append(found, a.error(fmt.Sprintf("its program can't see %s %s, because of %s", n.Option, n.Path, setting),
				fmt.Sprintf("set %s to a path that the unit shows, such as in /etc or /srv: not in /home, /root, /tmp, /var/tmp or what InaccessiblePaths names", n.Option)))
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
			fmt.Sprintf("its program can't write in %s for %s: the file system is read-only for it, because of %s", path, strings.Join(missing[path], ", "), settings[path]),
			dropIn(u.Name, "spool.conf", "ReadWritePaths="+path)))
	}
	if network != "" && (u.PrivateNetwork || !u.Inet) {
		found = append(found, a.error(fmt.Sprintf("its program has no network, which %s needs: every connection fails with \"address family not supported by protocol\" or \"network is unreachable\"", network),
			dropIn(u.Name, "tcp.conf", "PrivateNetwork=no", "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6", "IPAddressDeny=")))
	}
	if len(found) == 0 {
		found = append(found, a.ok("it lets its program use what the configuration names"))
	}
	return found
}

// dropIn says which drop-in a unit needs.
func dropIn(unit, file string, lines ...string) string {
	return fmt.Sprintf("write /etc/systemd/system/%s.d/%s with the lines [Service], %s (see contrib/systemd/%[1]s.d/%[2]s), then run: systemctl daemon-reload",
		unit, file, strings.Join(lines, ", "))
}
