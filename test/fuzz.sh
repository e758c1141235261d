#!/bin/sh
# Runs every fuzz target of the module for the given time each (20s).
set -eu
cd "$(dirname "$0")/.."
time=${1:-20s}
go=${GO:-go}
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# fuzz PACKAGE TARGET runs one target and shows what it says.
fuzz() {
	status=0
	# Minimising an input must not take the time from finding others.
	$go test -run '^$' -fuzz "^$2\$" -fuzztime "$time" -fuzzminimizetime 10x "$1" >"$log" 2>&1 || status=$?
	cat "$log"
	return $status
}

# overtime tells whether the last run failed only because the go command did not
# get its workers to stop in time, on a busy machine: no input has failed then.
overtime() { grep -q 'context deadline exceeded' "$log" && ! grep -q 'Failing input' "$log"; }

count=0
for package in $($go list ./...); do
	for target in $($go test -list '^Fuzz' "$package" | grep '^Fuzz' || true); do
		echo "== $package $target"
		tries=1
		until fuzz "$package" "$target"; do
			overtime && test "$tries" -lt 3 || exit 1
			tries=$((tries + 1))
		done
		count=$((count + 1))
	done
done
echo "$count fuzz targets ran $time each"
test "$count" -gt 0
