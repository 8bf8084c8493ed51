#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# lint.sh: format, static analysis, scripts, portability and the shape of the tree. Prints
# "ok NAME", "FAIL NAME" or "skip NAME: why", and sums up. What is not installed is skipped.
set -u

passed=0 failed=0 skipped=0
out=$(mktemp)
trap 'rm -f "$out"' EXIT

check() { # name command...
	name=$1
	shift
	if "$@" >"$out" 2>&1; then
		echo "ok $name"
		passed=$((passed + 1))
	else
		echo "FAIL $name"
		head -n 40 "$out" | sed 's/^/     /'
		failed=$((failed + 1))
	fi
}

need() { # name program: true if it is there
	command -v "$2" >/dev/null && return 0
	echo "skip $1: $2 is not installed"
	skipped=$((skipped + 1))
	return 1
}

c_files() { git ls-files '*.c' '*.h'; }
sh_files() { git ls-files '*.sh' '.ci/run' | sort; }

formatted() { c_files | grep -v '\.pb-c\.' | xargs clang-format --dry-run -Werror; }
# it does not know the cleanup attribute: leaks are LeakSanitizer's business
analysed() {
	# shellcheck disable=SC2046
	cppcheck --quiet --error-exitcode=1 --std=c11 --enable=warning,portability \
		--inline-suppr --suppress=missingIncludeSystem --suppress=unknownMacro \
		--suppress=memleak --suppress=nullPointerArithmetic \
		-D_GNU_SOURCE -DVA_VERSION='""' -DVA_LIBEXECDIR='""' -I. \
		$(git ls-files 'common/*.c' 'host/*.c' 'guest/*.c')
}
scripts() { sh_files | xargs shellcheck; }
python() { git ls-files '*.py' | xargs python3 -m py_compile; }

# Files and functions stay short enough to be one idea each.
short() {
	git ls-files 'common/*.c' 'host/*.c' 'guest/*.c' 'tests/sim/*.c' | xargs wc -l |
		awk '$2 != "total" && $1 > 500 { print $2 ": " $1 " lines"; bad = 1 } END { exit bad }'
}

# No threads, no sleeping, no shell, no unbounded strings. wire.c keeps DDC/CI's own pause of
# 50 ms after a set, in the worker that may block.
forbidden() {
	! git grep -nE '\b(u?sleep|nanosleep|system|popen|pthread_create|strcpy|strcat|sprintf|gets|alloca)[[:space:]]*\(' \
		-- 'common/*.c' 'host/*.c' 'guest/*.c' ':!common/ddc/wire.c'
}

# Rooms include downwards only: common knows neither host nor guest, base knows nobody.
includes() {
	! { git grep -nE '#include "(host|guest)/' -- common
		git grep -nE '#include "common/(link|worker|control|policy|pci|ddc)/' -- common/base
		git grep -nE '#include "(host/(virt|cli)|guest)/' -- host/daemon | grep -v 'host/virt/ipc.h'
		git grep -nE '#include "host/' -- guest
		git grep -nE '#include <(libvirt|ddcutil|protobuf-c)' -- host/daemon guest/cli host/cli; }
}

if need format clang-format; then check format formatted; fi
if need cppcheck cppcheck; then check cppcheck analysed; fi
if need shellcheck shellcheck; then check shellcheck scripts; fi
check python python
check short short
check forbidden forbidden
check includes includes
check portable sh tests/portable/check.sh
if [ -f tests/packaging.py ]; then check packaging python3 tests/packaging.py; fi

if [ "$skipped" -gt 0 ]; then
	echo "$passed passed, $failed failed, $skipped skipped"
else
	echo "$passed passed, $failed failed"
fi
[ "$failed" -eq 0 ]
