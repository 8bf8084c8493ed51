#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A picture ends and comes back: va-ddc's way with monitors that follow one, in a real kernel."""
import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib import Initramfs, Machine, Monitor, base, check_eq, run_cases, wait_for  # noqa: E402

DP, HDMI = 0x0F, 0x11
CONNECTOR = "/sys/class/drm/card0-Virtual-1"


def a_picture_ends_and_comes_back():
    """The kernel's own console draws here: it leaves no connector by itself, it is blanked."""
    system = Initramfs()
    system.add_program(base.program("va-ddc"), "/usr/bin/va-ddc")
    with Monitor(DP, HDMI) as monitor, Machine(system, gpus=[monitor.vhost(DP)]) as machine:
        def picture():
            return machine.check(["cat", f"{CONNECTOR}/status", f"{CONNECTOR}/dpms"]).split()

        def say(value):
            machine.check(["va-ddc", "set", key, value, "--via", "signal"])

        key = json.loads(machine.check(["va-ddc", "detect", "--json"]).splitlines()[0])["key"]
        for _ in range(2):
            check_eq(picture(), ["connected", "On"])
            say("0")
            wait_for(lambda: picture() == ["disconnected", "Off"], 5, f"no picture: {picture()}")
            say("1")
            wait_for(lambda: picture() == ["connected", "On"], 5, f"a picture: {picture()}")
        check_eq(monitor.events("set"), [], "writes")


run_cases(a_picture_ends_and_comes_back)
