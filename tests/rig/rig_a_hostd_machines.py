#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Switches that start and stop guests, and a va-hostd that is killed in the middle of one.

va-hostd, va-link, va-ddc, va-guestd and the monitor's wires are real; libvirt is not (fakevirt).
alpha and beta have a device in common, so only one of them can run.
"""
import contextlib
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib import check, check_eq, wait_for  # noqa: E402
from lib.fakevirt import Machines  # noqa: E402
from lib.joined import GPUS, INPUTS, Joined, run_cases  # noqa: E402

SHARED = "0000:09:00.0"


@contextlib.contextmanager
def desk(running=(), habits=(), guest_lines="", config="", apart=False):
    """Both guests are paired; those of running run."""
    with Joined("alpha", "beta", monitor=True, habits=habits, start=False,
                config="libvirt = fake:///\n" + config) as d:
        for name in ("alpha", "beta"):
            path = d.host.config_dir / f"guests.d/{name}.conf"
            path.write_text(path.read_text() + guest_lines)
        d.machines = Machines(d, **{n: [GPUS[n]] + ([] if apart else [SHARED])
                                    for n in ("alpha", "beta")})
        try:
            d.host.start()
            for name in ("alpha", "beta"):  # not at once: they cannot
                d.machines.set(name, "running")
                d.pair(name)
                if name not in running:
                    d.machines.set(name, "off")
                    wait_for(lambda n=name: d.host.guest(n)["state"] == "off", 5, "off")
            yield d
        finally:
            d.machines.close()


def shows(d, name):
    d.monitor.wait_shown(INPUTS[name], 10)
    check_eq(d.host.holder(), name, "holder")


def journal(d):
    path = d.host.run_dir / "switch.journal"
    return path.read_text() if path.exists() else ""


def idle(d, limit=60):
    def done():
        return not d.host.ask("status").one("host")["switching"]
    wait_for(done, limit, "the switch's end")


def starts_who_is_off():
    with desk() as d:
        dry = d.host.ask("switch", "alpha", "--dry-run")
        check_eq(dry.rc, 0, dry.text)
        check_eq(d.machines.log(), [], "what a dry run did")
        answer = d.host.ask("switch", "alpha", "--no-start")
        check_eq(answer.rc, 3, answer.text)
        answer = d.host.ask("switch", "alpha")
        check_eq(answer.rc, 0, f"{answer.text}\n{d.host.tail()}")
        shows(d, "alpha")
        check_eq(d.machines.log(), ["start alpha"], "what libvirt was asked")


def same_device_changes_hands():
    with desk(running=["alpha"]) as d:
        check_eq(d.host.ask("switch", "alpha").rc, 0, "to alpha")
        answer = d.host.ask("switch", "beta")
        check_eq(answer.rc, 0, f"{answer.text}\n{d.host.tail()}")
        shows(d, "beta")
        check_eq(d.machines.log(), ["start beta"], "what libvirt was asked")
        check_eq(d.machines.state("alpha"), "off", "alpha")


def others_are_left_alone():
    with desk(running=["alpha"], apart=True) as d:
        check_eq(d.host.ask("switch", "alpha").rc, 0, "to alpha")
        check_eq(d.host.ask("switch", "beta").rc, 0, "to beta")
        shows(d, "beta")
        check_eq(d.machines.state("alpha"), "running", "alpha")
        for word, name in (("next", "host"), ("next", "alpha"), ("prev", "host"),
                           ("prev", "beta")):
            answer = d.host.ask("switch", word)
            check_eq(answer.rc, 0, answer.text)
            shows(d, name)


def a_guest_hands_over_itself():
    with desk(running=["alpha"]) as d:
        check_eq(d.host.ask("switch", "alpha").rc, 0, "to alpha")
        asking = d.guests["alpha"].begin("switch", "beta")
        d.monitor.wait_shown(INPUTS["beta"], 20)
        idle(d)
        shows(d, "beta")
        asking.finish(10)


def who_does_not_shut_down():
    with desk(running=["alpha"], guest_lines="stop-limit = 2\n") as d:
        check_eq(d.host.ask("switch", "alpha").rc, 0, "to alpha")
        d.machines.stubborn.add("alpha")
        d.machines.habit("alpha", "shutdown", "ignore")
        answer = d.host.ask("switch", "beta")
        check_eq(answer.rc, 1, answer.text)
        check("alpha" in answer.text and "back where it was" in answer.text, answer.text)
        shows(d, "alpha")
        check_eq(d.machines.log(), ["shutdown alpha"], "what libvirt was asked")
        answer = d.host.ask("switch", "beta", "--force")
        check_eq(answer.rc, 0, answer.text)
        shows(d, "beta")
        check("destroy alpha" in d.machines.log(), d.machines.log())


def who_is_not_to_be_stopped():
    with desk(running=["alpha"], guest_lines="on-conflict = refuse\n") as d:
        answer = d.host.ask("switch", "beta")
        check_eq(answer.rc, 3, answer.text)
        check(SHARED in answer.text and "on-conflict" in answer.text, answer.text)
        check_eq(d.machines.log(), [], "what libvirt was asked")


def a_start_that_fails():
    with desk(running=["alpha"]) as d:
        check_eq(d.host.ask("switch", "alpha").rc, 0, "to alpha")
        d.machines.habit("beta", "start", "fail")
        answer = d.host.ask("switch", "beta")
        check_eq(answer.rc, 1, answer.text)
        check("as the test says" in answer.text, answer.text)
        idle(d)
        check_eq(d.machines.state("alpha"), "running", "alpha")
        d.host.wait_session("alpha")
        shows(d, "alpha")


def started_by_others_takes_nothing():
    """Autostart at boot: whoever comes up, and in what order, the seat stays until it is asked for."""
    with desk(apart=True) as d:
        for name in ("beta", "alpha"):
            d.machines.set(name, "running")
        for name in ("alpha", "beta"):
            d.host.wait_session(name)
        shows(d, "host")
        check_eq(d.host.ask("switch", "alpha").rc, 0, "to alpha")
        for state in ("off", "running"):
            d.machines.set("beta", state)
            wait_for(lambda s=state: d.host.guest("beta")["state"] == s, 10, state)
        d.host.wait_session("beta")
        shows(d, "alpha")
        check_eq(len(d.monitor.events("set")), 1, "writes")


def undefined_on_the_way():
    """The target, while it is waited for the other one's end."""
    with desk(running=["alpha"]) as d:
        check_eq(d.host.ask("switch", "alpha").rc, 0, "to alpha")
        d.machines.stubborn.add("alpha")
        asking = d.host.begin("switch", "beta")
        wait_for(lambda: "powers itself off" in str(asking.objects("step")) or
                 "step = 2\n" in journal(d) or "step = 3\n" in journal(d), 20, "alpha's stop")
        d.machines.undefine("beta")
        wait_for(lambda: not d.host.guest("beta").get("uuid"), 10, "that beta is no domain any more")
        d.machines.set("alpha", "off")
        answer = asking.finish(60)
        check_eq(answer.rc, 1, answer.text)
        check("beta is started" in answer.text, answer.text)
        idle(d)
        check_eq(d.machines.state("alpha"), "running", "alpha")
        d.host.wait_session("alpha")
        shows(d, "alpha")
        answer = d.host.ask("switch", "beta")
        check_eq(answer.rc, 3, answer.text)


