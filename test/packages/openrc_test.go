package packages

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"haproxystats/test/systemd/machine"
)

// life of the services under OpenRC: what apk does on Alpine before it, and what
// an OpenRC that has booted leaves, is done by hand.
const openrcLife = `
set -e
groupadd --system haproxy
groupadd --system haproxystats
useradd --system --gid haproxystats --groups haproxy --home-dir /var/lib/haproxystats haproxystats
chgrp haproxystats /etc/haproxystats.conf
chown haproxystats:haproxystats /var/lib/haproxystats
sed -i 's,^#socket-dir = .*,socket-dir = /run/haproxy,' /etc/haproxystats.conf
printf '[node lb1]\ncluster = eu\nservers = unix:///run/haproxy/lb1.sock\n' >>/etc/haproxystats.conf
for state in daemons exclusive failed hotplugged inactive options scheduled started starting stopping tmp wasinactive; do
	mkdir -p /run/openrc/$state
done
mkdir -p /run/haproxy
touch /run/openrc/softlevel

# The number of a program's process.
number() {
	for process in /proc/[0-9]*; do
		case $(tr '\0' ' ' <$process/cmdline) in
		"/usr/bin/$1 "*) echo "${process#/proc/}" ;;
		esac
	done
}

# Waits for a line of the log, which the program writes when it has started.
started() {
	timeout 30 sh -c 'until [ "$(grep -c msg=started "$1")" -ge "$2" ]; do sleep 0.1; done' sh "/var/log/$1.log" "$2"
}

for service in haproxystats-process haproxystats-pull haproxystats-central; do
	rc-service --quiet $service start
	started $service 1
	first=$(number $service)
	echo "$service: $(stat -c %U "/proc/$first"), $(grep Umask "/proc/$first/status" | tr -d '\t')"
	for group in $(sed -n 's/^Groups://p' "/proc/$first/status"); do getent group "$group" | cut -d : -f 1; done | sort
	tr '\0' '\n' <"/proc/$first/environ" | grep GOMEMLIMIT
	kill -KILL "$first"
	started $service 2
	second=$(number $service)
	[ -n "$second" ] && [ "$first" != "$second" ] && echo "started again"
	rc-service --quiet --ifexists --ifstarted $service restart
	started $service 3
	timeout 60 sh -c 'until rc-service --quiet "$1" reload; do sleep 0.1; done' sh $service
	tail -n 1 /var/log/$service.log | grep -o "configuration reloaded"
	rc-service --quiet --ifexists --ifstarted $service stop
	echo "stopped: $(number $service)"
	tail -n 1 /var/log/$service.log | grep -o msg=ended
	stat -c '%U:%G %a' /var/log/$service.log
done
`

const openrcSaid = `: haproxystats, Umask:0027
haproxy
haproxystats
GOMEMLIMIT=512MiB
started again
configuration reloaded
stopped: 
msg=ended
haproxystats:haproxystats 640
`

// TestOpenRC unpacks the apk and lets Debian's OpenRC run its services.
func TestOpenRC(t *testing.T) {
	machine.Need(t, "debootstrap")
	root := machine.Root(t)
	_, data, _ := splitAPK(t, filepath.Join(dist(t, newer), "haproxystats-1.0.0-r1.x86_64.apk"))
	unpack := exec.Command("tar", "--extract", "--directory", root, "--keep-directory-symlink", "--warning=no-unknown-keyword")
	unpack.Stdin = bytes.NewReader(data)
	if out, err := unpack.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := os.WriteFile(filepath.Join(root, "opt/life"), []byte(openrcLife), 0o755); err != nil {
		t.Fatal(err)
	}
	out, err := machine.Chroot(t, root, "sh", "/opt/life")
	if want := "haproxystats-process" + openrcSaid + "haproxystats-pull" + openrcSaid + "haproxystats-central" + openrcSaid; err != nil || out != want {
		t.Errorf("%v: got\n%s\nwant\n%s", err, out, want)
	}
}
