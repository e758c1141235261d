#!/bin/sh
# Installs the real servers that the tests and the demo run, and the tools that
# the fault tests break machines with: those named as arguments, or all. It is
# quick and changes nothing where all is there.
#
#   test/real/setup.sh [PACKAGE...]
#
# Debian and Ubuntu. It uses apt as root or through sudo where sudo asks for no
# password; where it may not, it says what to run, and ends with status 1.
set -eu

# The packages' programs live where a plain user's PATH may not reach.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

all='haproxy socat graphite-carbon carbon-c-relay python3-whisper strace iproute2 iptables e2fsprogs mount systemd systemd-container debootstrap rpm dnf gnupg lintian mandoc bash-completion zsh fish graphite-web gunicorn monitoring-plugins-contrib monitoring-plugins-basic nagios4-core icinga2-bin nagios-nrpe-server nagios-nrpe-plugin puppet-agent puppet-lint ruby-rspec-puppet ansible-core ansible-lint python3-apt podman python3-jsonschema shellcheck default-jre-headless maven kcat prometheus influxdb victoria-metrics python3-kafka python3-lz4 python3-snappy python3-zstandard tmux'

present() {
	case $1 in
	haproxy | socat | carbon-c-relay | strace | iptables | mount | tmux) command -v "$1" >/dev/null ;;
	graphite-carbon) command -v carbon-cache >/dev/null ;;
	graphite-web) command -v graphite-manage >/dev/null ;;
	gunicorn) command -v gunicorn >/dev/null ;;
	monitoring-plugins-contrib) [ -x /usr/lib/nagios/plugins/check_graphite ] ;;
	monitoring-plugins-basic) [ -x /usr/lib/nagios/plugins/check_cluster ] ;;
	nagios4-core) command -v nagios4 >/dev/null ;;
	icinga2-bin) command -v icinga2 >/dev/null ;;
	nagios-nrpe-server) command -v nrpe >/dev/null ;;
	nagios-nrpe-plugin) [ -x /usr/lib/nagios/plugins/check_nrpe ] ;;
	iproute2) command -v ip >/dev/null && command -v ss >/dev/null ;;
	e2fsprogs) command -v mkfs.ext4 >/dev/null ;;
	gnupg) command -v gpg >/dev/null && command -v gpg-agent >/dev/null ;;
	systemd) command -v systemd-analyze >/dev/null ;;
	systemd-container) command -v systemd-nspawn >/dev/null ;;
	debootstrap | rpm | dnf | lintian | podman) command -v "$1" >/dev/null ;;
	mandoc | zsh | fish) command -v "$1" >/dev/null ;;
	bash-completion) [ -f /usr/share/bash-completion/bash_completion ] ;;
	puppet-agent) command -v puppet >/dev/null ;;
	puppet-lint | ansible-lint) command -v "$1" >/dev/null ;;
	ruby-rspec-puppet) command -v rspec >/dev/null && ruby -e 'require "rspec-puppet"' 2>/dev/null ;;
	ansible-core) command -v ansible-playbook >/dev/null ;;
	python3-jsonschema) /usr/bin/python3 -I -W ignore -c 'import jsonschema' 2>/dev/null ;;
	default-jre-headless) command -v java >/dev/null ;;
	maven) command -v mvn >/dev/null ;;
	kcat) command -v kcat >/dev/null ;;
	prometheus) command -v promtool >/dev/null ;;
	influxdb) command -v influxd >/dev/null ;;
	victoria-metrics) command -v "$1" >/dev/null ;;
	python3-kafka | python3-lz4 | python3-snappy | python3-zstandard) [ -x /usr/bin/python3 ] && /usr/bin/python3 -I -c "import ${1#python3-}" 2>/dev/null ;;
	shellcheck) command -v shellcheck >/dev/null ;;
	python3-apt) /usr/bin/python3 -I -c 'import apt' 2>/dev/null ;;
	python3-whisper) [ -x /usr/bin/python3 ] && /usr/bin/python3 -I -c 'import whisper' 2>/dev/null ;;
	*)
		echo "setup.sh: unknown package $1: expected one of $all" >&2
		exit 2
		;;
	esac
}

# shellcheck disable=SC2086
[ $# -gt 0 ] || set -- $all

missing=
for package in "$@"; do
	present "$package" || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

install="apt-get install -y --no-install-recommends$missing"

if ! command -v apt-get >/dev/null; then
	echo "setup.sh: missing:$missing; this is no Debian or Ubuntu, install them with this system's package manager" >&2
	exit 1
fi
if [ "$(id -u)" -eq 0 ]; then
	sudo=
elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
	sudo='sudo -n'
else
	echo "setup.sh: missing:$missing; run as root, then try again:" >&2
	echo "  apt-get update && $install" >&2
	exit 1
fi

echo "setup.sh: installing$missing" >&2
apt="$sudo env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=120"
# The package lists may be new enough: fetch them only when apt can't do without.
# Word splitting is meant: the names hold no blanks.
# shellcheck disable=SC2086
$apt install -y --no-install-recommends $missing >&2 || {
	$apt update >&2
	$apt install -y --no-install-recommends $missing >&2
}

for package in $missing; do
	present "$package" || {
		echo "setup.sh: $package is still missing after: $install" >&2
		exit 1
	}
done
