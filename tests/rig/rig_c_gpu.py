#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""va-gpu on a real kernel: vfio-pci, IOMMU groups, drivers, run by libvirt's hook.

Each case takes the card with its sound function from the host, and ends with everything back as it
was: drivers, reservations, connectors, consoles, an empty journal.
"""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib import check, check_eq, run_cases, wait_for  # noqa: E402
from lib.passguest import BROKEN, definition  # noqa: E402
from lib.passhost import GPU, HOME, HOOK, OTHER, SOUND, VGA  # noqa: E402
from lib.passhost_cases import SHOWN, desk, finish, host, is_normal  # noqa: E402

TAKEN = HOME | {GPU: "vfio-pci", SOUND: "vfio-pci"}


def is_taken(m, what):
    now = m.state()
    check_eq(now.drivers, TAKEN, f"{what}: drivers")
    check_eq(now.journals, ["/run/virt-aid/gpu/alpha.journal"], f"{what}: journals")
    check(not [c for c in now.connectors if c[0] == GPU], f"{what}: {now.connectors}")


def start_and_stop(m):
    m.virsh("start", "--paused", "alpha")
    is_taken(m, "started")
    m.virsh("destroy", "alpha")
    is_normal(m, "stopped")


def taken_and_returned_by_libvirts_hook():
    m = host()
    m.define("alpha", GPU, SOUND)
    start_and_stop(m)


def nothing_is_left_to_libvirt():
    m = host()
    m.define("alpha", GPU, SOUND, managed="no")
    start_and_stop(m)


def a_failed_start_gives_it_back():
    m = host()
    for managed in ("yes", "no"):
        m.define("alpha", GPU, SOUND, managed=managed, more=BROKEN)
        done = m.virsh("start", "alpha", ok=False)
        check(done.rc and "no-such-device" in done.out, f"{managed}: {done}")
        is_normal(m, f"managed={managed}")


def half_a_group_is_refused():
    m = host()
    m.define("alpha", GPU)
    done = m.virsh("start", "--paused", "alpha", ok=False)
    check(done.rc and f"{SOUND} (snd_hda_intel)" in done.out, f"{done}")
    is_normal(m, "refused")


def a_guest_without_a_card_changes_nothing():
    m = host()
    m.define("alpha")
    m.virsh("start", "--paused", "alpha")
    is_normal(m, "started")
    m.virsh("destroy", "alpha")
    is_normal(m, "stopped")


def libvirtd_may_come_and_go():
    m = host()
    for number in (15, 9):
        m.define("alpha", GPU, SOUND)
        m.virsh("start", "--paused", "alpha")
        pid = m.guest_pid("alpha")
        m.stop_libvirt(number)
        is_taken(m, "without libvirtd")
        m.start_libvirt()
        check_eq(m.state_of("alpha"), "paused", "the guest")
        check_eq(m.guest_pid("alpha"), pid, "its process")
        is_taken(m, "with another libvirtd")
        m.virsh("destroy", "alpha")
        is_normal(m, "stopped")


def two_cards_at_a_time():
    m = host()
    m.define("alpha", GPU, SOUND)
    m.define("beta", OTHER)
    m.virsh("start", "--paused", "alpha")
    m.virsh("start", "--paused", "beta")
    check_eq(m.state().drivers, TAKEN | {OTHER: "vfio-pci"}, "drivers")
    m.virsh("destroy", "alpha")
    check_eq(m.state().drivers, HOME | {OTHER: "vfio-pci"}, "drivers")
    m.virsh("destroy", "beta")
    is_normal(m, "stopped")


def the_hosts_own_card_goes_and_comes():
    m = host()
    m.define("alpha", VGA)
    m.virsh("start", "--paused", "alpha")
    check_eq(m.state().drivers, HOME | {VGA: "vfio-pci"}, "drivers")
    m.virsh("destroy", "alpha")
    is_normal(m, "stopped")


# A desktop on the card: what holds it belongs to a service of OpenRC's, of which this is the part
# that is asked.
CARD = f"/dev/dri/by-path/pci-{GPU}-card"
RC_SERVICE = f"""#!/bin/sh
[ $2 = display-manager ] || exit 1
case $3 in
status) pgrep -x compositor >/dev/null ;;
stop) pkill -x compositor; while pgrep -x compositor; do :; done ;;
start) until [ -e {CARD} ]; do :; done
	setsid sh -c 'exec 9<{CARD}; exec compositor 1000' </dev/null >/dev/null 2>&1 & ;;
