#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The host's shutdown: a bus of our own with a mock of logind, or the user's own command."""
import contextlib
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib import Skip, check, check_eq, wait_for  # noqa: E402
from lib.joined import INPUTS, Joined, run_cases  # noqa: E402
from lib.logind import Logind  # noqa: E402

ALLOW = "guest.list * - * allow\nswitch * * * allow\nhost.shutdown * - * allow delay=30s\n"


@contextlib.contextmanager
def desk(logind=True, refuse=None, command=False, **options):
    """A host and alpha, paired. command: it has a shutdown-command of its own."""
    try:
        import dbus  # noqa: F401
        import dbusmock  # noqa: F401
    except ImportError:
        raise Skip("python3-dbusmock is not installed") from None
    with Logind(logind, refuse) as bus, \
            Joined("alpha", policy=ALLOW, start=False, **options) as d:
        d.host.env["DBUS_SYSTEM_BUS_ADDRESS"] = bus.address
        if not command:
            path = d.host.config_dir / "host.conf"
            path.write_text("\n".join(line for line in path.read_text().splitlines()
                                      if not line.startswith("shutdown-command")) + "\n")
        d.host.start()
        d.guests["alpha"].start()
        d.pair()
        yield bus, d


def delays(bus):
    """Who has a shutdown wait; a guest that runs refuses sleep as well."""
    return [i for i in bus.inhibitors() if i[2] == "delay"]


def planned(d):
    return d.host.ask("status").one("host")["shutdown"]


def told(d):
    """Whether the guest knows of a shutdown: seconds, or None."""
    return d.guests["alpha"].status().get("host_shutdown_s")


def scheduled_announced_and_cancelled():
    with desk() as (bus, d):
        before = time.time()
        answer = d.host.ask("shutdown", "--delay", "60")
        check_eq((answer.rc, answer.result["delay_s"]), (0, 60), answer.text)
        (kind, usec), = bus.scheduled
        check_eq(kind, "poweroff")
        check(before + 58 < usec / 1e6 < time.time() + 61, f"at {usec / 1e6 - before} s")
        check(bus.calls("SetWallMessage"), "no wall message")
        check(50 < planned(d)["in_s"] <= 60, f"{planned(d)}")
        wait_for(lambda: told(d), 5, "the guest is told")
        check_eq(d.host.ask("shutdown").rc, 8, "a second one")
        check_eq(d.guests["alpha"].ask("shutdown", "host").rc, 8, "a guest's as well")
        d.guests["alpha"].stop()
        d.relays["alpha"].stop()
        d.relays["alpha"].start()
        d.guests["alpha"].start()
        wait_for(lambda: told(d), 15, "a guest that comes later is told, too")
        check_eq(d.host.ask("cancel").rc, 0, "cancel")
        check_eq(len(bus.calls("CancelScheduledShutdown")), 1, "calls")
        check_eq(planned(d), None, "planned")
        wait_for(lambda: not told(d), 5, "the guest is told again")
        check_eq(d.host.ask("cancel").rc, 1, "nothing to cancel")


def asked_for_by_a_guest():
    with desk() as (bus, d):
        answer = d.guests["alpha"].ask("shutdown", "host")
        check_eq(answer.rc, 0, answer.text)
        check_eq(len(bus.scheduled), 1)
        check_eq(planned(d)["by"], "alpha")


def refused_by_logind():
    with desk(refuse="Not today") as (bus, d):
        answer = d.host.ask("shutdown", "--delay", "60")
        check_eq(answer.rc, 1, answer.text)
        check("Not today" in answer.text, answer.text)
        check_eq((planned(d), told(d)), (None, None))
        answer = d.guests["alpha"].ask("shutdown", "host")
        check_eq(answer.rc, 1, answer.text)
        check_eq(len(bus.scheduled), 2)


def no_logind():
    with desk(logind=False) as (_bus, d):
        answer = d.host.ask("shutdown", "--delay", "60")
        check_eq(answer.rc, 1, answer.text)
        check("logind" in answer.text, answer.text)
        check_eq(planned(d), None)


def no_bus():
    with desk() as (bus, d):
        d.host.stop()
        bus.close()
        d.host.start()
        d.host.wait_session("alpha")
        answer = d.host.ask("shutdown", "--delay", "60")
        check_eq(answer.rc, 1, answer.text)
        check("logind" in answer.text, answer.text)


def no_sleep_while_a_guest_has_devices():
    """A card that a guest drives does not wake up in the machine that put itself to sleep."""
    block = ("sleep", "virt-aid", "block")
    with desk() as (bus, d):
        d.relays["alpha"].stop()  # and it is off
        wait_for(lambda: block not in bus.inhibitors(), 5, "sleep allowed while it is off")
        d.relays["alpha"].start()
        wait_for(lambda: block in bus.inhibitors(), 15, "sleep refused while it runs")
        check_eq(bus.inhibitors().count(block), 1, "how often")
        d.relays["alpha"].stop()
        wait_for(lambda: block not in bus.inhibitors(), 15, "sleep allowed again")
        check(("shutdown", "virt-aid", "delay") in bus.inhibitors(), "the other one stays")


