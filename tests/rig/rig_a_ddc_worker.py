#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""va-ddc as a process: what it keeps open, vanishing buses, odd machines, odd requests, by hand."""
import contextlib
import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from ddc_worker import (BROKEN, CAPS, FORBIDDEN, GET, LG, LIST, NO_ACCESS,  # noqa: E402
                        NO_ANSWER, NO_MONITOR, OK, SET, Worker)
from lib import Box, Monitor, check, check_eq, run_cases, wait_for  # noqa: E402
from lib.base import program  # noqa: E402

DP, HDMI = 0x0F, 0x11
GPU = "0000:03:00.0"


@contextlib.contextmanager
def desk(*habits, **display):
    """One monitor on one GPU, and a worker that has not been asked anything."""
    with Monitor(DP, HDMI, first=habits) as monitor, Box() as box:
        box.display(monitor, DP, **({"bus": 4, "pci": GPU, "conn": "card0-DP-1"} | display))
        with Worker(box) as worker:
            yield monitor, box, worker


def key_of(box):
    out = box.run([program("va-ddc"), "detect", "--json"]).stdout
    return json.loads(out.splitlines()[0])["key"]


def no_bus_open_between_requests():
    with desk("deaf ddc") as (monitor, _box, worker):
        worker.detect()
        check_eq(worker.open_buses(), [], "after detect")
        for op, via, value in ((GET, 0, 0), (SET, 0, HDMI), (GET, 0, 0), (SET, 0, DP),
                               (SET, LG, 0xD0), (CAPS, 0, 0)):
            worker.call(op, via=via, value=value)
            check_eq(worker.open_buses(), [], f"after operation {op}, via {via}")
        # the same look does see a bus that is open
        monitor.do("input 0x0f")
        monitor.do("hang 2500")
        worker.send(GET)
        wait_for(worker.open_buses, 2.4, "an open bus during a request")
        worker.receive(15)
        check_eq(worker.open_buses(), [], "after a hang")


def detects_by_itself():
    """A request before any detection, and what LIST says without touching a wire."""
    with desk() as (monitor, box, worker):
        check_eq(worker.call(LIST, key="").n, 0, "before")
        key = key_of(box)
        check_eq(worker.set(HDMI, key=key).status, OK, "first request")
        monitor.wait_shown(HDMI, 1)
        listed = worker.call(LIST, key="")
        check_eq([(d.key, d.pci, d.connector) for d in listed.displays], [(key, GPU, "card0-DP-1")])
        before = monitor.state()["wires"][DP]
        worker.call(LIST, key="")
        check_eq(monitor.state()["wires"][DP], before, "the wire's counters")


def remembers_what_was_read():
    with desk() as (monitor, _box, worker):
        check_eq(worker.detect().displays[0].input, DP, "at detection")
        monitor.do("input 0x11")
        worker.get()
        check_eq(worker.call(LIST).displays[0].input, HDMI, "after a read")


def bus_vanishes_and_returns():
    """As when a GPU is given away and taken back: the number may be another one then."""
    with desk(conn="card0-HDMI-A-1", driver="i915") as (monitor, box, worker):
        worker.detect()
        box.remove(4)
        check_eq(worker.set(HDMI).status, NO_MONITOR, "write to a bus that is gone")
        check_eq(worker.get().status, NO_MONITOR, "read")
        check_eq(worker.detect().n, 0, "monitors")
        box.display(monitor, DP, 9, GPU, "card0-HDMI-A-1", "i915")
        check_eq(worker.set(HDMI).status, OK, "write by the new bus")
        monitor.wait_shown(HDMI, 1)
        check_eq([d.bus for d in worker.call(LIST).displays], [9])


def bus_is_renumbered():
    """Between two requests, unseen: the bus of old is nobody's now."""
    with desk(conn="card0-HDMI-A-1", driver="i915") as (monitor, box, worker):
        worker.detect()
        box.remove(4)
        box.display(monitor, DP, 5, GPU, "card0-HDMI-A-1", "i915")
        check_eq(worker.set(HDMI).status, OK)
        monitor.wait_shown(HDMI, 1)


def another_monitor_on_the_same_bus():
    """Cables were changed: what was meant for one monitor is not written to another."""
    with desk(conn="card0-HDMI-A-1", driver="i915") as (monitor, box, worker), \
            Monitor(DP, HDMI, name="OTHER", serial=7) as other:
        worker.detect()
        box.remove(4)
        box.display(other, DP, 4, GPU, "card0-HDMI-A-1", "i915")
        check_eq(worker.set(HDMI).status, NO_MONITOR)
        check_eq(len(other.events("set")) + len(monitor.events("set")), 0, "writes")


