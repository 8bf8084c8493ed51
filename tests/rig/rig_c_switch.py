#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""va-hostd switches between the host and guests that get its cards: real libvirt, real USB.

alpha and beta get the same card, gamma another one, and prime the host's own. They have firmware
and no system, so none of them has an agent or hears its power button: the host does it all
(--force). Each case ends with the seat and all devices at the host.
"""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib import base, check, check_eq, run_cases, wait_for  # noqa: E402
from lib.passguest import BROKEN  # noqa: E402
from lib.passhost import GPU, HOME, INPUTS, KEYBOARD_1, KEYBOARD_2, OTHER, SOUND, TABLET, VGA  # noqa: E402
from lib.passhost_cases import host, is_normal  # noqa: E402
from lib.stage_cases import FAILED, OK, REFUSED, UNCONFIRMED  # noqa: E402

# the second of two keyboards that differ in nothing but their port
CONFIG = f"""
[input keys]
id = 0627:0001
port = 0000:00:0d.0/{KEYBOARD_2}
kind = keyboard
[input tablet]
port = 0000:00:0d.0/{TABLET}
[host]
silence-limit = 0
"""
CARDS = {"alpha": (GPU, SOUND), "beta": (GPU, SOUND), "gamma": (OTHER,), "prime": (VGA,)}
SHOWN = {"alpha": INPUTS["gpu"], "beta": INPUTS["gpu"], "gamma": INPUTS["other"],
         "prime": INPUTS["host"], "host": INPUTS["host"]}
HASTY = "on-conflict = force\nstop-limit = 2s\n"


def desk(*names, files=None, config=CONFIG, **options):
    m = host()
    for name in names:
        m.define(name, *CARDS[name], **options)
    m.start_hostd(config, files or {})
    until(m, lambda: {g["name"] for g in m.ask("list").all("guest") if g["gpus"]} == set(names) and
          m.ask("status").one("host")["libvirt"]["up"] and
          all(o["shown"] for o in m.ask("monitors").all("monitor")), "guests and monitor known")
    return m


def until(m, condition, what):
    """wait_for(), and va-hostd's log if it does not come."""
    try:
        wait_for(condition, 60, what, 0.3)
    except base.RigError as why:
        raise base.RigError(f"{why}\n{m.hostd_log()}") from None


def until_runs(m, name):
    until(m, lambda: m.ask("list").one("guest", name=name)["state"] == "running", f"{name} runs")


def switch(m, target, *options, code=OK):
    answer = m.ask("switch", target, *options)
    check(answer.rc == code, f"switch {target}: exit {answer.rc}: {answer.text}\n{m.hostd_log()}")
    return answer


def inputs(m):
    return {i["name"]: i["holder"] for i in m.ask("status").all("input")}


def all_at(m, name, guests):
    """Seat, monitor, keyboard and tablet are there, and these guests run."""
    seen = []

    def there():
        answer = m.ask("status")
        host = answer.one("host")
        seen[:] = [host["holder"], {i["name"]: i["holder"] for i in answer.all("input")}]
        return (seen[0] == name and set(seen[1].values()) == {name} and not host["switching"] and
                not host["recovering"])
    try:
        until(m, there, f"all at {name}")
    except base.RigError as why:
        raise base.RigError(f"seat and inputs are at {seen}; {why}") from None
    m.monitor.wait_shown(SHOWN[name], 20)
    check_eq(set(m.guests()), set(guests), "guests that run")
    check_eq(len(usb_of(m, name)) if name != "host" else 2, 2, "devices in the live definition")


def usb_of(m, name):
    """Bus numbers of USB devices that libvirt says the guest has."""
    xml = m.virsh("dumpxml", name).out.split("<hostdev mode='subsystem' type='usb'")[1:]
    return {int(part.split("device='")[1].split("'")[0]) for part in xml}


def finish(m):
    """Everything is stopped from outside; the host has all of it then."""
    for name in m.guests():
        m.virsh("destroy", name)
    all_at(m, "host", [])
    m.stop_hostd()
    is_normal(m, "the end")


def one_that_is_off_is_started():
    m = desk("alpha")
    switch(m, "alpha", "--force")
    all_at(m, "alpha", ["alpha"])
    check_eq(m.state().drivers, HOME | {GPU: "vfio-pci", SOUND: "vfio-pci"}, "drivers")
    check_eq(len(m.usb()), 3, "the host's USB bus")
    switch(m, "host")
    all_at(m, "host", ["alpha"])
    switch(m, "alpha", "--force")
    all_at(m, "alpha", ["alpha"])
    finish(m)


def one_card_goes_from_guest_to_guest():
    m = desk("alpha", "beta", files={"alpha": HASTY, "beta": HASTY})
    for name in ("alpha", "beta", "alpha"):
        switch(m, name, "--force")
        all_at(m, name, [name])
    finish(m)


def a_guest_that_stays_keeps_its_card():
    """Which the policy says: shut down means until the limit, refuse means never."""
    m = desk("alpha", "beta", files={"alpha": "on-conflict = shutdown\nstop-limit = 2s\n",
                                     "beta": "on-conflict = refuse\n"})
    m.virsh("start", "alpha")
    until_runs(m, "alpha")
    answer = switch(m, "beta", code=6)
    check("--force" in answer.text, answer.text)
    finish(m)


