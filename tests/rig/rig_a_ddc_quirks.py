#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""va-ddc and the real libddcutil against one monitor with every known oddity.

The monitor hangs on two machines: the host on input 0x0f (DisplayPort), a guest on 0x11 (HDMI).
"Push" is a write by the side that is shown, "pull" one by the side that is hidden.
"""
import contextlib
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from ddc_worker import (AMBIGUOUS, LG, NO_ANSWER, NO_MONITOR, OK, REFUSED, SET,  # noqa: E402
                        Worker)
from lib import Box, Monitor, check, check_eq, run_cases, wait_for  # noqa: E402

DP, HDMI = 0x0F, 0x11


@contextlib.contextmanager
def seat(*habits, **monitor_options):
    """A monitor that shows the host, and a warm worker on either side."""
    with Monitor(DP, HDMI, first=habits, **monitor_options) as monitor, \
            Box() as host_box, Box() as guest_box:
        host_box.display(monitor, DP, 4, "0000:03:00.0", "card0-DP-1")
        guest_box.display(monitor, HDMI, 7, "0000:00:05.0", "card0-HDMI-A-1", "i915")
        with Worker(host_box) as host, Worker(guest_box) as guest:
            check_eq(host.detect().n, 1, "monitors of the host")
            guest.detect()
            guest.key = host.key
            yield monitor, host, guest


def status(reply, wanted, what):
    check(reply.status == wanted, f"{what}: {reply!r}, wanted status {wanted}")
    return reply


def push_and_pull():
    with seat() as (monitor, host, guest):
        status(host.set(HDMI), OK, "push")
        monitor.wait_shown(HDMI, 1)
        check_eq(status(guest.get(), OK, "read-back").value, HDMI)
        status(host.set(DP), OK, "pull")
        monitor.wait_shown(DP, 1)
        check_eq(host.get().value, DP)
        print(f"# set {host.set(DP).took_ms} ms, get {host.get().took_ms} ms, "
              f"detect {host.detect().took_ms} ms")


def deaf_read():
    """Hidden inputs obey and answer nothing: a pull works, its read-back only once shown."""
    with seat("deaf read") as (monitor, host, guest):
        status(guest.get(), NO_ANSWER, "hidden read")
        status(guest.set(HDMI), OK, "pull")
        monitor.wait_shown(HDMI, 1)
        check_eq(status(guest.get(), OK, "read when shown").value, HDMI)
        status(host.get(), NO_ANSWER, "read of the side now hidden")


def deaf_ddc():
    """Hidden inputs have an EDID and no DDC/CI: listed, a blind write is tried, push works."""
    with seat("deaf ddc") as (monitor, host, guest):
        displays = guest.detect().displays
        check_eq([(d.key, d.answers) for d in displays], [(host.key, 0)], "the guest's list")
        status(guest.get(), NO_ANSWER, "hidden read")
        status(guest.set(HDMI), REFUSED, "pull")
        check_eq(monitor.shown, DP)
        check(monitor.state()["wires"][HDMI]["nak"] != "0", "the blind write was on the wire")
        status(host.set(HDMI), OK, "push")
        monitor.wait_shown(HDMI, 1)
        # the worker that found it deaf is still the same one
        check_eq(status(guest.get(), OK, "read when shown").value, HDMI)
        status(guest.set(DP), OK, "push back")
        monitor.wait_shown(DP, 1)


def deaf_all():
    """Hidden inputs are dead: no monitor there, until it is shown.

    libddcutil 2 lists it all the same, by the EDID that the kernel remembers.
    """
    with seat("deaf all") as (monitor, host, guest):
        check_eq([d for d in guest.detect().displays if d.answers], [], "those that answer")
        check(guest.set(HDMI).status in (NO_ANSWER, NO_MONITOR), "pull")
        status(host.set(HDMI), OK, "push")
        monitor.wait_shown(HDMI, 1)
        check_eq(status(guest.get(), OK, "read when shown").value, HDMI)
        check(host.set(DP).status in (NO_ANSWER, NO_MONITOR), "pull by the other side")


def lying_reads():
    with seat("lie 0x12") as (monitor, host, guest):
        check_eq(status(host.get(), OK, "read").value & 0xFF, 0x12)
        status(host.set(HDMI), OK, "push")
        monitor.wait_shown(HDMI, 1)
        check_eq(guest.get().value & 0xFF, 0x12)


def reads_are_not_writes():
    with seat(f"reads {DP} 0x0305", f"reads {HDMI} 0") as (monitor, host, guest):
        check_eq(status(host.get(), OK, "read").value, 0x0305)
        host.set(HDMI)
        monitor.wait_shown(HDMI, 1)
        check_eq(status(guest.get(), OK, "read of zero").value, 0)


def garbage_high_byte():
    with seat("garbage double") as (monitor, host, guest):
        check_eq(status(host.get(), OK, "read").value, 0x0F0F)
        host.set(HDMI)
        monitor.wait_shown(HDMI, 1)
        check_eq(guest.get().value, 0x1111)


def dropped_write():
    """The wire acknowledges, nothing happens: OK says no more than that."""
    with seat("drop_sets 1") as (monitor, host, _guest):
        status(host.set(HDMI), OK, "dropped push")
        check_eq(monitor.shown, DP)
        check_eq(host.get().value, DP)
        status(host.set(HDMI), OK, "second push")
        monitor.wait_shown(HDMI, 1)


def lg_side_channel():
    with seat("lg 1") as (monitor, host, guest):
        status(host.set(HDMI), OK, "feature 60, acknowledged")
        check_eq(monitor.shown, DP)
        status(host.set(0x90, via=LG), OK, "side channel")
        monitor.wait_shown(HDMI, 1)
        status(host.set(0xD0, via=LG), OK, "pull by the side channel")
        monitor.wait_shown(DP, 1)
        written = monitor.events("set")
        check_eq([(int(str(e["source"]), 0), int(str(e["feature"]), 0)) for e in written],
                 [(0x51, 0x60), (0x50, 0xF4), (0x50, 0xF4)], "sources and features")


def lg_and_deaf():
    with seat("lg 1", "deaf ddc") as (monitor, host, guest):
        status(guest.set(0x90, via=LG), REFUSED, "pull by the side channel")
        status(host.set(0x90, via=LG), OK, "push by the side channel")
        monitor.wait_shown(HDMI, 1)
        status(guest.set(0xD0, via=LG), OK, "push back")
        monitor.wait_shown(DP, 1)


def not_lg():
    with seat() as (monitor, host, _guest):
        status(host.set(0x90, via=LG), OK, "side channel")
        check_eq(monitor.shown, DP, "a monitor without the side channel")


def slow_switch():
    """Deaf on both sides while it switches; the worker says so and goes on."""
    with seat("switch_ms 2500") as (monitor, host, guest):
        status(host.set(HDMI), OK, "push")
        status(guest.get(), NO_ANSWER, "read meanwhile")
        monitor.wait_shown(HDMI, 10)
        check_eq(status(guest.get(), OK, "read afterwards").value, HDMI)


def slow_and_deaf_and_lying():
    with seat("switch_ms 700", "deaf ddc", "garbage double") as (monitor, host, guest):
        status(guest.set(HDMI), REFUSED, "pull")
        status(host.set(HDMI), OK, "push")
        wait_for(lambda: guest.get().status == OK, 5, "the newly shown side answers")
        check_eq(guest.get().value, 0x1111)


def spoilt_replies():
    """Null messages, zeros, bad checksums: reads fail, writes need no reply."""
    with seat() as (monitor, host, guest):
        for habit, value in (("null", HDMI), ("zero", DP), ("badsum", HDMI)):
            monitor.do(f"reply {habit}")
            status(host.get(), NO_ANSWER, f"read, {habit}")
            status(host.set(value), OK, f"write, {habit}")
            monitor.wait_shown(value, 1)
        monitor.do("reply ok")
        status(guest.get(), OK, "read")


def null_replies_at_detection():
    with seat("reply null") as (monitor, host, _guest):
        status(host.get(), NO_ANSWER, "read")
        status(host.set(HDMI), OK, "write")
        monitor.wait_shown(HDMI, 1)


def asleep():
    with seat("asleep 1") as (monitor, host, _guest):
        check_eq(host.detect().displays[0].answers, 0)
        status(host.get(), NO_ANSWER, "read")
        status(host.set(HDMI), REFUSED, "write")
        monitor.do("asleep 0")
        status(host.set(HDMI), OK, "write when awake")
        monitor.wait_shown(HDMI, 1)


def says_the_input_that_asks():
    with seat("asker 1") as (monitor, host, guest):
        check_eq(host.get().value, DP)
        check_eq(guest.get().value, HDMI)


def without_serial():
    """One such monitor is no riddle."""
    with seat(serial=0, serial_string="") as (monitor, host, _guest):
        status(host.set(HDMI), OK, "push")
        monitor.wait_shown(HDMI, 1)


def product_code_by_connector():
    with seat(products={HDMI: 0x7707}) as (_monitor, host, guest):
        check_eq(guest.detect().displays[0].key, host.key, "the key")
        check_eq(guest.detect().displays[0].id.product, 0x7707)


def serial_distinguishes():
    with Monitor(DP, serial=42, serial_string="A1") as one, \
            Monitor(DP, serial=43, serial_string="A2") as two, Box() as box:
        box.display(one, DP, 4, "0000:03:00.0", "card0-DP-1")
        box.display(two, DP, 5, "0000:03:00.0", "card0-DP-2")
        with Worker(box) as worker:
            found = {d.connector: d for d in worker.detect().displays}
            check_eq(sorted(found), ["card0-DP-1", "card0-DP-2"])
            check_eq([d.twin for d in found.values()], [0, 0])
            key = found["card0-DP-2"].key
            status(worker.set(DP, key=key), OK, "write")
            check_eq(len(two.events("set")), 1)
            check_eq(len(one.events("set")), 0)
            status(worker.set(DP, key=key, connector="DP-1"), NO_MONITOR, "elsewhere")


@contextlib.contextmanager
def twins(**identity):
    """Two monitors alike, each with both inputs, on the two GPUs of one machine."""
    with Monitor(DP, HDMI, **identity) as one, Monitor(DP, HDMI, **identity) as two, Box() as box:
        box.display(one, DP, 4, "0000:03:00.0", "card0-DP-1")
        box.display(two, DP, 7, "0000:00:02.0", "card1-DP-1", "i915")
        with Worker(box) as worker:
            reply = worker.detect()
            check_eq([d.twin for d in reply.displays], [1, 1], "twins")
            yield one, two, worker


def twins_need_a_connector():
    with twins(serial=0, serial_string="") as (one, two, worker):
        status(worker.set(HDMI), AMBIGUOUS, "write to one of two")
        status(worker.get(), AMBIGUOUS, "read of one of two")
        status(worker.set(HDMI, connector="DP-1"), AMBIGUOUS, "the connector of both cards")
        check_eq(len(one.events("set")) + len(two.events("set")), 0, "writes so far")
        status(worker.set(HDMI, connector="card1-DP-1"), OK, "narrowed by connector")
        two.wait_shown(HDMI, 1)
        check_eq(one.shown, DP)
        status(worker.set(HDMI, pci="0000:03:00.0"), OK, "narrowed by GPU")
        one.wait_shown(HDMI, 1)


def twins_with_dummy_serials():
    with twins(serial=0x01010101, serial_string="0000000000000") as (_one, _two, worker):
        status(worker.set(HDMI), AMBIGUOUS, "write to one of two")


def one_monitor_on_two_gpus():
    """With a serial it is one monitor seen twice: the way that answers is taken."""
    for first in (DP, HDMI):
        with Monitor(DP, HDMI, shown=first, first=["deaf ddc"]) as monitor, Box() as box:
            box.display(monitor, DP, 4, "0000:03:00.0", "card0-DP-1")
            box.display(monitor, HDMI, 7, "0000:00:02.0", "card1-HDMI-A-1", "i915")
            with Worker(box) as worker:
                check_eq(worker.detect().n, 2)
                check_eq(worker.get().value, first)
                other = DP + HDMI - first
                status(worker.set(other), OK, "write")
                monitor.wait_shown(other, 1)
                # which way answers has changed since the detection
                check_eq(status(worker.get(), OK, "read").value, other)
                status(worker.set(first), OK, "write back")
                monitor.wait_shown(first, 1)


def power_off_in_the_middle():
    with seat() as (monitor, host, _guest):
        monitor.do("vanish_after 0")
        host.send(SET, value=HDMI)
        reply = host.receive(5)
        check(reply.status in (NO_MONITOR, NO_ANSWER), f"write: {reply!r}")
        check(host.get().status in (NO_MONITOR, NO_ANSWER), "read")
        check(host.alive, "the worker lives")
        monitor.do("vanish_after off")
        monitor.do("power 1")
        status(host.set(HDMI), OK, "write when it is back")
        monitor.wait_shown(HDMI, 1)


def strict_timing():
    with seat("strict 1") as (monitor, host, guest):
        for value in (HDMI, DP, HDMI):
            status(host.set(value), OK, "write")
            monitor.wait_shown(value, 1)
            check_eq(status(guest.get(), OK, "read").value, value)
        status(host.set(0x90, via=LG), OK, "side channel")
        status(host.get(), OK, "read right after it")
        check_eq(monitor.state()["wires"][DP]["early"], "0", "messages too early")


def driver_says_eio():
    with Monitor(DP, HDMI, shown=HDMI, first=["deaf ddc"]) as monitor, Box() as box:
        box.display(monitor, DP, 4, "0000:03:00.0", "card0-DP-1", nak="EIO")
        with Worker(box) as worker:
            check_eq([d.answers for d in worker.detect().displays], [0])
            status(worker.get(), NO_ANSWER, "read")
            status(worker.set(DP), REFUSED, "write")
            status(worker.set(0xD0, via=LG), REFUSED, "side channel")


if __name__ == "__main__":
    run_cases(push_and_pull, deaf_read, deaf_ddc, deaf_all, lying_reads, reads_are_not_writes,
              garbage_high_byte, dropped_write, lg_side_channel, lg_and_deaf, not_lg, slow_switch,
              slow_and_deaf_and_lying, spoilt_replies, null_replies_at_detection, asleep,
              says_the_input_that_asks, without_serial, product_code_by_connector,
              serial_distinguishes, twins_need_a_connector, twins_with_dummy_serials,
              one_monitor_on_two_gpus, power_off_in_the_middle, strict_timing, driver_says_eio)
