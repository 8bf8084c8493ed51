# SPDX-License-Identifier: GPL-2.0-or-later
"""A distribution kernel for test machines, made once and kept in the cache folder.

The version is that of the installed headers, for which simgpu_i2c is built. The image package is
downloaded and unpacked, never installed; where that is impossible, a kernel of that version
installed on this machine serves. The uncompressed vmlinux boots through PVH, which saves an
emulated machine the firmware and the decompression.
"""
import contextlib
import fcntl
import hashlib
import lzma
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

from . import base

MODULE_SRC = base.ROOT / "tests/rig/module"
COMPRESSIONS = ((b"\xfd7zXZ\0", None), (b"\x28\xb5\x2f\xfd", ["zstd", "-dcq"]),
                (b"\x1f\x8b\x08", ["gzip", "-dcq"]), (b"\x02!L\x18", ["lz4", "-dc"]))


@contextlib.contextmanager
def _lock():
    base.CACHE.mkdir(parents=True, exist_ok=True)
    with open(base.CACHE / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _run(argv, **options):
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, **options)
    if done.returncode:
        raise base.RigError(f"{' '.join(map(str, argv))}: {done.stdout.strip()[-800:]}")
    return done.stdout


def _headers():
    """(version, folder) of the newest kernel headers here."""
    found = [(p.name.removeprefix("linux-headers-"), p)
             for p in pathlib.Path("/usr/src").glob("linux-headers-*") if (p / ".config").exists()
             and not p.name.endswith("-common") and "cloud" not in p.name and "-rt-" not in p.name]
    found += [(p.parent.name, p) for p in pathlib.Path("/lib/modules").glob("*/build")
              if (p / ".config").exists()]
    if not found:
        raise base.Skip("no kernel headers here: install linux-headers-amd64 (make deps)")
    number = lambda item: [int(n) for n in re.findall(r"\d+", item[0])]
    return max(found, key=number)


def _decompress(image):
    data = image.read_bytes()
    if data[:4] == b"\x7fELF":
        return data
    for magic, command in COMPRESSIONS:
        at = data.find(magic)
        while at >= 0:
            with contextlib.suppress(lzma.LZMAError, OSError):
                out = (subprocess.run(command, input=data[at:], capture_output=True).stdout
                       if command else lzma.LZMADecompressor().decompress(data[at:]))
                if out[:4] == b"\x7fELF":
                    return out
            at = data.find(magic, at + 1)
    raise base.RigError(f"{image}: no kernel found inside")


class Kernel:
    """version, vmlinux (path), folder (has lib/modules), and modules by name."""

    def __init__(self):
        self.version, self.headers = _headers()
        self.folder = base.CACHE / f"kernel-{self.version}"
        with _lock():
            if not (self.folder / "vmlinux").exists():
                self._fetch()
            self.simgpu = self._build_simgpu()
        self.vmlinux = self.folder / "vmlinux"
        self.modules = self.folder / "lib/modules" / self.version
        self._deps = self._read_deps()
        self._builtin = {self._name(line) for line in
                         (self.modules / "modules.builtin").read_text().splitlines()}

    # --- once

    def _fetch(self):
        with tempfile.TemporaryDirectory(dir=base.CACHE) as temporary:
            work = pathlib.Path(temporary)
            root = work / "root"
            if shutil.which("apt-get"):
                self._download(work, root)
            if not (root / "boot").exists():
                self._take_installed(root)
            image = next(p for p in (root / "boot" / f"vmlinuz-{self.version}",
                                     root / "lib/modules" / self.version / "vmlinuz")
                         if p.exists())
            (root / "vmlinux").write_bytes(_decompress(image))
            if (root / "usr/lib/modules").exists():
                (root / "lib").mkdir(exist_ok=True)
                (root / "usr/lib/modules").rename(root / "lib/modules")
            _run(["depmod", "-b", str(root), self.version], env=os.environ | {
                "PATH": os.environ.get("PATH", "") + ":/usr/sbin:/sbin"})
            if self.folder.exists():
                shutil.rmtree(self.folder)
            root.rename(self.folder)

    def _download(self, work, root):
        """Needs no root: apt-get only fetches into a folder."""
        package = f"linux-image-{self.version}"
        done = subprocess.run(["apt-get", "download", package], cwd=work, text=True,
                              stdin=subprocess.DEVNULL, capture_output=True)
        for deb in work.glob("*.deb"):
            _run(["dpkg-deb", "-x", str(deb), str(root)])
        self.why = done.stderr.strip()

    def _take_installed(self, root):
        modules = pathlib.Path("/lib/modules") / self.version
        image = next((p for p in (pathlib.Path(f"/boot/vmlinuz-{self.version}"),
                                  modules / "vmlinuz") if os.access(p, os.R_OK)), None)
        if not image or not (modules / "kernel").exists():
            raise base.Skip(f"no kernel {self.version}: apt-get download failed "
                            f"({getattr(self, 'why', '')[-200:]}) and none is installed")
        (root / "boot").mkdir(parents=True)
        shutil.copy(image, root / "boot" / f"vmlinuz-{self.version}")
        shutil.copytree(modules, root / "lib/modules" / self.version, symlinks=True,
                        ignore=shutil.ignore_patterns("build", "source"))

    def _build_simgpu(self):
        sources = sorted(MODULE_SRC.iterdir())
        digest = hashlib.sha256(b"".join(p.read_bytes() for p in sources)).hexdigest()[:16]
        ready = self.folder / f"simgpu_i2c-{digest}.ko"
        if not ready.exists():
            with tempfile.TemporaryDirectory(dir=base.CACHE) as work:
                for path in sources:
                    shutil.copy(path, work)
                _run(["make", "-s", "-C", str(self.headers), f"M={work}", "modules"],
                     env={k: v for k, v in os.environ.items() if not k.startswith("MAKE")
                          and k not in ("CC", "CFLAGS", "V", "BUILD")})
                shutil.move(pathlib.Path(work) / "simgpu_i2c.ko", ready)
        return ready

    # --- modules

    @staticmethod
    def _name(path):
        return pathlib.Path(path).name.partition(".ko")[0].replace("-", "_")

    def _read_deps(self):
        deps = {}
        for line in (self.modules / "modules.dep").read_text().splitlines():
            path, _, needs = line.partition(":")
            deps[self._name(path)] = (path, needs.split())
        return deps

    def closure(self, names):
        """Paths below modules of these modules and what they need, in the order of loading."""
        order = []
        for name in names:
            name = name.replace("-", "_")
            if name in self._builtin:
                continue
            if name not in self._deps:
                raise base.RigError(f"kernel {self.version} has no module {name}")
            path, needs = self._deps[name]
            for each in [*reversed(needs), path]:
                if each not in order:
                    order.append(each)
        return order

    def read_module(self, path):
        """A module's bytes, uncompressed."""
        data = (self.modules / path).read_bytes()
        if path.endswith(".xz"):
            return lzma.decompress(data)
        if path.endswith(".zst"):
            return subprocess.run(["zstd", "-dcq"], input=data, capture_output=True,
                                  check=True).stdout
        return data