def different_cards_both_stay_up():
    m = desk("alpha", "gamma")
    switch(m, "alpha", "--force")
    all_at(m, "alpha", ["alpha"])
    switch(m, "gamma", "--force")
    all_at(m, "gamma", ["alpha", "gamma"])
    switch(m, "alpha", "--force")
    all_at(m, "alpha", ["alpha", "gamma"])
    switch(m, "host")
    all_at(m, "host", ["alpha", "gamma"])
    finish(m)


def the_host_waits_for_its_own_card():
    m = desk("prime", "gamma")
    switch(m, "gamma", "--force")
    all_at(m, "gamma", ["gamma"])
    m.virsh("start", "prime")
    until_runs(m, "prime")
    answer = switch(m, "host", code=REFUSED)
    check("a guest has the primary GPU; shut it down first" in answer.text, answer.text)
    check_eq(m.holder(), "gamma", "the holder")
    m.virsh("destroy", "prime")
    until(m, lambda: m.state().drivers[VGA] == HOME[VGA], "the card is back")
    switch(m, "host")
    all_at(m, "host", ["gamma"])
    finish(m)


def a_keyboard_is_pulled_and_plugged():
    m = desk("gamma")
    switch(m, "gamma", "--force")
    all_at(m, "gamma", ["gamma"])
    before = m.usb()
    m.unplug(KEYBOARD_2)
    until(m, lambda: inputs(m)["keys"] is None, "it is gone")
    m.unplug(KEYBOARD_1)  # the other one is nobody's business
    m.plug(KEYBOARD_1)
    check_eq(inputs(m), {"keys": None, "tablet": "gamma"}, "the inputs")
    m.plug(KEYBOARD_2)
    all_at(m, "gamma", ["gamma"])
    after = m.usb()
    check(after[KEYBOARD_2] != before[KEYBOARD_2], "another number on the bus")
    check_eq(usb_of(m, "gamma"), {after[KEYBOARD_2], after[TABLET]}, "what gamma has")
    switch(m, "host")
    all_at(m, "host", ["gamma"])
    finish(m)


def a_guest_that_crashes_gives_all_back():
    m = desk("alpha")
    switch(m, "alpha", "--force")
    all_at(m, "alpha", ["alpha"])
    m.kill_guest("alpha")
    all_at(m, "host", [])
    m.stop_hostd()
    is_normal(m, "after the crash")


def what_libvirt_refuses_is_undone():
    m = desk("gamma", usb=False)
    m.virsh("start", "gamma")
    until_runs(m, "gamma")
    answer = switch(m, "gamma", "--force", code=FAILED)
    check("no USB bus" in answer.text or "USB is disabled" in answer.text, answer.text)
    all_at(m, "host", ["gamma"])
    finish(m)


def one_that_cannot_start_changes_nothing():
    """Its predecessor has the card again, and the reason is libvirt's own."""
    m = desk("alpha", files={"alpha": HASTY, "beta": HASTY})
    m.define("beta", GPU, SOUND, more=BROKEN)
    until(m, lambda: m.ask("list").one("guest", name="beta")["gpus"], "beta is known")
    switch(m, "alpha", "--force")
    all_at(m, "alpha", ["alpha"])
    answer = switch(m, "beta", "--force", code=FAILED)
    check("'no-such-device' is not a valid device model" in answer.text, answer.text)
    check("everything is back where it was" in answer.text, answer.text)
    back = {s["text"]: s["detail"] for s in answer.all("step") if s.get("state") == "undone"}
    check(back and "not within the limit" not in back.values(), f"waited for an agent it never had: {back}")
    all_at(m, "alpha", ["alpha"])
    finish(m)


def half_a_group_is_said_to_be_so():
    """The hook's reason comes out of libvirt and the daemon as it went in."""
    m = desk()
    m.define("alpha", GPU)
    until(m, lambda: m.ask("list").one("guest", name="alpha")["gpus"], "alpha is known")
    answer = switch(m, "alpha", "--force", code=FAILED)
    check(f"without {SOUND} (snd_hda_intel)" in answer.text, answer.text)
    check("everything is back where it was" in answer.text, answer.text)
    all_at(m, "host", [])
    finish(m)


def rescue_brings_all_home():
    m = desk("alpha", "gamma")
    switch(m, "alpha", "--force")
    switch(m, "gamma", "--force")
    all_at(m, "gamma", ["alpha", "gamma"])
    answer = m.ask("rescue")
    check_eq(answer.rc, OK, answer.text)
    all_at(m, "host", ["alpha", "gamma"])
    finish(m)


run_cases(one_that_is_off_is_started, one_card_goes_from_guest_to_guest,
          a_guest_that_stays_keeps_its_card, different_cards_both_stay_up,
          the_host_waits_for_its_own_card, a_keyboard_is_pulled_and_plugged,
          a_guest_that_crashes_gives_all_back, what_libvirt_refuses_is_undone,
          one_that_cannot_start_changes_nothing, half_a_group_is_said_to_be_so,
          rescue_brings_all_home)
