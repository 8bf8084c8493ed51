#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Runs proto/resync.pml through Spin, and its two mutants, which must fail. RESTARTS=N (3).
set -eu

here=$(cd "$(dirname "$0")" && pwd)
model=$here/../proto/resync.pml
restarts=${RESTARTS:-3}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
passed=0 failed=0

# explore NAME DEFINES: leaves what the verifier said in NAME.out; it must have gone to the end
explore() {
	mkdir "$dir/$1"
	(
		cd "$dir/$1"
		# shellcheck disable=SC2086
		spin -a -DMAXR="$restarts" $2 "$model" >spin.out 2>&1 || exit 1
		"${CC:-cc}" -O2 -w -DMEMLIM=3000 -DCOLLAPSE -o pan pan.c || exit 1
		timeout "${LIMIT:-280}" ./pan -a -f -m4000000
	) >"$dir/$1.out" 2>&1 || return 1
	grep -q 'errors: ' "$dir/$1.out"
}

# verdict NAME WANTED: pass or fail; "never" looks at the model, not at a crash of the tools
verdict() {
	name=$1 wanted=$2 defines=${3:-} found=
	if ! explore "$name" "$defines"; then
		why="the verifier did not run to its end"
	elif grep -Eq 'errors: 0$' "$dir/$name.out"; then
		why="no error found"
		[ "$wanted" = fail ] || why=
	elif grep -Eq 'assertion violated|acceptance cycle' "$dir/$name.out"; then
		found=", $(grep -Eo 'assertion violated|acceptance cycle' "$dir/$name.out" | head -n 1)"
		why=${found#, }
		[ "$wanted" = pass ] || why=
	else
		why="another error: $(grep -E '^pan:' "$dir/$name.out" | head -n 1)"
	fi
	if grep -q 'max search depth too small' "$dir/$name.out"; then
		why="the search was cut short"
	fi
	states=$(grep -Eo '[0-9]+ states, stored' "$dir/$name.out" | head -n 1 || true)
	if [ -z "$why" ]; then
		echo "ok $name: ${states:-?}$found"
		passed=$((passed + 1))
	else
		echo "FAIL $name: $why"
		failed=$((failed + 1))
	fi
}

if ! command -v spin >/dev/null; then
	echo "skip resync: spin is not installed"
	echo "0 passed, 0 failed, 1 skipped"
	exit 0
fi
verdict "resync-$restarts-restarts" pass
verdict mutant-ticket-expiry-unchecked fail -DMUTANT_EXPIRY
verdict mutant-host-never-solicits fail -DMUTANT_SILENT
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
