#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Keeps common/link portable: it also has to serve guests that are not Linux. Three checks:
#
#   includes  only headers of C11, libsodium, protobuf-c and the core itself
#   symbols   the native objects call nothing that is not in allowed.txt
#   mingw     each file compiles for Windows as strict C11 without a warning (skipped where
#             mingw-w64 is not installed)
#
# Run from the top of the tree. CC and MINGW name the compilers.
set -eu

cc=${CC:-cc}
mingw=${MINGW:-x86_64-w64-mingw32-gcc}
warn="-Wall -Wextra -Wvla -Wshadow -Wformat=2 -Wstrict-prototypes -Wmissing-prototypes
	-Wconversion -Wundef -Wwrite-strings -Werror"
# what the core uses of common/base, which is as portable as itself
base=common/base/escape
here=tests/portable
passed=0 failed=0 skipped=0

pass() { echo "ok $1"; passed=$((passed + 1)); }
fail() { echo "FAIL $1: $2"; failed=$((failed + 1)); }
skip() { echo "skip $1: $2"; skipped=$((skipped + 1)); }

[ -f common/link/err.h ] || { echo "check.sh: run me from the top of the tree" >&2; exit 2; }
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
mkdir -p "$tmp/native" "$tmp/windows" "$tmp/include" "$tmp/proto"
sources="$(echo common/link/*.c) $base.c"

check_includes() {
	allowed='<(stdbool|stddef|stdint|inttypes|limits|string|stdio|stdalign|sodium|protobuf-c/protobuf-c)\.h>'
	allowed="$allowed|\"(common/link/[a-z-]+|$base|proto/virtaid\.pb-c)\.h\""
	# shellcheck disable=SC2086
	bad=$(grep -nE '^[[:space:]]*#[[:space:]]*include' common/link/*.[ch] $base.[ch] |
		grep -vE "include ($allowed)" || true)
	if [ -z "$bad" ]; then pass includes; else fail includes "$(echo "$bad" | head -n 1)"; fi
}

# compile SOURCE OBJECT COMPILER OPTION...: its messages go to $tmp/log
compile() {
	source=$1 object=$2 compiler=$3
	shift 3
	# shellcheck disable=SC2086
	"$compiler" "$@" $warn -O2 -I. -I"$tmp" -c -o "$object" "$source" >"$tmp/log" 2>&1
}

is_allowed() {
	while read -r pattern; do
		case $pattern in '' | '#'*) continue ;; esac
		# shellcheck disable=SC2254
		case $1 in $pattern) return 0 ;; esac
	done <"$here/allowed.txt"
	return 1
}

check_symbols() {
	for s in $sources; do
		object=$tmp/native/$(basename "$s" .c).o
		if ! compile "$s" "$object" "$cc" -std=gnu17; then
			fail symbols "$(head -n 1 "$tmp/log")"
			return
		fi
	done
	# generated, so it may define what the core calls, and is not judged itself
	"$cc" -O2 -I"$tmp" -c -o "$tmp/proto.o" "$tmp/proto/virtaid.pb-c.c"
	nm -A --defined-only -g "$tmp"/native/*.o "$tmp/proto.o" | awk '{print $NF}' |
		sort -u >"$tmp/defined"
	nm -A -u "$tmp"/native/*.o | awk '{print $NF}' | sort -u >"$tmp/undefined"
	bad=
	for symbol in $(comm -23 "$tmp/undefined" "$tmp/defined"); do
		is_allowed "$symbol" || bad="$bad $symbol"
	done
	if [ -z "$bad" ]; then pass symbols; else fail symbols "calls$bad"; fi
}

# libsodium's and protobuf-c's headers alone: the rest of /usr/include is not for Windows
link_headers() {
	for package in libsodium libprotobuf-c; do
		dir=$(pkg-config --variable=includedir "$package") || return 1
		for header in sodium.h sodium protobuf-c; do
			[ ! -e "$dir/$header" ] || ln -sfn "$dir/$header" "$tmp/include/$header"
		done
	done
	[ -e "$tmp/include/sodium.h" ] && [ -e "$tmp/include/protobuf-c" ]
}

check_mingw() {
	if ! command -v "$mingw" >/dev/null; then
		skip mingw "no $mingw here"
		return
	fi
	if ! link_headers; then
		skip mingw "the headers of libsodium or protobuf-c are not where pkg-config says"
		return
	fi
	for s in $sources; do
		if ! compile "$s" "$tmp/windows/$(basename "$s" .c).o" "$mingw" -std=c11 \
			-pedantic-errors -isystem "$tmp/include" -D__USE_MINGW_ANSI_STDIO=1; then
			fail mingw "$(grep -E 'error|warning' "$tmp/log" | head -n 1)"
			return
		fi
	done
	pass mingw
}

check_includes
if protoc-c --c_out="$tmp/proto" --proto_path=proto proto/virtaid.proto 2>"$tmp/log"; then
	check_symbols
	check_mingw
else
	fail symbols "protoc-c: $(head -n 1 "$tmp/log")"
fi
summary="$passed passed, $failed failed"
[ "$skipped" = 0 ] || summary="$summary, $skipped skipped"
echo "$summary"
[ "$failed" = 0 ]
