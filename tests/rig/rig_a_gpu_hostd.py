#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""va-gpu beside a real va-hostd: the monitor moves before the host's session ends, and back.

The host's session is on two cards (a model of a machine, for va-gpu); one goes to alpha, and the
monitor is cabled to both. va-hostd, va-ddc, va-guestd and the wires are real, libvirt is not.
"""
import contextlib
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib import check, check_eq, wait_for  # noqa: E402
from lib.fakevirt import Machines  # noqa: E402
from lib.gpumachines import machine  # noqa: E402
from lib.joined import GPUS, INPUTS, Joined, run_cases  # noqa: E402


@contextlib.contextmanager
def desk(paired=True, running=(), habits=(), policy=None, lines=""):
    """d: the desk, d.m: the machine. In d.seen: what the monitor showed when the session ended."""
    with Joined("alpha", "beta", monitor=True, habits=habits, start=False,
                config="libvirt = fake:///\n") as d, machine("two_screens") as m:
        m.guest, m.devices, d.m, d.seen = "alpha", [GPUS["alpha"]], m, []
        d.machines = Machines(d, alpha=[GPUS["alpha"]], beta=[GPUS["beta"]])
        if not paired:
            d.machines.mute.add("alpha")
        m.services.on_stop = lambda name: (d.seen.append(d.monitor.shown), m.end_service(name))
        m.tree.folder("/run/virt-aid")
        m.tree.at("/run/virt-aid/control.sock").symlink_to(d.host.run_dir / "control.sock")
        if policy:
            m.tree.put("/etc/virt-aid/gpu.conf", policy)
        with open(d.host.config_dir / "guests.d/alpha.conf", "a", encoding="utf-8") as conf:
            conf.write(lines)
        try:
            d.host.start()
            for name in ("alpha", "beta") if paired else ():
                d.machines.set(name, "running")
                d.pair(name)
                if name not in running:
                    d.machines.set(name, "off")
                    wait_for(lambda n=name: d.host.guest(n)["state"] == "off", 5, "off")
            d.host.wait_monitors()
            yield d
        finally:
            d.machines.close()


def took(d):
    done = d.m.take()
    check_eq(done.returncode, 0, done.stderr)
    return done


def gave_back(d):
    d.machines.set("alpha", "off")
    done = d.m.give_back()
    check_eq((done.returncode, done.stderr), (0, ""), "release")


def comes_home(d):
    wait_for(lambda: d.monitor.shown == INPUTS["host"], 20,
             f"the host on the monitor\n{d.host.tail()}\n")
    wait_for(lambda: d.host.holder() == "host", 5, "the seat at home")


def pushed_before_the_session_ends():
    with desk() as d:
        check_eq(took(d).stderr, "", "what the hook says")
        check_eq(d.seen, [INPUTS["alpha"]], "shown when the session was ended")
        check_eq((d.host.holder(), d.host.guest("alpha")["state"]), ("host", "starting"))
        check_eq(d.machines.log(), [], "what libvirt was asked")
        d.machines.set("alpha", "running")
        wait_for(lambda: d.host.holder() == "alpha", 20, f"the seat at alpha\n{d.host.tail()}\n")
        check_eq(d.monitor.shown, INPUTS["alpha"])
        gave_back(d)
        comes_home(d)
        check_eq(d.machines.log(), [], "what libvirt was asked")


def start_that_fails():
    """libvirt runs "release" after it, and says nothing else."""
    with desk() as d:
        took(d)
        check_eq(d.monitor.shown, INPUTS["alpha"])
        done = d.m.give_back()
        check_eq((done.returncode, done.stderr), (0, ""), "release")
        comes_home(d)
        check_eq(d.host.guest("alpha")["state"], "off")


def taking_that_fails():
    with desk() as d:
        before = d.m.plain()
        write = d.m.kernel.write  # the driver refuses
        d.m.kernel.write = lambda path, text: 5 if "amdgpu/unbind" in path else write(path, text)
        done = d.m.take()
        check_eq(done.returncode, 1, "exit status")
        check("Input/output error" in done.stderr, done.stderr)
        check_eq(d.seen, [INPUTS["alpha"]], "shown when the session was ended")
        d.m.check_back(before)
        comes_home(d)


def a_guest_without_an_agent():
    """It gets the monitor all the same, and the host has it back when that guest goes off."""
    with desk(paired=False) as d:
        took(d)
        check_eq(d.seen, [INPUTS["alpha"]], "shown when the session was ended")
        d.machines.set("alpha", "running")
        wait_for(lambda: d.host.guest("alpha")["state"] == "running", 5, "running")
        check_eq((d.monitor.shown, d.host.holder()), (INPUTS["alpha"], "host"))
        gave_back(d)
        comes_home(d)


def by_our_own_switch():
    """va-hostd waits for libvirt, which waits for the hook, which asks va-hostd."""
    with desk() as d:
        d.machines.habit("alpha", "start", "wait")
        asking = d.host.begin("switch", "alpha")
        wait_for(lambda: "start alpha" in d.machines.log(), 10, "the start")
        took(d)
        check_eq(d.seen, [INPUTS["alpha"]], "shown when the session was ended")
        check(asking.running, "the switch has ended")
        d.machines.habit("alpha", "start", "")
        answer = asking.finish(60)
        check_eq(answer.rc, 0, f"{answer.text}\n{d.host.tail()}")
        check_eq((d.monitor.shown, d.host.holder()), (INPUTS["alpha"], "alpha"))
        gave_back(d)
        comes_home(d)


def by_our_own_switch_that_fails():
    with desk() as d:
        d.machines.habit("alpha", "start", "wait")
        asking = d.host.begin("switch", "alpha")
        wait_for(lambda: "start alpha" in d.machines.log(), 10, "the start")
        took(d)
        check_eq(d.m.give_back().returncode, 0, "release")
        d.machines.habit("alpha", "start", "fail")
        check_eq(asking.finish(60).rc, 1, "the switch")
        comes_home(d)


def by_our_own_switch_that_gives_up():
    """The guest runs and does not answer: it stays, and the monitors are the host's again."""
    with desk(lines="start-limit = 2\n") as d:
        d.machines.mute.add("alpha")
        d.machines.habit("alpha", "start", "wait")
        asking = d.host.begin("switch", "alpha")
        wait_for(lambda: "start alpha" in d.machines.log(), 10, "the start")
        took(d)
        d.machines.habit("alpha", "start", "")
        check_eq(asking.finish(60).rc, 1, "the switch")
        comes_home(d)
        check_eq(d.machines.state("alpha"), "running")