def bus_dies():
    """The node is there, the wire answers nothing."""
    with desk() as (monitor, _box, worker):
        worker.detect()
        monitor.do("power 0")
        for reply in (worker.set(HDMI), worker.get(), worker.set(0xD0, via=LG)):
            check(reply.status in (NO_MONITOR, NO_ANSWER), f"dead wire: {reply!r}")
        check(worker.alive, "the worker lives")


def node_is_missing():
    """Module i2c-dev is not loaded, or udev took the node away."""
    with desk() as (_monitor, box, worker):
        worker.detect()
        (box.root / "dev/i2c-4").unlink()
        check_eq(worker.set(HDMI).status, NO_ACCESS, "write")
        check_eq(worker.set(0xD0, via=LG).status, NO_ACCESS, "side channel")
        check_eq(worker.get().status, NO_ACCESS, "read")


def hang_is_survived():
    """Longer than any limit of a monitor: the worker answers in the end, if nobody kills it."""
    with desk() as (monitor, _box, worker):
        worker.detect()
        monitor.do("hang 1000")
        worker.send(SET, value=HDMI)
        reply = worker.receive(10)
        check(reply.status in (OK, NO_ANSWER), f"write: {reply!r}")
        check(reply.took_ms >= 500, f"it waited only {reply.took_ms} ms")


def no_gpu_at_all():
    """A single-GPU host that has given its GPU away. libddcutil 1.4 prints to stdout then."""
    with Box() as box, Worker(box) as worker:
        for _ in range(2):
            reply = worker.detect()
            check_eq((reply.status, reply.n), (OK, 0), "detection of nothing")
        check_eq(worker.get(key="0" * 16).status, NO_MONITOR)
        check(worker.alive, "the worker lives")
        done = box.run([program("va-ddc"), "detect", "--json"])
        check_eq([json.loads(line)["type"] for line in done.stdout.splitlines()], ["result"])
        check_eq(done.returncode, 0)
        check_eq(box.run([program("va-ddc"), "detect"]).stdout, "")


def without_drm():
    """A driver that shows no connectors: monitor and GPU are found all the same."""
    with Monitor(DP, HDMI) as monitor, Box() as box:
        box.add(f"pci={GPU},driver=nvidia,bus=4,socket={monitor.plain(DP)}")
        with Worker(box) as worker:
            displays = worker.detect().displays
            check_eq([(d.connector, d.pci, d.answers) for d in displays], [("", GPU, 1)])
            check_eq(worker.set(HDMI, connector="DP-1").status, NO_MONITOR, "by connector")
            check_eq(worker.set(HDMI, pci=GPU).status, OK)
            monitor.wait_shown(HDMI, 1)


def gpu_behind_a_bridge():
    with desk(bridge="0000:00:01.0") as (_monitor, _box, worker):
        seen = worker.detect().displays[0]
        check_eq((seen.pci, hex(seen.gpu), hex(seen.board)), (GPU, "0x100273bf", "0x10020001"))


def bus_number_beyond_the_library():
    """It would assert; the worker refuses instead, and lives."""
    with desk(bus=200) as (_monitor, _box, worker):
        reply = worker.detect()
        check_eq(reply.status, BROKEN)
        check("i2c-200" in reply.detail, f"detail: {reply.detail}")
        check(worker.alive, "the worker lives")


def capabilities():
    with desk() as (_monitor, _box, worker):
        worker.detect()
        check_eq(worker.call(CAPS).inputs, [DP, HDMI])


def capabilities_of_noise():
    for text, inputs in (("no parenthesis at all", []), ("(vcp(0260(010F11", [1, 15, 17])):
        with desk(f"caps {text}") as (_monitor, _box, worker):
            worker.detect()
            check_eq(worker.call(CAPS).inputs, inputs, text)


