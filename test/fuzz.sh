#!/bin/sh
# Runs every fuzz target of the module for the given time each (20s).
set -eu
cd "$(dirname "$0")/.."
time=${1:-20s}
go=${GO:-go}
count=0
for package in $($go list ./...); do
	for target in $($go test -list '^Fuzz' "$package" | grep '^Fuzz' || true); do
		echo "== $package $target"
		$go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" "$package"
		count=$((count + 1))
	done
done
echo "$count fuzz targets ran $time each"
test "$count" -gt 0
