#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""virt-aid end to end with a guest of libvirt's: found, paired, switched to, gone."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib import check, check_eq, run_cases, wait_for  # noqa: E402
from lib.stage import GPUS, INPUTS  # noqa: E402
from lib.stage_virt import VirtStage  # noqa: E402
from rig_b_virt import Libvirt  # noqa: E402


def seen(s, **wanted):
    """Waits until va-host list says that of alpha."""
    def there():
        found = [g for g in s.host.ask("list").all("guest") if g["name"] == "alpha"]
        return found and all(found[0].get(k) == v for k, v in wanted.items())
    wait_for(there, 30, f"{wanted}; last: {s.host.ask('list').all('guest')}\n{s.host.tail()}\n")


def a_guest_of_libvirts():
    with Libvirt() as libvirt, VirtStage(libvirt) as s:
        s.host.start()
        wait_for(lambda: s.host.ask("status").one("host")["libvirt"]["up"], 30, "libvirt")
        check_eq(s.host.ask("pair", "alpha").rc, 3, "pairing what is not defined")
        alpha = s.define("alpha")
        seen(s, state="off", channel="closed", gpus=[GPUS["alpha"]])
        check_eq(s.host.ask("switch", "alpha").rc, 6, "to a machine that could not answer")
        answer = s.host.ask("pair", "alpha")
        check(answer.rc == 0 and "by itself" in answer.text, answer.text)

        alpha.power_on()
        seen(s, state="running", session="up", paired=True)
        s.host.wait_monitors()
        check_eq(s.host.ask("switch", "alpha").rc, 0, "to alpha")
        s.monitor.wait_shown(INPUTS["alpha"], 3)
        check_eq(alpha.ask("switch", "host", user="ann").rc, 0, "back, asked for in alpha")
        s.monitor.wait_shown(INPUTS["host"], 3)

        libvirt.virsh("suspend", "alpha")
        seen(s, state="paused")
        libvirt.virsh("resume", "alpha")
        seen(s, state="running", session="up")

        check_eq(s.host.ask("switch", "alpha").rc, 0, "to alpha")
        alpha.power_cut()
        s.monitor.wait_shown(INPUTS["host"], 5)
        seen(s, state="off", session="none", paired=True)
        check_eq(s.host.ask("switch", "alpha", "--no-start").rc, 3, "to one that is off")
        seen(s, state="off")
        # its system is a fresh one at each start, which pairs anew
        check_eq(s.host.ask("pair", "alpha").rc, 0, "a token")
        asking = s.host.begin("switch", "alpha")
        alpha.wait_started()
        answer = asking.finish()
        check_eq(answer.rc, 0, f"to one that is off, which is started for it: {answer.text}")
        s.monitor.wait_shown(INPUTS["alpha"], 3)
        seen(s, state="running", session="up")
        alpha.power_cut()
        s.monitor.wait_shown(INPUTS["host"], 20)
        seen(s, state="off", session="none")

        code = s.host.ask("unpair", "alpha")
        check_eq(code.rc, 0, "unpair")
        alpha.power_on()
        asking = s.host.begin("pair", "alpha")
        code = asking.wait_for("code")
        check_eq(code["token_xml"], True, "the definition has the item")
        alpha.wait_agent()
        check_eq(alpha.ask("pair", code["code"]).rc, 0, "pairing by code")
        check_eq(asking.finish(20).rc, 0, "va-host pair")
        seen(s, session="up")


if __name__ == "__main__":
    run_cases(a_guest_of_libvirts)
