#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Sharing keyboards on a real kernel: evdev, uinput, and the real va-input in its jail.

The cases are those of tests/unit/test-share-kernel.c, which runs in the machine. What QEMU does
with the virtual device is not seen here: the program grabs it as QEMU does.
"""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib import Initramfs, Machine, base, check, run_cases  # noqa: E402


def shared_on_a_real_kernel():
    made = Initramfs(gpu=False)
    made.add_modules("evdev", "uinput")
    test = base.program("tests/unit/test-share-kernel")
    made.add_program(test, "/rig/test")
    made.add_program(base.program("va-input"), "/rig/va-input")
    with Machine(made, gpus=[]) as m:
        rc, out = m.run(["/bin/busybox", "env", "VIRT_AID_LIBEXEC=/rig", "/rig/test"], 120)
        print(out)
        check(rc == 0 and out.count("ok ") == 6, f"{rc}: {out}")


if __name__ == "__main__":
    run_cases(shared_on_a_real_kernel)
