# SPDX-License-Identifier: GPL-2.0-or-later
"""The tree on disk of a model of a machine: /sys, /proc, /dev, as far as va-gpu looks.

Only what is there is changed here; what a write or a command means is kernel.py's and
services.py's business.
"""
import os
import pathlib
import shutil


class Tree:
    def __init__(self, root):
        self.root = pathlib.Path(root)

    def at(self, path):
        return self.root / path.lstrip("/")

    def put(self, path, text=""):
        target = self.at(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)

    def get(self, path):
        target = self.at(path)
        return target.read_text().rstrip("\n") if target.exists() else None

    def folder(self, path):
        self.at(path).mkdir(parents=True, exist_ok=True)

    def link(self, path, target):
        """A relative link, as sysfs has them; both as seen from the root."""
        place = self.at(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.unlink(missing_ok=True)
        goal = self.at(target)  # its name is in the link, as sysfs has it
        place.symlink_to(os.path.join(os.path.relpath(goal.parent, place.parent), goal.name))

    def drop(self, path):
        target = self.at(path)
        if target.is_symlink() or target.is_file():
            target.unlink()
        elif target.is_dir():
            shutil.rmtree(target)

    def names(self, path):
        target = self.at(path)
        return sorted(p.name for p in target.iterdir()) if target.is_dir() else []

    def exists(self, path):
        return os.path.lexists(self.at(path))
