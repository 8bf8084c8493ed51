#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Keyboards and mice move with the seat; hotkeys, rescue, and who follows.

va-hostd, va-input, va-link, va-ddc, va-guestd and the monitor's wires are real; libvirt is not
(fakevirt), and the USB bus and the keyboards' nodes are made up (usbdesk).
"""
import contextlib
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib import base, check, check_eq, joined, wait_for  # noqa: E402
from lib.fakevirt import Machines  # noqa: E402
from lib.joined import GPUS, INPUTS, Joined, run_cases  # noqa: E402
from lib.usbdesk import KEYBOARD, LEFTCTRL, MOUSE, RIGHTCTRL, SCROLLLOCK, UsbDesk  # noqa: E402

CONFIG = """libvirt = fake:///
[input keys]
id = 046d:c31c
port = 1-1
[input mouse]
id = 046d:c077
[hotkey]
next = scrolllock scrolllock
host = leftctrl+rightctrl
rescue = leftctrl+pause
"""
KEYS, MICE = (1, 5), (1, 6)


@contextlib.contextmanager
def desk(config=""):
    """alpha and beta run, paired; two keyboards alike, of which one is meant, and a mouse."""
    with UsbDesk() as usb:
        usb.plug("1-1", 5, "046d:c31c", KEYBOARD)
        usb.plug("1-3", 7, "046d:c31c", KEYBOARD)
        usb.plug("1-2", 6, "046d:c077", MOUSE)
        press = usb.node(3)
        with Joined("alpha", "beta", monitor=True, start=False, config=f"{CONFIG}{config}[host]\n") as d:
            d.usb, d.press = usb, press
            d.host.env["VIRT_AID_ROOT"] = str(usb.root)
            d.machines = Machines(d, alpha=[GPUS["alpha"]], beta=[GPUS["beta"]])
            try:
                d.host.start()
                for name in ("alpha", "beta"):
                    d.machines.set(name, "running")
                    d.pair(name)
                yield d
            finally:
                d.machines.close()


def inputs(d):
    return {i["name"]: i["holder"] for i in d.host.ask("status").all("input")}


def all_at(d, name):
    try:
        wait_for(lambda: d.host.holder() == name and set(inputs(d).values()) == {name}, 20, "")
    except base.RigError:
        raise base.RigError(f"not all at {name}: the seat is at {d.host.holder()}, {inputs(d)}\n"
                            f"{d.machines.log()}\n{d.host.tail()}") from None
    d.monitor.wait_shown(INPUTS[name], 10)
    for guest in ("alpha", "beta"):
        check_eq(d.machines.usb(guest), {KEYS, MICE} if guest == name else set(), guest)


def they_move_with_the_seat():
    with desk() as d:
        for name in ("alpha", "beta", "host"):
            answer = d.host.ask("switch", name)
            check_eq(answer.rc, 0, f"{answer.text}\n{d.host.tail()}")
            all_at(d, name)
        check_eq(d.machines.log()[:2], ["attach alpha 1/6", "attach alpha 1/5"],
                 "the keyboard comes last")
        check("1/7" not in " ".join(d.machines.log()), "the other keyboard that is alike")
        seen = {u["port"]: u["input"] for u in d.host.ask("inputs").all("usb")}
        check_eq(seen, {"1-1": "keys", "1-2": "mouse", "1-3": None}, "inputs")


def one_that_cannot_move_keeps_all():
    with desk() as d:
        d.machines.habit("alpha", "attach", "fail")
        answer = d.host.ask("switch", "alpha")
        check_eq(answer.rc, 1, answer.text)
        check("as the test says" in answer.text, answer.text)
        all_at(d, "host")


def twins_are_not_guessed():
    with desk("[input twin]\nid = 046d:c31c\n") as d:
        twin = [i for i in d.host.ask("status").all("input") if i["name"] == "twin"][0]
        check_eq(twin["holder"], None)
        check("1-1, 1-3" in twin["note"], twin["note"])
        check_eq(d.host.ask("switch", "alpha").rc, 0)
        check_eq(d.machines.usb("alpha"), {KEYS, MICE}, "alpha")


def pulled_out_and_back():
    with desk() as d:
        check_eq(d.host.ask("switch", "alpha").rc, 0)
        d.usb.pull("1-1")
        d.machines.set("beta", "paused")  # news of any kind: there is no udev here
        wait_for(lambda: inputs(d)["keys"] is None, 10, "a keyboard that is gone")
        wait_for(lambda: d.machines.usb("alpha") == {MICE}, 10, "and is nobody's")
        d.usb.plug("1-1", 9, "046d:c31c", KEYBOARD)
        d.machines.set("beta", "running")
        wait_for(lambda: inputs(d)["keys"] == "alpha", 10, "it follows the seat")
        check_eq(d.machines.usb("alpha"), {(1, 9), MICE}, "alpha")


def one_that_is_not_there():
    """A device of the configuration that nobody has plugged in keeps nobody from switching."""
    with desk("[input ghost]\nid = dead:beef\n") as d:
        ghost = d.host.ask("inputs").one("input", name="ghost")
        check_eq((ghost["holder"], ghost["note"]), (None, "not plugged in"), "ghost")
        check_eq(d.host.ask("switch", "alpha").rc, 0)
        check_eq(d.machines.usb("alpha"), {KEYS, MICE}, "alpha")


def pulled_out_on_the_way():
    """The keyboard, while the mouse is being given away: all goes back, and the answer says why."""
    with desk() as d:
        d.machines.habit("alpha", "attach", "slow")
        asking = d.host.begin("switch", "alpha")
        wait_for(lambda: "attach alpha 1/6" in d.machines.log(), 20, "the mouse's move")
        d.usb.pull("1-1")
        answer = asking.finish(30)
        check_eq(answer.rc, 1, answer.text)
        check("keys is given to alpha: not plugged in" in answer.text, answer.text)
        check("everything is back" in answer.text, answer.text)
        wait_for(lambda: inputs(d) == {"keys": None, "mouse": "host"}, 10, "at home")
        check_eq((d.host.holder(), d.machines.usb("alpha")), ("host", set()), "the seat")
        d.monitor.wait_shown(INPUTS["host"], 10)
        check_eq(d.host.ask("switch", "alpha").rc, 0, "without it")


def pulled_out_while_it_moves():
    """The mouse itself: it is nobody's afterwards, also by the guest's definition."""
    with desk() as d:
        d.machines.habit("alpha", "attach", "slow")
        asking = d.host.begin("switch", "alpha")
        wait_for(lambda: "attach alpha 1/6" in d.machines.log(), 20, "the mouse's move")
        d.usb.pull("1-2")
        check_eq(asking.finish(30).rc, 0, "the switch, with what is left")
        wait_for(lambda: inputs(d) == {"keys": "alpha", "mouse": None}, 10, "the inputs")
        wait_for(lambda: d.machines.usb("alpha") == {KEYS}, 10, "alpha's definition")


def unknown_targets():
    with desk() as d:
        for name in ("nobody", "alph", "alpha2", "keys"):
            answer = d.host.ask("switch", name)
            check_eq(answer.rc, 3, answer.text)
            check(f"no machine called {name}" in answer.text, answer.text)
        check_eq((d.host.holder(), d.machines.log()), ("host", []), "nothing happened")


def a_guest_that_goes_leaves_them():
    with desk() as d:
        check_eq(d.host.ask("switch", "alpha").rc, 0)
        d.machines.set("alpha", "off")
        wait_for(lambda: d.host.holder() == "host" and set(inputs(d).values()) == {"host"}, 20,
                 "all at the host")
        d.monitor.wait_shown(INPUTS["host"], 10)


def hotkeys_are_heard():
    with desk() as d:
        def tap(key):
            d.press(key, 1)
            d.press(key, 0)
        order = []
        for _ in range(3):
            before = d.host.holder()
            tap(SCROLLLOCK)
            tap(SCROLLLOCK)
            wait_for(lambda b=before: d.host.holder() != b and
                     not d.host.ask("status").one("host")["switching"], 20, f"the next one after {before}, {order}; {d.host.tail()}")
            order.append(d.host.holder())
        check_eq(sorted(order), ["alpha", "beta", "host"], "next, thrice")
        check_eq(d.host.ask("switch", "beta").rc, 0)
        d.press(LEFTCTRL, 1)
        d.press(RIGHTCTRL, 1)
        all_at(d, "host")


def a_guests_own_hotkey():
    """The keyboard is in the guest, and so is who hears it: a node that appears there."""
    with desk() as d:
        agent, nodes = d.guests["alpha"], d.dir / "nodes"
        nodes.mkdir()
        check(not joined.children(agent.process.pid, "va-input"), "va-input runs where no hotkey is configured")
        agent.stop()
        conf = agent.dir / "conf"
        conf.write_text(f"{conf.read_text()}[hotkey]\nhost = leftctrl+rightctrl\n")
        (agent.libexec / "va-input").symlink_to(base.program("va-input"))
        agent.env["VA_INPUT_NODES"] = str(nodes)
        agent.start()
        d.host.wait_session("alpha")
        check_eq(d.host.ask("switch", "alpha").rc, 0)
        press = d.usb.pipe_node(nodes / "event5")
        for key in (LEFTCTRL, RIGHTCTRL):
            press(key, 1)
        all_at(d, "host")
        for key in (RIGHTCTRL, LEFTCTRL):
            press(key, 0)
        # it asks as any user there, and the policy lets nobody take the seat
        mark = d.host.mark()
        conf.write_text(conf.read_text().replace("host = ", "next = "))
        agent.stop()
        d.host.wait_session("alpha", "waiting")
        agent.start()
        d.host.wait_session("alpha")
        for key in (LEFTCTRL, RIGHTCTRL):
            press(key, 1)
        d.host.wait_log("outcome=denied", 10, mark)
        check_eq(d.host.holder(), "host")


def rescue_in_the_middle():
    with desk() as d:
        check_eq(d.host.ask("switch", "beta").rc, 0)
        d.machines.habit("alpha", "attach", "hang")
        asking = d.host.begin("switch", "alpha")
        wait_for(lambda: "attach alpha 1/6" in d.machines.log(), 20, "a switch that hangs")
        answer = d.host.ask("rescue", limit=60)
        check(answer.rc in (0, 7), f"{answer.rc}: {answer.text}\n{d.host.tail()}")
        check_eq(asking.finish(10).rc, 1, "the switch")
        d.machines.habit("alpha", "attach", "")
        all_at(d, "host")
        check_eq(d.host.ask("rescue").rc, 0, "where there is nothing to rescue")
        check_eq(d.host.ask("switch", "alpha").rc, 0, "afterwards")


def who_follows_sees_it():
    with desk() as d:
        follower = subprocess.Popen([str(base.program("va-host")), "events"], env=d.host.env,
                                    stdout=subprocess.PIPE, text=True)
        try:
            check_eq(d.host.ask("switch", "alpha").rc, 0)
            seen, steps, there = [], 0, False
            for line in follower.stdout:
                o = json.loads(line)
                steps += o["type"] == "step"
                if o["type"] == "input":
                    seen.append((o["name"], o["holder"]))
                if o["type"] == "host":
                    there = o["holder"] == "alpha" and not o["switching"]
                if o["type"] == "sync" and there:
                    break
            # what happens within a moment is told at once, in the order of the configuration
            check_eq((seen[:2], sorted(seen[2:])),
                     ([("keys", "host"), ("mouse", "host")],
                      [("keys", "alpha"), ("mouse", "alpha")]), "inputs")
            check(steps >= 4, f"{steps} steps")
        finally:
            follower.terminate()
            follower.wait()
            follower.stdout.close()


CASES = [they_move_with_the_seat, one_that_cannot_move_keeps_all, twins_are_not_guessed,
         pulled_out_and_back, one_that_is_not_there,
         pulled_out_on_the_way, pulled_out_while_it_moves, unknown_targets, a_guest_that_goes_leaves_them, hotkeys_are_heard,
         a_guests_own_hotkey, rescue_in_the_middle, who_follows_sees_it]

if __name__ == "__main__":
    run_cases(*CASES)
