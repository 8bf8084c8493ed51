# SPDX-License-Identifier: GPL-2.0-or-later
"""Machines whose system is this machine's own: its root, read-only over 9p, under a layer of memory
that is forgotten at the end. Nothing that happens in there happens here. Needs root, to show the
machine all files, and QEMU's 9p."""
import os
import pathlib

from . import base
from .initramfs import Initramfs
from .kernel import Kernel

MODULES = ("virtio_pci", "9pnet_virtio", "9p", "overlay")
# the rest as the system finds them itself, from the cache of the rigs below the same root
INIT = """#!/bin/sh
mount -t devtmpfs dev /dev; mount -t proc proc /proc; mount -t sysfs sysfs /sys
while read -r m; do insmod $m; done < /rig/modules
mkdir -p /lower /rw /root
mount -t 9p -o trans=virtio,version=9p2000.L,ro,cache=loose,msize=512000 root /lower
mount -t tmpfs -o size=50% rw /rw; mkdir /rw/u /rw/w
mount -t overlay -o lowerdir=/lower,upperdir=/rw/u,workdir=/rw/w over /root
mkdir -p /root/lib/modules; mount --bind /root{modules} /root/lib/modules
for d in {hidden}; do mkdir -p /root$d; mount -t tmpfs -o mode=0755 none /root$d; done
cp -a /rig/root/. /root/
# this machine may be a container; that one is not
rm -f /root/.dockerenv /root/run/.containerenv /root/usr/sbin/policy-rc.d
# not a first boot, and no caches to be made anew
touch /root/etc/.updated /root/var/.updated
mount --move /dev /root/dev; mount --move /proc /root/proc; mount --move /sys /root/sys
exec switch_root /root {init}
"""
QEMU = ("-device", "virtio-9p-pci,fsdev=root,mount_tag=root", "-fsdev",
        "local,id=root,path=/,security_model=none,readonly=on,multidevs=remap")


class OwnRoot(Initramfs):
    """OwnRoot("/sbin/init", hidden=["/etc/libvirt/qemu"]): what is run as process 1 in there, and
    folders that are empty there. add_there() puts files into it. Give QEMU to the Machine as well.
    """

    def __init__(self, init, hidden=(), kernel=None):
        if os.getuid():
            raise base.Skip("needs root, to show a machine this one's files")
        kernel = kernel or Kernel()
        super().__init__(modules=MODULES, gpu=False, kernel=kernel)
        self.add_file("/init", INIT.format(modules=kernel.folder / "lib/modules", init=init,
                                           hidden=" ".join(hidden) or "/media"), 0o755)
        self.add_there("/etc/fstab", "")
        self.add_there("/etc/machine-id", "0123456789abcdef0123456789abcdef\n")

    def add_there(self, to, content, mode=0o644):
        """As add_file(); libraries come from the root itself."""
        self.add_file(f"/rig/root{to}", content, mode)

    def add_tree_there(self, folder):
        """All files and links below a folder here."""
        for path in sorted(pathlib.Path(folder).rglob("*")):
            to = f"/rig/root/{path.relative_to(folder)}"
            if path.is_symlink():
                self.add_link(to, os.readlink(path))
            elif path.is_file():
                self.add_file(to, path, path.stat().st_mode & 0o7777)
