package doctor

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"regexp"
	"strconv"
	"strings"
	"time"
)

const (
	// auditTail is the size of the part of the audit log that is read, at its end.
	auditTail = 8 << 20
	// auditAge is the age after which a denial no longer matters.
	auditAge = 24 * time.Hour
)

var (
	auditTime = regexp.MustCompile(`audit\(([0-9]+)\.`)
	auditWhat = regexp.MustCompile(`denied +\{ ([^}]*) \}`)
	auditPath = regexp.MustCompile(` (?:path|name)="([^"]*)"`)
)

// SELinux judges whether SELinux has denied the programs anything. Root is the root
// of the host's files.
func SELinux(root fs.FS, now time.Time) Finding {
	a := about{check: "selinux"}
	mode, err := fs.ReadFile(root, "sys/fs/selinux/enforce")
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return a.ok("not in use")
	case err != nil:
		return a.skipped("its state can't be read: %s", bare(err))
	case strings.TrimSpace(string(mode)) != "1":
		return a.ok("permissive mode: nothing is denied")
	}
	last, n, err := denials(root, now)
	switch {
	case err != nil:
		f := a.skipped("enforcing mode, and the audit log can't be read: %s", bare(err))
		f.Remedy = "Run doctor as root, or search the audit log yourself: ausearch -m avc -ts recent | grep haproxystats"
		return f
	case n > 0:
		return a.error(fmt.Sprintf("denied %d accesses of haproxystats within a day, last: %s", n, last),
			"Make a policy from the denials. Run: ausearch -m avc -ts recent | grep haproxystats | audit2allow -M haproxystats && semodule -i haproxystats.pp")
	}
	return a.ok("enforcing mode, no access of haproxystats was denied within a day")
}

// denials returns the last denial, and the number of denials.
func denials(root fs.FS, now time.Time) (last string, n int, err error) {
	f, err := root.Open("var/log/audit/audit.log")
	if err != nil {
		return "", 0, err
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Size() > auditTail {
		if s, ok := f.(io.Seeker); ok {
			if _, err := s.Seek(-auditTail, io.SeekEnd); err != nil {
				return "", 0, err
			}
		}
	}
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		// The kernel keeps 15 bytes of a command's name.
		if !strings.Contains(line, "type=AVC") || !strings.Contains(line, ` comm="haproxystats`) || !strings.Contains(line, "denied") {
			continue
		}
		at := auditTime.FindStringSubmatch(line)
		if at == nil {
			continue
		}
		if seconds, err := strconv.ParseInt(at[1], 10, 64); err != nil || now.Sub(time.Unix(seconds, 0)) > auditAge {
			continue
		}
		n++
		last = "an access"
		if what := auditWhat.FindStringSubmatch(line); what != nil {
			last = what[1]
		}
		if path := auditPath.FindStringSubmatch(line); path != nil {
			last += " on " + path[1]
		}
	}
	return last, n, lines.Err()
}
