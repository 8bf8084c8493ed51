#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# deps.sh build|demo|check|lint|all: makes sure the packages for that are there. As root it installs what
# is missing from the distribution; otherwise it prints the one command that would, and fails.
set -eu

what=${1:-all}

debian_build="gcc make pkg-config protobuf-c-compiler protobuf-compiler libprotobuf-c-dev
	libsodium-dev libvirt-dev libddcutil-dev libpci-dev libsystemd-dev libxml2-dev
	libseccomp-dev libjson-c-dev libinih-dev"
debian_demo="python3 libpng-dev qemu-system-x86 busybox-static kmod xz-utils linux-headers-amd64"
debian_check="python3 clang llvm libclang-rt-14-dev spin ddcutil libpng-dev qemu-system-x86 qemu-guest-agent
	libvirt-daemon libvirt-daemon-system libvirt-clients busybox-static cpio kmod xz-utils
	socat strace dbus python3-dbusmock udev systemd linux-headers-amd64 dpkg-dev debhelper fakeroot"
debian_lint="clang-format cppcheck shellcheck gcc-mingw-w64-x86-64 man-db systemd lintian debhelper"
fedora_build="gcc make pkgconf-pkg-config protobuf-c-compiler protobuf-compiler protobuf-c-devel
	libsodium-devel libvirt-devel libddcutil-devel pciutils-devel systemd-devel libxml2-devel
	libseccomp-devel json-c-devel inih-devel"
fedora_demo="python3 libpng-devel qemu-system-x86 busybox kmod xz kernel-devel glibc-static"
fedora_check="python3 clang llvm compiler-rt spin ddcutil libpng-devel qemu-system-x86 qemu-guest-agent
	libvirt-daemon-kvm libvirt-client busybox cpio kmod xz socat strace dbus-daemon
	python3-dbusmock systemd-udev kernel-devel glibc-static"

fedora_lint="clang-tools-extra cppcheck ShellCheck mingw64-gcc man-db systemd"

if command -v apt-get >/dev/null; then
	build=$debian_build lint=$debian_lint demo=$debian_demo check=$debian_check
	have() { dpkg-query -W -f '${db:Status-Status}\n' "$1" 2>/dev/null | grep -qx installed; }
	install="apt-get install -y --no-install-recommends"
elif command -v dnf >/dev/null; then
	build=$fedora_build lint=$fedora_lint demo=$fedora_demo check=$fedora_check
	have() { rpm -q --quiet "$1"; }
	install="dnf install -y --setopt=install_weak_deps=False"
else
	echo "deps: neither apt nor dnf here; install the equivalents of: $debian_build" >&2
	exit 0
fi

case $what in
build) wanted=$build ;;
demo) wanted="$build $demo" ;;
check) wanted="$build $check" ;;
lint) wanted="$build $lint" ;;
all) wanted="$build $check $lint" ;;
*) echo "usage: deps.sh build|demo|check|lint|all" >&2; exit 2 ;;
esac
missing=
for p in $wanted; do
	have "$p" || missing="$missing $p"
done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" != 0 ]; then
	echo "Missing packages. Run:" >&2
	echo "  sudo $install$missing" >&2
	exit 1
fi
echo "Installing:$missing"
if command -v apt-get >/dev/null; then
	export DEBIAN_FRONTEND=noninteractive
	apt-get update -q >/dev/null || true
	# shellcheck disable=SC2086
	apt-get -o DPkg::Lock::Timeout=600 install -y -q --no-install-recommends $missing >/dev/null
else
	# shellcheck disable=SC2086
	$install $missing >/dev/null
fi
