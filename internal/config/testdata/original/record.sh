#!/bin/sh
# Record what haproxystats 0.5 prints: `-p` of both programs, and `-P` of each
# configuration here and of the golden ones.
#
#     record.sh PYTHON SOURCE
#
# PYTHON is a Python 3.8 with docopt, pandas < 1.6 and pyinotify; SOURCE is
# haproxystats 0.5.1, unpacked.
set -eu
cd "$(dirname "$0")"
python=$1
export PYTHONPATH="$2" PYTHONIOENCODING=utf-8 LC_ALL=C.UTF-8

original() { # program, arguments
	program=$1
	shift
	"$python" -c "from haproxystats.$program import main; main()" "$@"
}

for program in pull process; do
	original "$program" -p >"defaults.$program"
	for conf in *.conf ../../../../testdata/golden/1.8.0-nbproc4/*.conf; do
		original "$program" -P -f "$conf" >"$(basename "$conf" .conf).$program" || echo "$program refuses $conf" >&2
	done
done
