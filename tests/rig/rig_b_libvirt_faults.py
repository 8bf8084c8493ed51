#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What may happen to libvirt while a guest of its is served: restarts, deaths, guests that go."""
import os
import signal
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib import check, check_eq, run_cases, wait_for  # noqa: E402
from lib.stage import INPUTS  # noqa: E402
from lib.stage_virt import VirtStage  # noqa: E402
from rig_b_virt import Libvirt  # noqa: E402


def seen(s, **wanted):
    """Waits until va-host list says that of alpha."""
    def there():
        found = [g for g in s.host.ask("list").all("guest") if g["name"] == "alpha"]
        return found and all(found[0].get(k) == v for k, v in wanted.items())
    wait_for(there, 45, f"{wanted}; last: {s.host.ask('list').all('guest')}\n{s.host.tail()}\n")


def libvirt_is(s, up):
    wait_for(lambda: s.host.ask("status").one("host")["libvirt"]["up"] == up, 30,
             f"libvirt {'up' if up else 'down'} in va-host status")


def watcher(s):
    """The process id of va-virt."""
    for each in os.listdir("/proc"):
        try:
            with open(f"/proc/{each}/stat") as f:
                text = f.read()
        except OSError:
            continue
        if "(va-virt)" in text and \
                int(text.rpartition(")")[2].split()[1]) == s.host.process.pid:
            return int(each)
    return 0


def libvirtd_dies_and_returns():
    with Libvirt() as libvirt, VirtStage(libvirt) as s:
        s.host.start()
        libvirt_is(s, True)
        alpha = s.define("alpha")
        seen(s, state="off")
        check_eq(s.host.ask("pair", "alpha").rc, 0, "pair")
        alpha.power_on()
        seen(s, state="running", session="up")
        mark = s.host.mark()

        # its watcher
        old = watcher(s)
        os.kill(old, signal.SIGKILL)
        wait_for(lambda: watcher(s) not in (0, old), 10, "another va-virt")
        libvirt_is(s, True)
        seen(s, state="running", session="up")

        # itself: the guest and its session live on
        libvirt.kill()
        libvirt_is(s, False)
        check_eq(s.host.ask("ping", "alpha").rc, 0, "a call without libvirtd")
        seen(s, session="up")
        libvirt.start()
        libvirt_is(s, True)
        seen(s, state="running", session="up")
        said = s.host.log_path.read_text()[mark:]
        check_eq(said.count("alpha: session is down"), 0, f"sessions lost in\n{said}\n")

        # va-hostd comes up while libvirtd is away: nothing is known until that is back
        libvirt.kill()
        libvirt_is(s, False)
        s.host.kill()
        s.host.start()
        libvirt_is(s, False)
        libvirt.start()
        libvirt_is(s, True)
        seen(s, state="running", session="up", paired=True)

        # the guest goes while nobody looks, with the seat
        s.host.wait_monitors()
        check_eq(s.host.ask("switch", "alpha").rc, 0, "to alpha")
        libvirt.kill()
        libvirt_is(s, False)
        for pid in libvirt.qemu_pids():
            os.kill(pid, signal.SIGKILL)
        s.monitor.wait_shown(INPUTS["host"], 15)
        check_eq(s.host.holder(), "host", "who has the seat")
        libvirt.start()
        libvirt_is(s, True)
        seen(s, state="off", session="none")
        check(s.host.running, "va-hostd died")


if __name__ == "__main__":
    run_cases(libvirtd_dies_and_returns)
