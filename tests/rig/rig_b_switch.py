#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Pairing and the seat, over real virtio-serial: va-hostd, two guests and one monitor.

Every case begins with a monitor that shows the host, and with alpha and beta paired and in
session. What the monitor shows is asked of the simulator, never of us.
"""
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib import check, check_eq, run_cases, wait_for  # noqa: E402
from lib.stage import INPUTS, MONITOR  # noqa: E402
from lib.stage_cases import (BUSY, FAILED, NOT_PAIRED, OK, REFUSED, UNCONFIRMED,  # noqa: E402
                             USAGE, drop, expect, now_ms, shows, stage)


def ask(s, who, *words, user="ann"):
    """A switch and the like typed by a person on the host or in a guest."""
    return s.host.ask(*words) if who == "host" else s.guests[who].ask(*words, user=user)


def mode(path):
    return oct(path.stat().st_mode & 0o7777)


# --- pairing ------------------------------------------------------------------------------------

def pairing_by_token():
    s = stage()
    for name in s.names:
        guest, g = s.guests[name], s.host.guest(name)
        check_eq((g["paired"], g["session"], g["channel"]), (True, "up", "connected"), name)
        words = re.search(rf"guest {name} is paired, fingerprint (\S+)", s.host.log())
        check(words and words[1] in guest.agent_log(), f"{name} shows another fingerprint")
        check_eq(s.host.token(name).stat().st_size, 0, "the used token")
        check_eq(mode(s.host.key_file(name)), "0o600", "the host's key file")
        check_eq(guest.check(["stat", "-c", "%a %U", "/var/lib/virt-aid/host.key"]).strip(),
                 "600 virt-aid", "the guest's key file")
        secret = s.host.key_file(name).read_text().split("psk = ")[1].split()[0]
        check(secret not in s.host.log() + guest.agent_log(), "a secret is in a log")
        status = expect(guest.ask("status"), OK, "va-guest status")
        check_eq(status.objects[0].get("paired"), True, "va-guest status: paired")


def begin_pairing(s, name):
    asking = s.host.begin("pair", name)
    return asking, asking.wait_for("code")["code"]


def unpair(s, name):
    expect(s.host.ask("unpair", name), OK, "unpair")
    check(not s.host.key_file(name).exists(), "the key file is still there")
    s.host.wait_session(name, "unpaired", 20)
    # the guest learns of it when the host's new link answers it
    wait_for(lambda: s.guests[name].ask("status").rc == NOT_PAIRED, 20, "the guest's word of it")


def pairing_by_code():
    s = stage()
    unpair(s, "alpha")
    expect(s.host.ask("ping", "alpha"), NOT_PAIRED, "ping without keys")
    asking, code = begin_pairing(s, "alpha")
    check(re.fullmatch(r"[0-9A-Z]{4}-[0-9A-Z]{4}", code), f"the code is {code}")
    check_eq(s.host.guest("alpha")["pairing"], True, "list: pairing")
    typed = expect(s.guests["alpha"].ask("pair", code.lower()), OK, "va-guest pair")
    told = expect(asking.finish(10), OK, "va-host pair")
    check_eq(typed.result["fingerprint"], told.result["fingerprint"], "fingerprints")
    check(not told.all("attempt"), f"an attempt is counted that did not fail: {told}")
    s.host.wait_session("alpha", "up", 15)
    expect(s.host.ask("ping", "alpha"), OK, "ping")


def wrong_code_thrice():
    s = stage()
    unpair(s, "alpha")
    expect(s.guests["alpha"].ask("switch", "host"), NOT_PAIRED, "va-guest switch without keys")
    asking, code = begin_pairing(s, "alpha")
    wrong = ("0" if code[0] != "0" else "1") + code[1:]
    expect(s.guests["alpha"].ask("pair", "nonsense!"), USAGE, "a code that is none")
    for left in (2, 1, 0):
        expect(s.guests["alpha"].ask("pair", wrong), FAILED, f"wrong code, {left} left")
    answer = expect(asking.finish(15), FAILED, "va-host pair")
    check_eq([a["left"] for a in answer.all("attempt")], [2, 1], "attempts left")
    expect(s.guests["alpha"].ask("pair", code), REFUSED, "the right code, too late")
    asking, code = begin_pairing(s, "alpha")
    expect(s.guests["alpha"].ask("pair", wrong), FAILED, "wrong code")
    expect(s.guests["alpha"].ask("pair", code), OK, "the right one then")
    expect(asking.finish(10), OK, "va-host pair")
    s.host.wait_session("alpha", "up", 15)


def pairing_is_for_root():
    s = stage()
    expect(s.guests["alpha"].ask("pair", "K7Q4-2M9X", user="ann"), REFUSED, "va-guest pair by ann")
    expect(s.guests["alpha"].ask("ddc", "set", MONITOR, "0x11", user="ann"), REFUSED,
           "va-guest ddc set by ann")


# --- the seat -----------------------------------------------------------------------------------

def every_way():
    """From each machine to each other, asked for on the host and in the guest that has it."""
    s = stage()
    for asker in ("host", "holder"):
        for route in (("alpha", "beta", "host"), ("beta", "alpha", "host")):
            holder = "host"
            for target in route:
                start = now_ms()
                who = "host" if asker == "host" else holder
                expect(ask(s, who, "switch", target), OK, f"{holder} to {target} by {who}")
                shows(s, target, 0.1)
                writes = s.monitor.events("set", after=start)
                check_eq([(e["input"], e["value"]) for e in writes],
                         [(INPUTS[holder], INPUTS[target])], "writes: who (input), what")
                holder = target
    again = expect(s.host.ask("switch", "host"), OK, "to who has it")
    check("already" in again.text, again.text)


def dry_run_is_the_plan():
    s = stage()
    start = now_ms()
    plan = expect(s.host.ask("switch", "alpha", "--dry-run"), OK, "dry run")
    check_eq((s.shown_name(), s.host.holder(), s.monitor.events("set", after=start)),
             ("host", "host", []), "after a dry run")
    walk = expect(s.host.ask("switch", "alpha"), OK, "switch")
    keys = ("n", "actor", "text", "limit_ms", "undo", "when")
    check_eq([[o[k] for k in keys] for o in walk.all("step")],
             [[o[k] for k in keys] for o in plan.all("step")], "steps walked and planned")
    check_eq([o["state"] for o in walk.all("step")], ["done", "skipped", "skipped", "done", "done", "done"])


def hidden_inputs_are_deaf():
    """Only the machine that is shown can write; push must do, both ways."""
    s = stage()
    s.monitor.do("deaf ddc")
    for asker, target in (("host", "alpha"), ("alpha", "beta"), ("beta", "host")):
        expect(ask(s, asker, "switch", target), OK, f"to {target}")
        shows(s, target)


def shown_side_cannot_write():
    """The guest's owner forbids writes, so the others must: the host, and if it is deaf, beta."""
    s = stage()
    expect(s.host.ask("switch", "alpha"), OK, "to alpha")
    alpha = s.guests["alpha"]
    alpha.put("/etc/virt-aid/guest-policy.d/10-no.policy", "* * * * deny\n")
    try:
        expect(alpha.ask("reload"), OK, "va-guest reload")
        expect(s.host.ask("guest", "alpha", "ddc", "set", MONITOR, "0x0f"), REFUSED, "ddc set")
        expect(s.host.ask("guest", "alpha", "shutdown"), REFUSED, "shutdown of the guest")
        walk = expect(s.host.ask("switch", "beta"), OK, "to beta")
        check_eq([(o["actor"], o["state"]) for o in walk.all("step")][:2],
                 [("alpha", "failed"), ("host", "done")], "push, then who else can")
        shows(s, "beta")
    finally:
        alpha.check(["rm", "/etc/virt-aid/guest-policy.d/10-no.policy"])
        expect(alpha.ask("reload"), OK, "va-guest reload")