def requests_out_of_bounds():
    with desk() as (monitor, _box, worker):
        worker.detect()
        check_eq(worker.set(0x10000).status, FORBIDDEN, "a value of 17 bits")
        check_eq(worker.set(HDMI, via=2).status, FORBIDDEN, "an unknown way")
        check_eq(worker.set(HDMI, via=0xFFFFFFFF).status, FORBIDDEN, "an unknown way")
        check_eq(worker.call(0).status, BROKEN, "operation 0")
        check_eq(worker.call(6).status, BROKEN, "operation 6")
        check_eq(worker.get(key="x" * 17).status, BROKEN, "unterminated key")
        check_eq(worker.get(connector="x" * 32).status, BROKEN, "unterminated connector")
        check_eq(worker.get(pci="x" * 20).status, BROKEN, "unterminated address")
        check_eq(len(monitor.events("set")), 0, "writes")
        check_eq(worker.get().status, OK, "a proper request afterwards")


def ends_with_its_daemon():
    with desk() as (_monitor, _box, worker):
        worker.detect()
        worker.socket.close()
        check_eq(worker.process.wait(5), 0, "exit status")
    with desk() as (_monitor, _box, worker):
        worker.detect()
        worker.socket.send(b"short")
        check(worker.process.wait(5) != 0, "a message of the wrong size ends it")


def keeps_its_memory_to_itself():
    with desk() as (_monitor, _box, worker):
        worker.detect()
        with open(f"/proc/{worker.process.pid}/status") as f:
            fields = dict(line.rstrip("\n").split(":\t", 1) for line in f)
        check_eq(fields["NoNewPrivs"], "1")
        with open(f"/proc/{worker.process.pid}/limits") as f:
            core = next(line for line in f if line.startswith("Max core"))
        check_eq(core.split()[4:6], ["0", "0"], "core file size")


def by_hand():
    with Monitor(DP, HDMI) as monitor, Box() as box:
        box.display(monitor, DP, 4, GPU, "card0-DP-1")

        def run(*words):
            done = box.run([program("va-ddc"), *words])
            return done.returncode, done.stdout, done.stderr

        rc, out, _ = run("detect")
        key = out.split()[0]
        check_eq(rc, 0)
        check("card0-DP-1 on 0000:03:00.0, i2c-4, input 0x0f" in out, out)
        check_eq(run("get", key)[:2], (0, "0x0f\n"))
        check_eq(run("set", key, "0x11")[:2], (0, ""))
        monitor.wait_shown(HDMI, 1)
        check_eq(run("set", "--via", "lg", key, "0xd0")[0], 0)
        check_eq(run("caps", key)[:2], (0, "0x0f\n0x11\n"))
        result = json.loads(run("get", key, "--json")[1])
        check_eq((result["type"], result["result"], result["value"]), ("result", "ok", HDMI))
        check_eq(run("get", "0" * 16)[0], 1, "unknown monitor")
        check_eq(run("set", key, "65536")[0], 2, "value too large")
        check_eq(run("set", key, "")[0], 2, "no value")
        check_eq(run("set", key)[0], 2, "value missing")
        check_eq(run("get", "../../etc")[0], 2, "not a key")
        check_eq(run("frob")[0], 2, "no such command")
        check_eq(run()[0], 2, "no command")
        check_eq(run("detect", "--frob")[0], 2, "no such option")
        check("usage:" in run("--help")[1], "help")
        check("va-ddc " in run("--version")[1], "version")
        monitor.do("power 0")
        rc, _, err = run("get", key)
        check(rc == 1 and err.startswith("va-ddc: no-"), f"{rc}: {err}")


def by_hand_twins():
    with Monitor(DP, serial=0, serial_string="") as one, \
            Monitor(DP, serial=0, serial_string="") as two, Box() as box:
        box.display(one, DP, 4, GPU, "card0-DP-1")
        box.display(two, DP, 5, GPU, "card0-DP-2")
        key = key_of(box)
        check_eq(box.run([program("va-ddc"), "set", key, "15"]).returncode, 3)
        done = box.run([program("va-ddc"), "set", key, "15", "--connector", "DP-2", "--json"])
        check_eq(done.returncode, 0)
        check_eq((len(one.events("set")), len(two.events("set"))), (0, 1), "writes")


if __name__ == "__main__":
    run_cases(no_bus_open_between_requests, detects_by_itself, remembers_what_was_read,
              bus_vanishes_and_returns, bus_is_renumbered, another_monitor_on_the_same_bus,
              bus_dies, node_is_missing, hang_is_survived, no_gpu_at_all, without_drm,
              gpu_behind_a_bridge, bus_number_beyond_the_library, capabilities,
              capabilities_of_noise, requests_out_of_bounds, ends_with_its_daemon,
              keeps_its_memory_to_itself, by_hand, by_hand_twins)