esac
"""


class Desktop:
    """with Desktop(m): a session runs on the card, and will run on it again."""

    def __init__(self, m):
        self.m = m

    def __enter__(self):
        m = self.m
        m.check(["cp", "/bin/sleep", "/usr/bin/compositor"])
        m.put("/usr/sbin/rc-service", RC_SERVICE, 0o755)
        m.put("/etc/init.d/display-manager", "", 0o755)
        m.check(["mkdir", "-p", "/run/openrc"])
        m.check(["rc-service", "--quiet", "display-manager", "start"])
        wait_for(self.runs, 20, "the desktop")
        return self

    def runs(self):
        pid = self.m.run(["pgrep", "-x", "compositor"]).out.strip()
        return pid and "/dev/dri/card" in self.m.run(["readlink", f"/proc/{pid}/fd/9"]).out

    def __exit__(self, *_):
        self.m.run(["pkill", "-x", "compositor"])
        self.m.check(["rm", "-rf", "/run/openrc", "/etc/init.d/display-manager",
                      "/usr/sbin/rc-service"])


def a_desktop_on_the_card_ends_and_comes_back():
    m = host()
    m.define("alpha", GPU, SOUND)
    with Desktop(m) as desktop:
        m.virsh("start", "--paused", "alpha")
        is_taken(m, "started")
        check(not desktop.runs(), "the desktop still runs")
        m.virsh("destroy", "alpha")
        is_normal(m, "stopped")
        check(desktop.runs(), "the desktop is not back")


def a_desktop_comes_back_when_the_start_fails():
    m = host()
    m.define("alpha", GPU, SOUND, more=BROKEN)
    with Desktop(m) as desktop:
        check(m.virsh("start", "alpha", ok=False).rc, "it was started")
        is_normal(m, "failed")
        check(desktop.runs(), "the desktop is not back")


def the_hook_and_the_daemon_do_not_wait_for_each_other():
    """libvirt waits for the hook, which asks va-hostd, which has libvirt to ask."""
    m = host()
    m.define("alpha", GPU, SOUND)
    desk(m, "alpha")
    with Desktop(m) as desktop:
        m.virsh("start", "alpha")
        is_taken(m, "started")
        m.monitor.wait_shown(SHOWN["alpha"], 60)
        finish(m)
        check(desktop.runs(), "the desktop is not back")


def a_daemon_that_hangs_is_not_waited_for():
    m = host()
    m.define("alpha", GPU, SOUND)
    desk(m, "alpha")
    with Desktop(m) as desktop:
        m.check(["pkill", "-STOP", "-x", "va-hostd"])
        m.virsh("start", "--paused", "alpha")
        is_taken(m, "started")
        m.virsh("destroy", "alpha")
        check(desktop.runs(), "the desktop is not back")
    m.stop_hostd(9)
    is_normal(m, "stopped")


def who_holds_the_card_is_named_or_ended():
    m = host()
    m.define("alpha", GPU, SOUND)
    for policy in ("refuse", "term"):
        m.put("/etc/virt-aid/gpu.conf", f"[gpu]\nholders = {policy}\n")
        job, pid = m.start(["sh", "-c", f"exec 9<{CARD}; exec sleep 1000"])
        wait_for(lambda: "card" in m.run(["readlink", f"/proc/{pid}/fd/9"]).out, 20, "a holder")
        done = m.virsh("start", "--paused", "alpha", ok=False)
        if policy == "refuse":
            check(done.rc and "sleep" in done.out and str(pid) in done.out, f"{done}")
            is_normal(m, "refused")
            m.signal(job)
        check(m.ended(job, 20) is not None, "the holder still runs")
    check_eq(done.rc, 0, done.out)
    is_taken(m, "started")
    m.virsh("destroy", "alpha")
    m.check(["rm", "/etc/virt-aid/gpu.conf"])
    is_normal(m, "stopped")


def kill_at_each(m, command, call, before=None):
    """Kills va-gpu at its first, second, third ... such call until it comes through; each time
    "recover" brings everything back. How often it was killed."""
    for n in range(1, 40):
        if before:
            before()
        done = m.run(["strace", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e",
                      f"inject={call}:signal=KILL:when={n}", "va-gpu", *command])
        if done.rc == 0:
            return n - 1
        check_eq(done.rc, -9, f"{call} {n}: {done.out}")
        m.check(["va-gpu", "recover"])
        if m.state().journals:  # it was all taken, or nothing was given back
            m.check(["va-gpu", "return", "alpha"])
        is_normal(m, f"killed at {call} {n} of {command[0]}")
    raise AssertionError("it never came through")


def killed_while_it_takes():
    m = host()
    # a step begins, is at work, is done
    for managed, call in (("yes", "fsync"), ("no", "pidfd_open"), ("no", "wait4")):
        m.put("/run/alpha.xml", definition("alpha", GPU, SOUND, managed=managed))
        killed = kill_at_each(m, ["take", "alpha", "--xml", "/run/alpha.xml"], call)
        check(killed >= 4, f"managed={managed}: {killed} times at {call}")
        m.check(["va-gpu", "return", "alpha"])
        is_normal(m, "returned")


def killed_while_it_gives_back():
    m = host()
    m.put("/run/alpha.xml", definition("alpha", GPU, SOUND, managed="no"))
    take = ["va-gpu", "take", "alpha", "--xml", "/run/alpha.xml"]
    for call in ("fsync", "wait4"):
        killed = kill_at_each(m, ["return", "alpha"], call, before=lambda: m.check(take))
        check(killed >= 4, f"{killed} times at {call}")
        is_normal(m, "returned")


def the_hook_is_killed():
    m = host()
    m.define("alpha", GPU, SOUND)
    m.put(HOOK, """#!/bin/sh
[ $2 = prepare ] && exec strace -qq -o /dev/null -e inject=pidfd_open:signal=KILL:when=3 \\
	va-gpu hook "$@"
exec va-gpu hook "$@"
""", 0o755)
    done = m.virsh("start", "--paused", "alpha", ok=False)
    m.enable_hook()
    check(done.rc, "it was started")
    is_normal(m, f"killed: {done.out}")
    start_and_stop(m)


run_cases(taken_and_returned_by_libvirts_hook, nothing_is_left_to_libvirt,
          a_failed_start_gives_it_back, half_a_group_is_refused,
          a_guest_without_a_card_changes_nothing, libvirtd_may_come_and_go, two_cards_at_a_time,
          the_hosts_own_card_goes_and_comes, who_holds_the_card_is_named_or_ended,
          a_desktop_on_the_card_ends_and_comes_back, a_desktop_comes_back_when_the_start_fails,
          the_hook_and_the_daemon_do_not_wait_for_each_other,
          a_daemon_that_hangs_is_not_waited_for, the_hook_is_killed, killed_while_it_takes,
          killed_while_it_gives_back)
