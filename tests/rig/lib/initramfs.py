# SPDX-License-Identifier: GPL-2.0-or-later
"""A test machine's whole system: busybox, modules, programs with their libraries, file trees.

It is written as an uncompressed cpio archive (newc), everything owned by root, so neither
privileges nor cpio are needed, and the emulated machine has nothing to unpack. /bin, /sbin and
/lib are links into /usr, as in the distributions.
"""
import os
import pathlib
import re
import shutil
import stat
import subprocess
import tempfile

from . import base
from .kernel import Kernel

MERGED = re.compile(r"^(bin|sbin|lib|lib64)/")
MODULES = ("virtio_pci", "virtio_console", "i2c-dev", "bochs")
FOLDERS = ("proc", "sys", "dev", "run", "tmp", "root", "etc", "var/lib", "rig",
           "usr/bin", "usr/sbin", "usr/lib", "usr/lib64")
PASSWD = ("root:x:0:0:root:/root:/bin/sh\nvirt-aid:x:990:990::/nonexistent:/bin/false\n"
          "nobody:x:65534:65534::/nonexistent:/bin/false\n")
GROUP = "root:x:0:\ni2c:x:991:virt-aid\nvirt-aid:x:990:\nnogroup:x:65534:\n"


class Initramfs:
    """Initramfs(modules=..., gpu=True): add to it, then write() or give it to a Machine."""

    def __init__(self, modules=MODULES, gpu=True, kernel=None):
        self.kernel = kernel or Kernel()
        self.entries = {}
        self._file = None
        for folder in FOLDERS:
            self._folder(folder)
        for name in ("bin", "sbin", "lib", "lib64"):
            self.entries[name] = (stat.S_IFLNK | 0o777, f"usr/{name}".encode())
        self.add_file("/etc/passwd", PASSWD)
        self.add_file("/etc/group", GROUP)
        self.add_file("/etc/nsswitch.conf", "passwd: files\ngroup: files\n")
        self.add_file("/init", base.program("tests/rig/rig-init"), 0o755)
        self._load = []
        self.add_modules(*modules)
        if gpu:
            self.add_file("/rig/simgpu_i2c.ko", self.kernel.simgpu)
            self._load.append("/rig/simgpu_i2c.ko")
        self._add_busybox()

    # --- what goes in

    def add_file(self, to, content, mode=0o644):
        """content: bytes, text, or the path (pathlib.Path) of a file here."""
        if isinstance(content, pathlib.Path):
            content = content.read_bytes()
        elif isinstance(content, str):
            content = content.encode()
        self._put(to, stat.S_IFREG | mode, content)

    def add_link(self, to, target):
        self._put(to, stat.S_IFLNK | 0o777, target.encode())

    def add_program(self, path, to=None):
        """A program with the shared libraries it needs; to: another place than its own."""
        path = pathlib.Path(path)
        found = shutil.which(path) if "/" not in str(path) else str(path)
        if not found or not os.path.exists(found):
            raise base.RigError(f"{path}: not on this machine")
        self.add_file(to or os.path.abspath(found), pathlib.Path(found), 0o755)
        for library in self._libraries(found):
            self.add_file(library, pathlib.Path(library), 0o755)

    def add_tree(self, folder, to="/"):
        """All of a folder, such as what "make install DESTDIR=..." left."""
        folder = pathlib.Path(folder)
        for path in sorted(folder.rglob("*")):
            name = os.path.join(to, path.relative_to(folder))
            if path.is_symlink():
                self.add_link(name, os.readlink(path))
            elif path.is_dir():
                self._folder(self._place(name))
            else:
                self.add_file(name, path, path.stat().st_mode & 0o7777)
                if path.stat().st_mode & 0o100:
                    for library in self._libraries(path):
                        self.add_file(library, pathlib.Path(library), 0o755)

    def add_deb(self, deb):
        """The files of a Debian package, with the libraries that its programs need."""
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run(["dpkg-deb", "-x", str(deb), folder], check=True)
            self.add_tree(folder)

    def add_modules(self, *names, params=""):
        """Loaded at the start, in this order, with what they need before them."""
        for path in self.kernel.closure(names):
            to = f"/usr/lib/modules/{self.kernel.version}/{path.partition('.ko')[0]}.ko"
            self.add_file(to, self.kernel.read_module(path))
            if to not in self._load:
                self._load.append(to)
        if params:
            self._load[-1] += " " + params

    def write(self):
        """The archive's path; made anew only if something was added since."""
        if self._file is None:
            self.add_file("/rig/modules", "".join(m + "\n" for m in self._load))
            path = base.scratch("initrd-") / "initrd"
            with open(path, "wb") as out:
                for number, name in enumerate(sorted(self.entries)):
                    self._entry(out, number + 1, name, *self.entries[name])
                self._entry(out, 0, "TRAILER!!!", 0, b"")
            self._file = path
        return self._file

    # --- how

    @staticmethod
    def _place(name):
        name = os.path.normpath(str(name)).lstrip("/")
        return "usr/" + name if MERGED.match(name) else name

    def _folder(self, name):
        while name and name not in self.entries:
            self.entries[name] = (stat.S_IFDIR | (0o1777 if name == "tmp" else 0o755), b"")
            name = os.path.dirname(name)

    def _put(self, to, mode, data):
        name = self._place(to)
        self._folder(os.path.dirname(name))
        self.entries[name] = (mode, data)
        self._file = None

    def _add_busybox(self):
        busybox = shutil.which("busybox") or "/bin/busybox"
        self.add_file("/usr/bin/busybox", pathlib.Path(busybox), 0o755)
        for applet in subprocess.check_output([busybox, "--list"], text=True).split():
            if f"usr/bin/{applet}" not in self.entries and applet != "busybox":
                self.add_link(f"/usr/bin/{applet}", "busybox")

    @staticmethod
    def _libraries(path):
        done = subprocess.run(["ldd", str(path)], capture_output=True, text=True)
        if "not found" in done.stdout:
            raise base.RigError(f"{path}: {done.stdout}")
        return re.findall(r"(?:=> |^\t)(/\S+) \(", done.stdout, re.M)

    @staticmethod
    def _entry(out, number, name, mode, data):
        encoded = name.encode() + b"\0"
        fields = (number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(encoded), 0)
        head = b"070701" + b"".join(b"%08x" % f for f in fields) + encoded
        out.write(head + b"\0" * (-len(head) % 4) + data + b"\0" * (-len(data) % 4))
