#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Monitors that feature 0x60 does not move: one that obeys a feature of its maker's, and one that
obeys nothing and shows whoever sends it a picture."""
import contextlib
import os
import re
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib import check, check_eq  # noqa: E402
from lib.joined import INPUTS, Joined, run_cases  # noqa: E402

CODE = 0xE2


@contextlib.contextmanager
def desk(via, *habits, ways=None, more=""):
    """alpha and beta, whose guest.conf allows those ways (all of them: the default)."""
    section = Joined.section(("alpha", "beta")) + f"via = {via}\n{more}"
    with Joined("alpha", "beta", monitor=True, habits=habits, monitors=section,
                start=False) as d:
        for guest in d.guests.values():
            conf = guest.dir / "conf"
            allowed = via if ways is None else ways
            conf.write_text(conf.read_text().replace("[ddc]\n", f"[ddc]\nways = {allowed}\n"))
        d.host.start()
        for guest in d.guests.values():
            guest.start()
        d.pair()
        if "readable" not in more:
            d.host.wait_monitors()
        yield d


def go_round(d, wanted_rc=0):
    for source, target in (("host", "alpha"), ("alpha", "beta"), ("beta", "alpha"),
                           ("alpha", "host")):
        asker = d.host if source == "host" else d.guests[source]
        answer = asker.ask("switch", target)
        check_eq(answer.rc, wanted_rc, f"{source} to {target}: {answer.text}\n{d.host.tail()}")
        check_eq(d.host.holder(), target)
        d.monitor.wait_shown(INPUTS[target], 5)


# --- a feature of the maker's

def another_feature_is_written():
    with desk(f"0x{CODE:x}", f"code {CODE}", "deaf ddc") as d:
        go_round(d)
        features = {int(str(e["feature"]), 0) for e in d.monitor.events("set")}
        check_eq(features, {CODE}, "features written")


def a_guest_writes_what_its_file_names():
    """The host has it as 0xe2; alpha's file does not: it refuses, and the host pulls instead."""
    with desk(f"0x{CODE:x}", f"code {CODE}", ways="standard lg") as d:
        check_eq(d.host.ask("switch", "alpha").rc, 0, "by the host")
        answer = d.host.ask("guest", "alpha", "ddc", "set", "desk", f"0x{INPUTS['host']:x}")
        check_eq(answer.rc, 3, answer.text)
        check("[ddc] ways" in answer.text, answer.text)
        check_eq(d.monitor.shown, INPUTS["alpha"])
        check_eq(d.guests["alpha"].ask("switch", "host").rc, 0, "pulled")
        d.monitor.wait_shown(INPUTS["host"], 5)


def by_hand():
    """The host's own wire, in words; a guest's is asked in the same."""
    with desk(f"0x{CODE:x}", f"code {CODE}") as d:
        check_eq(d.host.ask("ddc", "set", "desk", f"0x{INPUTS['alpha']:x}").rc, 0)
        d.monitor.wait_shown(INPUTS["alpha"], 5)
        check_eq(d.host.ask("ddc", "get", "desk").result["value"], INPUTS["alpha"])
        check_eq(d.host.ask("ddc", "detect").one("display")["answers"], True)
        check_eq(d.host.ask("ddc", "get", "nobody").rc, 3)


# --- a picture

class Kernel:
    """What a kernel does when it is told that nothing is plugged in: the picture ends."""

    def __init__(self, d):
        boxes = {"host": d.host.box, **{n: g.box for n, g in d.guests.items()}}
        self.files = {name: next(box.tree.sys.glob("class/drm/card*-*")) / "status"
                      for name, box in boxes.items()}
        self.monitor, self.log, self.stop = d.monitor, [], threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self):
        while not self.stop.wait(0.002):
            for name, path in self.files.items():
                word = path.read_text().strip()
                if word not in ("off", "detect"):
                    continue
                self.log.append((name, word))
                path.write_text("connected\n" if word == "detect" else "disconnected\n")
                self.monitor.do(f"signal {INPUTS[name]} {int(word == 'detect')}")

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join()


@contextlib.contextmanager
def pictures(**more):
    """It ignores all writes, and goes elsewhere 50 ms after its picture has ended."""
    with desk("signal", "code 0xff", "fallback_ms 50", **more) as d, Kernel(d) as kernel:
        yield d, kernel


def a_picture_is_followed():
    with pictures() as (d, kernel):
        go_round(d)
        # the kernel here looks every 2 ms: which of two came first only va-hostd can say
        check_eq(sorted(kernel.log[:2]), [("beta", "off"), ("host", "off")], "to alpha")
        done = re.findall(r"(\w+) ends its picture on monitor desk(?:, if it can)?: done", d.host.log())
        check_eq(done[:2], ["beta", "host"], "the one that is shown is the last")
        check_eq(d.monitor.events("set"), [], "writes")


def a_monitor_that_says_nothing():
    with pictures(more="readable = no\n") as (d, _kernel):
        go_round(d, wanted_rc=7)


def a_picture_that_cannot_end():
    """alpha's file does not allow it: nothing moves, and what was lit or dark is so again."""
    with pictures(ways="standard") as (d, kernel):
        answer = d.host.ask("switch", "alpha")
        check_eq(answer.rc, 1, answer.text)
        check("[ddc] ways" in answer.text, answer.text)
        check_eq((d.host.holder(), d.monitor.shown), ("host", INPUTS["host"]))
        check_eq(kernel.log, [])


def a_rescue_sends_a_picture():
    with pictures() as (d, _kernel):
        check_eq(d.host.ask("switch", "alpha").rc, 0)
        d.guests["alpha"].kill()  # its picture stays, and nobody is left to end it
        d.host.ask("rescue")
        check_eq(d.host.holder(), "host")
        d.monitor.do(f"signal {INPUTS['alpha']} 0")  # the user pulls the cable, or the plug
        d.monitor.wait_shown(INPUTS["host"], 5)


run_cases(another_feature_is_written, by_hand, a_guest_writes_what_its_file_names, a_picture_is_followed,
          a_monitor_that_says_nothing, a_picture_that_cannot_end, a_rescue_sends_a_picture)