def another_guest_has_the_seat():
    """Its picture stays."""
    with desk(running=["beta"]) as d:
        check_eq(d.host.ask("switch", "beta").rc, 0, "to beta")
        took(d)
        check_eq(d.seen, [INPUTS["beta"]], "shown when the session was ended")
        d.machines.set("alpha", "running")
        d.host.wait_session("alpha")
        check_eq((d.monitor.shown, d.host.holder()), (INPUTS["beta"], "beta"))
        gave_back(d)
        check_eq((d.monitor.shown, d.host.holder()), (INPUTS["beta"], "beta"))


def a_monitor_that_does_not_obey():
    with desk() as d:
        d.monitor.do("hang 20000")
        done = took(d)
        check("did not move the monitors" in done.stderr, done.stderr)
        check_eq(d.seen, [INPUTS["host"]], "shown when the session was ended")


def not_asked_to():
    with desk(policy="[gpu]\nmove-monitors = no\n") as d:
        took(d)
        check_eq(d.seen, [INPUTS["host"]], "shown when the session was ended")


if __name__ == "__main__":
    run_cases(pushed_before_the_session_ends, start_that_fails, taking_that_fails,
              a_guest_without_an_agent, by_our_own_switch, by_our_own_switch_that_fails,
              by_our_own_switch_that_gives_up,
              another_guest_has_the_seat,
              a_monitor_that_does_not_obey, not_asked_to)
