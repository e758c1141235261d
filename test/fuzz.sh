#!/bin/sh
# Runs every fuzz target of the module for the given time each (20s).
set -eu
cd "$(dirname "$0")/.."
time=${1:-20s}
go=${GO:-go}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
log=$work/log
cache=$($go env GOCACHE)/fuzz

# fuzz PACKAGE DIRECTORY TARGET runs one target of $work/fuzz.test and shows what it says.
fuzz() {
	status=0
	# Minimising an input must not take the time from finding others.
	(cd "$2" && "$work/fuzz.test" -test.paniconexit0 -test.run '^$' -test.fuzz "^$3\$" -test.fuzztime "$time" \
		-test.fuzzminimizetime 10x -test.fuzzcachedir "$cache/$1") >"$log" 2>&1 || status=$?
	cat "$log"
	return $status
}

# overtime tells whether the last run failed only because its workers did not stop in
# time, on a busy machine: no input has failed then.
overtime() { grep -q 'context deadline exceeded' "$log" && ! grep -q 'Failing input' "$log"; }

$go list -f '{{.ImportPath}} {{.Dir}}' ./... >"$work/packages"
count=0
while read -r package dir; do
	targets=$(cat "$dir"/*_test.go 2>/dev/null | sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p')
	test -n "$targets" || continue
	# One binary serves all targets of a package; go test -fuzz would link one for each.
	$go test -c -fuzz . -o "$work/fuzz.test" "$package"
	for target in $targets; do
		echo "== $package $target"
		tries=1
		until fuzz "$package" "$dir" "$target"; do
			overtime && test "$tries" -lt 3 || exit 1
			tries=$((tries + 1))
		done
		count=$((count + 1))
	done
done <"$work/packages"
echo "$count fuzz targets ran $time each"
test "$count" -gt 0