def waits_for_the_monitors():
    """Whoever shuts the machine down: the seat comes home first, and only then it goes on."""
    with desk(monitor=True) as (bus, d):
        check_eq(delays(bus), [("shutdown", "virt-aid", "delay")])
        d.host.wait_monitors()
        check_eq(d.host.ask("switch", "alpha").rc, 0)
        d.monitor.wait_shown(INPUTS["alpha"], 5)
        d.monitor.do("switch_ms 1000")
        bus.going_down(True)
        time.sleep(0.3)  # decides nothing: what follows holds before and after
        check_eq(d.guests["alpha"].ask("switch", "alpha").rc, 8, "a switch meanwhile")
        wait_for(lambda: not delays(bus), 10, "the inhibitor's end")
        check_eq(d.monitor.shown, INPUTS["host"], "shown when it was let go")
        check_eq(d.host.holder(), "host")
        bus.going_down(False)
        wait_for(lambda: delays(bus), 5, "an inhibitor for the next time")
        check_eq(d.host.ask("switch", "alpha").rc, 0, "called off")


def in_the_middle_of_a_switch():
    """It is finished or undone, and then the seat comes home; nobody else gets it."""
    with desk(monitor=True, habits=["switch_ms 700"]) as (bus, d):
        d.host.wait_monitors()
        asking = d.host.begin("switch", "alpha")
        asking.wait_for("step")
        bus.going_down(True)
        asking.finish(20)
        wait_for(lambda: not delays(bus), 12, "the inhibitor's end")
        check_eq((d.monitor.shown, d.host.holder()), (INPUTS["host"], "host"), "at the end")
        check_eq(d.host.ask("switch", "alpha").rc, 8, "a switch afterwards")
        check_eq(d.host.ask("switch", "alpha", "--wait").rc, 8, "one that would wait")


def does_not_wait_for_ever():
    with desk(monitor=True) as (bus, d):
        d.host.wait_monitors()
        check_eq(d.host.ask("switch", "alpha").rc, 0)
        d.monitor.do("hang 60000")
        start = time.monotonic()
        bus.going_down(True)
        wait_for(lambda: not delays(bus), 15, "the inhibitor's end")
        check(time.monotonic() - start < 13, "it took too long")


def at_home_already():
    with desk(monitor=True) as (bus, d):
        d.host.wait_monitors()
        bus.going_down(True)
        wait_for(lambda: not delays(bus), 3, "the inhibitor's end")
        check_eq(d.monitor.events("set"), [], "writes")


def after_sleep():
    """A monitor that chose another input while everybody woke up is brought back."""
    with desk(monitor=True) as (bus, d):
        d.host.wait_monitors()
        check_eq(d.host.ask("switch", "alpha").rc, 0)
        d.monitor.wait_shown(INPUTS["alpha"], 5)
        for asleep in ((), ("alpha",)):  # the second time its agent is away for a while, too
            bus.sleeps(True)
            for name in asleep:
                d.guests[name].stop()
                d.host.wait_session(name, "waiting")
            d.monitor.do(f"input {INPUTS['host']}")
            d.monitor.wait_shown(INPUTS["host"], 5)
            mark = d.host.mark()
            bus.sleeps(False)
            d.host.wait_log("has slept", 5, mark)
            for name in asleep:
                d.guests[name].start()
            check(d.monitor.shows_within(INPUTS["alpha"], 20), f"{asleep}\n{d.host.tail()}")
            wait_for(lambda: not d.host.ask("status").one("host")["switching"], 20, "its end")
            check_eq(d.host.holder(), "alpha")
        writes = len(d.monitor.events("set"))
        mark = d.host.mark()
        bus.sleeps(False)
        d.host.wait_log("alpha has the seat already", 20, mark)
        check_eq(len(d.monitor.events("set")), writes, "writes where all is well")


def own_command():
    with desk(command=True, monitor=True) as (bus, d):
        d.host.wait_monitors()
        check_eq(d.host.ask("switch", "alpha").rc, 0)
        check_eq(d.host.ask("shutdown", "--delay", "3600").rc, 0)
        check_eq(d.host.ask("cancel").rc, 0)
        check(not d.host.shut_down.exists(), "it ran after it was cancelled")
        check_eq(d.host.ask("shutdown", "--delay", "1").rc, 0)
        wait_for(d.host.shut_down.exists, 15, "the command")
        check_eq(d.monitor.shown, INPUTS["host"], "shown when the command ran")
        check_eq(bus.scheduled, [], "logind was asked")
        wait_for(lambda: d.host.ask("switch", "alpha").rc == 0, 10, "it stays up, and works")


def command_that_fails():
    with desk(command=True) as (_bus, d):
        d.host.stand_in.write_text("#!/bin/sh\nexit 3\n")
        mark = d.host.mark()
        check_eq(d.host.ask("shutdown", "--delay", "0").rc, 0)
        d.host.wait_log("ended with exit status 3; this machine stays up", 10, mark)
        d.host.stand_in.unlink()
        check_eq(d.host.ask("shutdown", "--delay", "0").rc, 0)
        d.host.wait_log("cannot run", 10, mark)
        check_eq(d.host.ask("status").rc, 0)


def client_leaves():
    with desk() as (bus, d):
        for words, there in ((("shutdown", "--delay", "60"), True), (("cancel",), False)):
            bus.pause()
            asking = d.host.begin(*words)
            wait_for(lambda: d.host.ask("cancel").rc == 8, 5, "that logind is asked")
            asking.interrupt()
            asking.finish(5)
            check_eq(d.host.ask("cancel").rc, 8, "it still is")
            bus.resume()
            wait_for(lambda w=there: d.host.ask("shutdown").rc == 8 if w else not planned(d), 5,
                     f"what the client left behind: {words}")
        check_eq(len(bus.scheduled), 1)


run_cases(does_not_wait_for_ever, in_the_middle_of_a_switch,
          scheduled_announced_and_cancelled, asked_for_by_a_guest, refused_by_logind, no_logind,
          no_bus, no_sleep_while_a_guest_has_devices, waits_for_the_monitors, at_home_already, after_sleep,
          own_command, command_that_fails, client_leaves)