def one_that_never_answers():
    with desk(running=["alpha"], guest_lines="start-limit = 3\n") as d:
        check_eq(d.host.ask("switch", "alpha").rc, 0, "to alpha")
        d.machines.mute.add("beta")
        answer = d.host.ask("switch", "beta")
        check_eq(answer.rc, 1, answer.text)
        idle(d)
        check_eq((d.machines.state("alpha"), d.machines.state("beta")), ("running", "off"),
                 "machines")
        shows(d, "alpha")


def a_holder_that_crashes():
    with desk(running=["alpha"], apart=True) as d:
        for name in ("alpha", "beta"):
            check_eq(d.host.ask("switch", name).rc, 0, f"to {name}")
        d.machines.set("beta", "off")
        wait_for(lambda: d.host.holder() == "alpha", 20, "alpha, asked for before, has the seat")
        shows(d, "alpha")
        d.machines.set("alpha", "off")
        wait_for(lambda: d.host.holder() == "host", 20, "the host has the seat")
        shows(d, "host")


def a_holder_that_falls_silent():
    with desk(running=["alpha"], config="silence-limit = 1\n") as d:
        check_eq(d.host.ask("switch", "alpha").rc, 0, "to alpha")
        d.guests["alpha"].stop()
        wait_for(lambda: d.host.holder() == "host", 60, "the host has the seat")
        shows(d, "host")
        check_eq(d.machines.state("alpha"), "running", "alpha")


