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
from lib import check, check_eq, run_cases  # noqa: E402
from lib.passguest import BROKEN  # noqa: E402
from lib.passhost import (GPU, HOME, HOSTD_LOG, KEYBOARD_1, KEYBOARD_2, OTHER, SOUND,  # noqa: E402
                          TABLET, VGA)
from lib.passhost_cases import (CONFIG, all_at, desk, finish, host, inputs,  # noqa: E402
                                is_normal, switch, until, until_runs, usb_of)
from lib.stage_cases import FAILED, NOT_PAIRED, OK, REFUSED  # noqa: E402

CARDS = {"alpha": (GPU, SOUND), "beta": (GPU, SOUND), "gamma": (OTHER,), "prime": (VGA,)}
JOURNAL = "/run/virt-aid/switch.journal"
HASTY = "on-conflict = force\nstop-limit = 2s\n"


def given(*names, files=None, **options):
    """A desk with these guests."""
    m = host()
    for name in names:
        m.define(name, *CARDS[name], **options)
    return desk(m, *names, files=files)


def one_that_is_off_is_started():
    m = given("alpha")
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
    m = given("alpha", "beta", files={"alpha": HASTY, "beta": HASTY})
    for name in ("alpha", "beta"):
        switch(m, name, "--force")
        all_at(m, name, [name])
    finish(m)


def a_guest_that_stays_keeps_its_card():
    """Which the policy says: shut down means until the limit, refuse means never."""
    m = given("alpha", "beta", files={"alpha": "on-conflict = shutdown\nstop-limit = 2s\n",
                                     "beta": "on-conflict = refuse\n"})
    m.virsh("start", "alpha")
    until_runs(m, "alpha")
    answer = switch(m, "beta", code=NOT_PAIRED)
    check("--force" in answer.text, answer.text)
    finish(m)


def different_cards_both_stay_up():
    m = given("alpha", "gamma")
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
    m = given("prime", "gamma")
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
    m = given("gamma")
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
    m = given("alpha")
    switch(m, "alpha", "--force")
    all_at(m, "alpha", ["alpha"])
    m.kill_guest("alpha")
    all_at(m, "host", [])
    m.stop_hostd()
    is_normal(m, "after the crash")


def what_libvirt_refuses_is_undone():
    m = given("gamma", usb=False)
    m.virsh("start", "gamma")
    until_runs(m, "gamma")
    answer = switch(m, "gamma", "--force", code=FAILED)
    check("no USB bus" in answer.text or "USB is disabled" in answer.text, answer.text)
    all_at(m, "host", ["gamma"])
    finish(m)


def one_that_cannot_start_changes_nothing():
    """Its predecessor has the card again, and the reason is libvirt's own."""
    m = given("alpha", files={"alpha": HASTY, "beta": HASTY})
    m.define("beta", GPU, SOUND, more=BROKEN)
    until(m, lambda: m.ask("list").one("guest", name="beta")["gpus"], "beta is known")
    switch(m, "alpha", "--force")
    all_at(m, "alpha", ["alpha"])
    answer = switch(m, "beta", "--force", code=FAILED)
    check("'no-such-device' is not a valid device model" in answer.text, answer.text)
    check("everything is back where it was" in answer.text, answer.text)
    back = {s["text"]: s["detail"] for s in answer.all("step") if s.get("state") == "undone"}
    check(back and "not within the limit" not in back.values(), f"waited for an agent: {back}")
    all_at(m, "alpha", ["alpha"])
    finish(m)


def half_a_group_is_said_to_be_so():
    """The hook's reason comes out of libvirt and the daemon as it went in."""
    m = given()
    m.define("alpha", GPU)
    until(m, lambda: m.ask("list").one("guest", name="alpha")["gpus"], "alpha is known")
    answer = switch(m, "alpha", "--force", code=FAILED)
    check(f"without {SOUND} (snd_hda_intel)" in answer.text, answer.text)
    check("everything is back where it was" in answer.text, answer.text)
    all_at(m, "host", [])
    finish(m)


def settled(m, step):
    """Who has the seat once everything is in one place again."""
    def still():
        host = m.ask("status").one("host")
        return host["libvirt"]["up"] and not host["switching"] and not host["recovering"]
    until(m, still, f"{step}: at rest")
    there = m.holder()
    all_at(m, there, m.guests())
    check(there == "host" or there in m.guests(), f"{step}: the seat is at {there}")
    return there


def libvirtd_goes_amid_a_switch():
    m = given("alpha", "beta", files={"alpha": HASTY, "beta": HASTY})
    switch(m, "alpha", "--force")
    all_at(m, "alpha", ["alpha"])
    m.check(["truncate", "-s", "0", HOSTD_LOG])
    job = m.begin(["va-host", "switch", "beta", "--force", "--json"])
    m.check(["sh", "-c", f"until grep -q 'switch: .*is destroyed' {HOSTD_LOG}; do :; done"])
    m.stop_libvirt(9)
    m.start_libvirt()
    m.finish(job)
    settled(m, "libvirtd goes")
    finish(m)


def kill_hostd_in(m, step):
    """As soon as it is in that step of the switch to beta, or has ended that."""
    m.check(["sh", "-c", f"until grep -qs '^step = {step}$' {JOURNAL} || "
                         f"grep -q 'switch to beta: ' {HOSTD_LOG}; do :; done"])
    m.stop_hostd(9)


def hostd_goes_amid_a_switch():
    """It is started again, as by its unit, and brings everything to one place, whichever. With
    LONG=1 at more moments than one."""
    files = {"alpha": HASTY, "beta": HASTY}
    m = given("alpha", "beta", files=files)
    moments = ["beta is started"]
    if os.environ.get("VA_LONG"):
        moments += ["alpha is destroyed", "the seat changes hands"]
    for moment in moments:
        switch(m, "alpha", "--force")
        all_at(m, "alpha", ["alpha"])
        steps = m.ask("switch", "beta", "--force", "--dry-run").all("step")
        step = next(s["n"] for s in steps if s["text"].startswith(moment))
        m.check(["truncate", "-s", "0", HOSTD_LOG])
        job = m.begin(["va-host", "switch", "beta", "--force", "--json"])
        kill_hostd_in(m, step)
        m.finish(job)
        m.start_hostd(CONFIG, files)
        print(f"# {moment}: step {step} of {len(steps)}: {settled(m, moment)} has the seat")
    finish(m)


def rescue_brings_all_home():
    m = given("alpha", "gamma")
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
          rescue_brings_all_home, libvirtd_goes_amid_a_switch, hostd_goes_amid_a_switch)
