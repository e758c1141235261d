#!/bin/sh
# Fails when a generated file is not what its generator makes of the sources.
set -eu
cd "$(dirname "$0")/.."
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
generated="docs/configuration.md docs/metrics.md docs/man contrib/completion contrib/grafana contrib/graphite-web contrib/alerts contrib/prometheus contrib/puppet/haproxystats/types contrib/ansible/roles/haproxystats/vars contrib/helm/haproxystats/values.schema.json contrib/helm/haproxystats/files"
for file in $generated; do cp -R "$file" "$copy/$(basename "$file")"; done
${GO:-go} generate ./...
status=0
for file in $generated; do
	if ! diff -ruN "$copy/$(basename "$file")" "$file"; then
		echo "$file was out of date: commit what \`go generate ./...\` has made of it" >&2
		status=1
	fi
done
exit $status