def the_primary_gpu_is_away():
    with desk(running=["alpha"], config=f"primary-gpu = {GPUS['alpha']}\n") as d:
        check_eq(d.host.ask("switch", "alpha").rc, 0, "to alpha")
        answer = d.host.ask("switch", "host")
        check_eq(answer.rc, 3, answer.text)
        check("primary GPU" in answer.text, answer.text)


def one_waits_for_the_other():
    with desk(running=["alpha"], habits=["switch_ms 1500"]) as d:
        first = d.host.begin("switch", "alpha")
        first.wait_for("step")
        answer = d.host.ask("switch", "host")
        check_eq(answer.rc, 8, answer.text)
        check("switch to alpha is under way" in answer.text, answer.text)
        check_eq(d.host.ask("switch", "host", "--wait").rc, 0, "the one that waits")
        check_eq(first.finish(20).rc, 0, "the first")
        shows(d, "host")


def what_was_forced_stays_so():
    """Killed while alpha ignores its shutdown: what is left of the switch may destroy it."""
    with desk(running=["alpha"], guest_lines="stop-limit = 2\n") as d:
        check_eq(d.host.ask("switch", "alpha").rc, 0, "to alpha")
        d.machines.stubborn.add("alpha")
        d.machines.habit("alpha", "shutdown", "ignore")
        asking = d.host.begin("switch", "beta", "--force")
        wait_for(lambda: "step = " in journal(d), 10, "its first step")
        d.host.kill()
        asking.close()
        d.host.start()
        wait_for(lambda: d.host.holder() == "beta", 60, "beta has the seat")
        shows(d, "beta")
        check("destroy alpha" in d.machines.log(), d.machines.log())


def killed(step, target="beta"):
    """va-hostd is killed as soon as it has told of that many steps, and started again."""
    with desk(running=["alpha"], habits=["switch_ms 300"]) as d:
        check_eq(d.host.ask("switch", "alpha").rc, 0, "to alpha")
        asking = d.host.begin("switch", target)
        end = time.monotonic() + 30
        while len([o for o in asking.objects() if o.get("type") == "step"]) < step and \
                asking.running and time.monotonic() < end:
            time.sleep(0.002)
        d.host.kill()
        asking.close()
        d.host.start()

        def settled():
            status = d.host.ask("status").one("host")
            return not status["switching"] and not status.get("recovering")
        wait_for(settled, 90, "the end of the recovery")
        # if there was nothing left to recover, the monitor tells
        wait_for(lambda: d.host.holder() in ("alpha", "beta"), 20, "the seat's holder")
        holder = d.host.holder()
        d.monitor.wait_shown(INPUTS[holder], 10)
        check_eq(d.machines.state(holder), "running", holder)
        d.host.wait_session(holder)
        check(not (d.host.run_dir / "switch.journal").exists(), "a journal is left")
        check_eq(d.host.ask("switch", "alpha").rc, 0, "afterwards")
        shows(d, "alpha")


def _killed_at(step):
    def case():
        killed(step)
    case.__name__ = f"killed_after_{step}_steps"
    return case


KILLS = [_killed_at(n) for n in range(9)]
globals().update({c.__name__: c for c in KILLS})

if __name__ == "__main__":
    run_cases(starts_who_is_off, same_device_changes_hands, others_are_left_alone,
              a_guest_hands_over_itself, who_does_not_shut_down, who_is_not_to_be_stopped,
              a_start_that_fails, what_was_forced_stays_so, started_by_others_takes_nothing,
              undefined_on_the_way, one_that_never_answers, a_holder_that_crashes,
              a_holder_that_falls_silent, the_primary_gpu_is_away, one_waits_for_the_other,
              *KILLS)
