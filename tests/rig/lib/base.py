# SPDX-License-Identifier: GPL-2.0-or-later
"""Paths, waiting, and the promise that nothing outlives the test.

Every process is started by spawn(): it dies with this one even if that is killed outright, and
is ended by close_all() when the program ends in any other way. Scratch folders go the same way.
"""
import atexit
import ctypes
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[3]
BUILD = pathlib.Path(os.environ.get("VA_BUILD", ROOT / "build")).resolve()
CACHE = (pathlib.Path("/var/cache/virt-aid-rig") if os.getuid() == 0 else
         pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache")
         / "virt-aid-rig")
PR_SET_PDEATHSIG = 1

_libc = ctypes.CDLL(None)
_open = []  # things with close(), in the order of their making


class RigError(Exception):
    """Something that the test needed did not happen."""


class Skip(Exception):
    """The case cannot run here; the text says why."""


PATIENCE = 4  # what another machine, or a busy one, may take for what takes 1 here


def wait_for(condition, limit, what="the condition", step=0.02):
    """
    Polls condition() until it is true and returns its value. RigError after limit seconds, times
    PATIENCE: a limit ends a hang, it judges no speed.
    """
    limit *= PATIENCE
    end = time.monotonic() + limit
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= end:
            raise RigError(f"{what}: not within {limit} s")
        time.sleep(step)


def keep(thing):
    """thing.close() will be called at the end of the program, the youngest first."""
    _open.append(thing)
    return thing


def forget(thing):
    if thing in _open:
        _open.remove(thing)


def close_all():
    while _open:
        try:
            _open.pop().close()
        except Exception as why:  # the others must still be closed
            print(f"closing: {why}", file=sys.stderr)


def _on_signal(number, _frame):
    sys.exit(128 + number)


def _at_start():
    atexit.register(close_all)
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, _on_signal)


_at_start()


class _Folder:
    def __init__(self, prefix):
        self.path = pathlib.Path(tempfile.mkdtemp(prefix=prefix))

    def close(self):
        shutil.rmtree(self.path, ignore_errors=True)


def scratch(prefix="va-rig-"):
    """A fresh folder, gone at the end of the program. Short enough for unix sockets."""
    return keep(_Folder(prefix)).path


def program(name):
    """A program of the build folder; RigError says how to make it."""
    path = BUILD / name
    if not path.exists():
        raise RigError(f"{path} is not there: make BUILD={BUILD} {path}")
    return path


def _die_with_parent():
    os.setpgrp()  # a Ctrl-C is for the test, which then ends its processes in their order
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def spawn(argv, **options):
    """subprocess.Popen for something that must not outlive us. The caller ends it with end()."""
    options.setdefault("stdin", subprocess.DEVNULL)
    return subprocess.Popen([str(a) for a in argv], preexec_fn=_die_with_parent, **options)


def end(process, limit=3):
    """Ends a spawned process: TERM, then KILL. Its exit status."""
    if process is None:
        return None
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(limit)
        except subprocess.TimeoutExpired:
            process.kill()
    return process.wait()


class Closing:
    """A context manager whose end is close(), which also happens at the program's end."""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
        forget(self)