def slow_switch():
    s = stage()
    s.monitor.do("switch_ms 2500")
    expect(s.host.ask("switch", "alpha"), OK, "a monitor that takes 2.5 s")
    shows(s, "alpha")


def dropped_write_is_repeated():
    s = stage()
    s.monitor.do("drop_sets 1")
    start = now_ms()
    expect(s.host.ask("switch", "alpha"), OK, "a monitor that forgets the first write")
    shows(s, "alpha")
    kinds = [e["event"] for e in s.monitor.events(after=start) if e["event"] in ("drop", "set")]
    check_eq(kinds, ["drop", "set"], "writes")


def lost_write_is_undone():
    """It acknowledges and never obeys: truthfully failed, nothing has changed."""
    s = stage()
    s.monitor.do("drop_sets 9")
    answer = expect(s.host.ask("switch", "alpha"), FAILED, "a monitor that never obeys")
    s.monitor.do("drop_sets 0")
    check_eq((s.shown_name(), s.host.holder()), ("host", "host"), answer.text)


def unreadable_monitor():
    s = stage()
    s.monitor.do("reply null")
    answer = expect(s.host.ask("switch", "alpha"), UNCONFIRMED, "a monitor that answers nulls")
    check("not confirmed" in answer.text, answer.text)
    shows(s, "alpha")
    s.monitor.do("reply ok")
    expect(s.guests["alpha"].ask("switch", "host"), OK, "back")
    shows(s, "host")


def two_at_once():
    s = stage()
    s.monitor.do("switch_ms 1500")
    first = s.host.begin("switch", "alpha")
    first.wait_for("step")
    expect(s.host.ask("switch", "beta"), BUSY, "a switch during a switch")
    expect(first.finish(), OK, "the first")
    shows(s, "alpha")


def holder_dies():
    """Its machine is gone, and no other guest was asked for before: the seat comes home."""
    drop()
    s = stage()
    expect(s.host.ask("switch", "beta"), OK, "to beta")
    s.stop_guest("beta")
    try:
        s.monitor.wait_shown(INPUTS["host"], 5)
        wait_for(lambda: not s.host.ask("status").one("host")["switching"], 10, "the switch's end")
        shows(s, "host")
        expect(s.host.ask("switch", "beta"), REFUSED, "to a machine that is off")
    finally:
        s.boot("beta", token=False)
    # a fresh system without keys: the host's are of no use
    check(s.host.wait_session("beta", "waiting", 40) < 40, "no hint")
    drop()


if __name__ == "__main__":
    run_cases(pairing_by_token, every_way, dry_run_is_the_plan, hidden_inputs_are_deaf,
              shown_side_cannot_write, slow_switch, dropped_write_is_repeated,
              lost_write_is_undone, unreadable_monitor, two_at_once, pairing_is_for_root,
              pairing_by_code, wrong_code_thrice, holder_dies)
