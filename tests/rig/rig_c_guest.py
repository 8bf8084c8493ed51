#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest that boots Linux in the host of rig C, drives its card, and gives it back (LONG=1)."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib import Skip, check, check_eq, run_cases, wait_for  # noqa: E402
from lib.passhost import GPU, HOME, SOUND  # noqa: E402
from lib.passhost_cases import all_at, desk, finish, host, switch  # noqa: E402
from lib.stage_cases import OK, UNCONFIRMED  # noqa: E402
from lib.stage_guest import make_initramfs  # noqa: E402


def long_only():
    if not os.environ.get("VA_LONG"):
        raise Skip("takes minutes (LONG=1)")


def boot(m, name):
    """Paired by its token, its session up."""
    check_eq(m.ask("pair", name).rc, 0, "va-host pair")
    m.virsh("start", name)
    wait_for(lambda: m.ask("list").one("guest", name=name)["session"] == "up", 600,
             f"{name}'s session", 1)


def a_guest_drives_the_card_and_gives_it_back():
    long_only()
    m = host()
    m.give_system(make_initramfs())
    m.define_linux("alpha", GPU, SOUND)
    m.define("beta", GPU, SOUND)
    desk(m, "alpha", "beta")
    boot(m, "alpha")
    seen = m.in_guest("alpha", "sh", "-c", "cat /sys/class/drm/card*-*/status; "
                      "readlink /sys/class/drm/card0/device/driver").out
    check("connected" in seen.split() and "bochs-drm" in seen, f"the guest's card: {seen}")
    # its card has no wire to the monitor in here, so that it cannot read what it shows
    switch(m, "alpha", code=UNCONFIRMED)
    all_at(m, "alpha", ["alpha"])
    done = m.in_guest("alpha", "va-guest", "switch", "host")
    check_eq(done.rc, OK, done.out)
    all_at(m, "host", ["alpha"])
    # its agent shuts it down, and its card goes on
    answer = switch(m, "beta", "--force")
    check("alpha powers itself off" in str(answer.objects), f"{answer.objects}")
    all_at(m, "beta", ["beta"])
    check_eq(m.state().drivers, HOME | {GPU: "vfio-pci", SOUND: "vfio-pci"}, "drivers")
    finish(m)


run_cases(a_guest_drives_the_card_and_gives_it_back)
