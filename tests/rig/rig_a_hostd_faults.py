#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""va-hostd among dying, hanging and hostile helpers, and rude clients of its control socket."""
import contextlib
import json
import os
import pathlib
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib import check, check_eq, wait_for  # noqa: E402
from lib.base import ROOT, program  # noqa: E402
from lib.hostile_link import attacks  # noqa: E402
from lib.joined import INPUTS, Joined, run_cases, wrapper  # noqa: E402

LIB = ROOT / "tests/rig/lib"
REQUEST = "<4I64s256s"
MAGIC = 0x56414331
STATUS, LIST, SWITCH, SHUTDOWN, CANCEL, PING, PAIR, UNPAIR, REKEY, MONITORS, DETECT, GET, SET, \
    GUEST_SHUTDOWN, PENDING, ANSWER, POLICY, RELOAD = range(1, 19)
ALLOW = "guest.list * - * allow\nswitch * * * allow\nhost.shutdown * - * allow\n"


def alive(d, *names):
    """The daemon answers, and these guests do."""
    check_eq(d.host.ask("status").rc, 0, "status")
    for name in names:
        check_eq(d.host.ask("ping", name).rc, 0, f"ping {name}")


# --- helpers that die

def killed_links():
    with Joined("alpha", "beta", monitor=True) as d:
        d.pair()
        d.host.wait_monitors()
        check_eq(d.host.ask("switch", "alpha").rc, 0)
        links = d.host.pids("va-link")
        check_eq(len(links), 2, "va-links")
        for pid in links:
            os.kill(pid, signal.SIGKILL)
        for name in ("alpha", "beta"):
            d.host.wait_session(name)
        wait_for(lambda: all(d.host.guest(n)["restarts"] == 1 for n in ("alpha", "beta")), 5,
                 "one restart each")
        alive(d, "alpha", "beta")
        check_eq((d.host.holder(), d.monitor.shown), ("alpha", INPUTS["alpha"]), "the seat")
        check_eq(d.guests["alpha"].ask("switch", "host").rc, 0)


def link_and_machine_killed():
    """The machine ends while its va-link is being replaced: the seat comes home all the same."""
    with Joined("alpha", monitor=True) as d:
        d.pair()
        d.host.wait_monitors()
        check_eq(d.host.ask("switch", "alpha").rc, 0)
        d.relays["alpha"].pause()
        os.kill(d.host.pids("va-link")[0], signal.SIGKILL)
        d.relays["alpha"].close()
        d.monitor.wait_shown(INPUTS["host"], 10)
        check_eq(d.host.holder(), "host")


def hanging_link():
    with Joined("alpha", "beta") as d:
        d.pair()
        links = {d.host.guest(n)["name"]: n for n in ("alpha", "beta")}
        check_eq(len(links), 2)
        for pid in d.host.pids("va-link"):
            if pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[1] == b"alpha":
                os.kill(pid, signal.SIGSTOP)
        asking = d.host.begin("ping", "alpha")
        alive(d, "beta")
        check_eq(asking.finish(10).rc, 4, "a ping through it")
        d.host.wait_session("alpha")
        alive(d, "alpha", "beta")


def killed_ddc():
    with Joined("alpha", monitor=True) as d:
        d.pair()
        d.host.wait_monitors()
        for pid in d.host.pids("va-ddc"):
            os.kill(pid, signal.SIGKILL)
        wait_for(lambda: d.host.pids("va-ddc"), 5, "another va-ddc")
        check_eq(d.host.ask("switch", "alpha").rc, 0)
        d.monitor.wait_shown(INPUTS["alpha"], 5)


def killed_guestd():
    with Joined("alpha", "beta") as d:
        d.pair()
        asking = d.host.begin("ping", "alpha", "-c", "10000")
        d.guests["alpha"].kill()
        alive(d, "beta")
        d.guests["alpha"].start()
        d.host.wait_session("alpha")
        asking.finish(60)
        alive(d, "alpha", "beta")


def killed_hostd():
    with Joined("alpha", "beta") as d:
        d.pair()
        old = d.host.pids("va-link")
        d.host.kill()
        wait_for(lambda: not any(os.path.exists(f"/proc/{p}") for p in old), 5, "their end")
        d.host.start()
        for name in ("alpha", "beta"):
            d.host.wait_session(name)
        alive(d, "alpha", "beta")


# --- libvirt, as a scripted va-virt tells it

@contextlib.contextmanager
def virt_desk():
    """Domains as {name: [state, [gpu]]}; alpha's channel is the relay's."""
    with Joined("alpha", start=False, monitor=True) as d:
        (d.host.config_dir / "guests.d/alpha.conf").unlink()
        path = d.host.config_dir / "host.conf"
        path.write_text(path.read_text().replace("libvirt = none", "libvirt = test:///made-up"))
        (d.host.libexec / "va-virt").unlink()
        wrapper(d.host.libexec / "va-virt", ["/usr/bin/python3", "-B", LIB / "scripted_virt.py",
                                             d.host.dir / "domains", d.relays["alpha"].host_end])
        yield d


def set_domains(d, **domains):
    path = d.host.dir / "domains"
    path.with_suffix(".new").write_text(json.dumps(domains))
    path.with_suffix(".new").rename(path)


def names(d):
    return sorted(g["name"] for g in d.host.ask("list").all("guest"))


def virt_pid(d):
    """The interpreter's, whose program is the script."""
    return next(p for p in d.host.pids(os.path.basename(os.path.realpath("/usr/bin/python3")))
                if b"scripted_virt" in pathlib.Path(f"/proc/{p}/cmdline").read_bytes())


RUNNING, OFF, PAUSED = 1, 0, 2
GPU = "0000:02:00.0"


def libvirt_guests():
    with virt_desk() as d:
        set_domains(d, alpha=[RUNNING, [GPU]], beta=[OFF, []], **{"host": [OFF, []], "no name": [0, []]})
        d.host.start()
        d.guests["alpha"].start()
        wait_for(lambda: names(d) == ["alpha", "beta"], 5, f"the guests, not {names(d)}")
        d.pair()
        check_eq(d.host.guest("alpha")["gpus"], [GPU])
        check_eq(d.host.guest("beta")["channel"], "none", "beta has no channel")
        check_eq(d.host.ask("ping", "beta").rc, 6, "ping beta")
        check_eq(d.host.ask("unpair", "beta").rc, 0, "unpair what has no va-link")
        d.host.wait_monitors()
        check_eq(d.host.ask("switch", "alpha").rc, 0)
        # paused, its GPU is still its own, and the seat comes home
        set_domains(d, alpha=[PAUSED, [GPU]], beta=[OFF, []])
        d.monitor.wait_shown(INPUTS["host"], 10)
        inputs = {i["name"]: i["machine"] for i in d.host.ask("monitors").all("monitor")[0]["inputs"]}
        check_eq(inputs, {"host": "host", "alpha": "alpha"}, "whose GPUs")
        set_domains(d, alpha=[RUNNING, [GPU]])
        wait_for(lambda: names(d) == ["alpha"], 5, "beta's end")
        alive(d, "alpha")


def killed_virt():
    with virt_desk() as d:
        set_domains(d, alpha=[RUNNING, [GPU]], beta=[OFF, []], gamma=[OFF, []])
        d.host.start()
        d.guests["alpha"].start()
        wait_for(lambda: len(names(d)) == 3, 5, "the guests")
        d.pair()
        set_domains(d, alpha=[RUNNING, [GPU]], delta=[OFF, []], _quiet=[0, []])
        os.kill(virt_pid(d), signal.SIGKILL)
        wait_for(lambda: names(d) == ["alpha", "delta"], 10,
                 "that those which went meanwhile are gone, not the others")
        alive(d, "alpha")


def holder_vanishes_with_libvirt():
    with virt_desk() as d:
        set_domains(d, alpha=[RUNNING, [GPU]])
        d.host.start()
        d.guests["alpha"].start()
        wait_for(lambda: names(d) == ["alpha"], 5, "the guest")
        d.pair()
        d.host.wait_monitors()
        check_eq(d.host.ask("switch", "alpha").rc, 0)
        set_domains(d, _quiet=[0, []])
        os.kill(virt_pid(d), signal.SIGKILL)
        d.monitor.wait_shown(INPUTS["host"], 10)
        wait_for(lambda: names(d) == [], 5, "its end")
        check_eq(d.host.holder(), "host")


def renamed_by_reload():
    with virt_desk() as d:
        set_domains(d, **{"a machine": [RUNNING, [GPU]]})
        d.host.start()
        d.guests["alpha"].start()
        check_eq(names(d), [], "a name that is none of ours")
        d.host.add_guest("alpha", "domain = a machine\n")
        check_eq(d.host.reload().rc, 0)
        wait_for(lambda: d.host.guest("alpha").get("uuid"), 5, "the domain under its new name")
        d.pair()
        check_eq(d.host.guest("alpha")["gpus"], [GPU])


# --- hostile va-links

@contextlib.contextmanager
def hostile_desk():
    with Joined("alpha", "beta", policy=ALLOW) as d:
        d.pair("beta")
        link, real = d.host.libexec / "va-link", d.host.libexec / "va-link.real"
        link.rename(real)
        modes = d.host.dir / "modes"
        modes.write_text("")
        wrapper(link, ["/usr/bin/python3", "-B", LIB / "hostile_link.py", modes, real])
        shutil.copy(LIB / "hostile_link.py", d.host.dir)
        yield d, modes


def attack(d, modes, mode):
    """alpha's va-link becomes one of that mode: unpair replaces it. Its process id."""
    modes.write_text(f"alpha {mode}\n")
    check_eq(d.host.ask("unpair", "alpha").rc, 0, "unpair")
    found = wait_for(lambda: re.search(rf"hostile {mode} (\d+)\n", d.host.log()), 10,
                     f"{mode}: a va-link of that kind")
    return int(found[1])


HARMLESS = {"answers-never-asked", "foreign-session", "session-of-yesterday", "no-session",
            "paired-unasked", "code-unasked", "refused-unasked", "closed-again", "up-and-down",
            "hints", "fd"}


def every_attack():
    with hostile_desk() as (d, modes):
        for mode in (*attacks(4096), "fd", "fds", "die"):
            mark = d.host.mark()
            pid = attack(d, modes, mode)
            if mode in HARMLESS:
                d.host.wait_log(f"said {mode}\n", 5)
                alive(d)  # and has heard it
            else:
                wait_for(lambda p=pid: not os.path.exists(f"/proc/{p}"), 5, f"{mode}: its end")
            check(not d.host.guest("alpha")["paired"] and
                  "is paired" not in d.host.log()[mark:], f"{mode}: paired")
            check(not d.host.key_file("alpha").exists(), f"{mode}: keys were stored")
            check("audit: guest=alpha" not in d.host.log()[mark:], f"{mode}: a request was heard")
            check(not d.host.shut_down.exists() and not d.host.ask("status").one("host")["shutdown"],
                  f"{mode}: a shutdown")
        alive(d, "beta")
        check_eq(d.host.guest("beta")["restarts"], 0, "beta's va-link")
        modes.write_text("")
        check_eq(d.host.ask("unpair", "alpha").rc, 0)
        d.pair("alpha")
        alive(d, "alpha", "beta")


def flood():
    with hostile_desk() as (d, modes):
        attack(d, modes, "flood")
        start = time.monotonic()
        for _ in range(5):
            alive(d, "beta")
        check(time.monotonic() - start < 5, "the flood keeps others waiting")
        check(len(d.host.log()) < 100_000, "the flood fills the log")


def hanging_impostor():
    with hostile_desk() as (d, modes):
        attack(d, modes, "nothing")
        asking = d.host.begin("pair", "alpha")
        alive(d, "beta")
        asking.interrupt()
        check_eq(d.host.ask("unpair", "alpha").rc, 0)
        alive(d, "beta")


# --- rude clients

def connect(d):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    s.settimeout(10)

    def try_it():
        try:
            s.connect(str(d.host.run_dir / "control.sock"))
        except BlockingIOError:  # the backlog is full
            return False
        return True
    wait_for(try_it, 10, "a place in the backlog")
    return s


def request(op, name=b"", arg=b"", flags=0, value=0, magic=MAGIC):
    return struct.pack(REQUEST, magic, op, flags, value, name, arg)


def last(s):
    """The result of a request."""
    while True:
        answer = json.loads(s.recv(65536))
        if answer["type"] == "result":
            return answer


def malformed_requests():
    with Joined("alpha") as d:
        good = request(STATUS)
        for bad in (b"x", good[:-1], good + b"x", request(STATUS, magic=1), request(0), request(99),
                    request(STATUS, flags=0x100), request(STATUS, name=b"x" * 64),
                    request(STATUS, name=b"../x"), request(GET, arg=b"y" * 256),
                    request(GET, arg=b"\x1b[0m"), request(PING, name=b"alpha", value=10001),
                    request(SHUTDOWN, value=90000), request(SET, b"alpha", b"0" * 16, value=1 << 20),
                    request(POLICY, b"alpha", b"switch"), request(POLICY, b"alpha", b"what to")):
            with connect(d) as s:
                s.send(bad)
                check_eq(last(s)["exit"], 2, f"{bad[:20]}")
        for name in (b"", b"nobody", b"host"):
            with connect(d) as s:
                s.send(request(PING, name))
                check_eq(last(s)["exit"], 3, f"ping {name}")
        with connect(d) as s:
            s.send(good)
            with contextlib.suppress(BrokenPipeError):  # it had its answer already
                s.send(good)
        alive(d)


def too_many_clients():
    with Joined("alpha") as d:
        held = [connect(d) for _ in range(32)]
        with connect(d) as s:
            answer = json.loads(s.recv(65536))
            check_eq((answer["exit"], answer["result"]), (8, "busy"), "the 33rd")
        held.pop().close()
        wait_for(lambda: d.host.ask("status").rc == 0, 5, "a place")
        for s in held:
            s.close()
        wait_for(lambda: d.host.ask("status").rc == 0, 5, "places")


def client_that_never_reads():
    with Joined("alpha") as d:
        d.pair()
        with connect(d) as s:
            s.send(request(PING, b"alpha", value=100))
            time.sleep(0.2)  # decides nothing
            alive(d, "alpha")
        alive(d, "alpha")


def clients_that_leave():
    """In the middle of every command: at once, and when the first answer is there."""
    with Joined("alpha", monitor=True, habits=["switch_ms 300"], policy=ALLOW) as d:
        d.pair()
        d.host.wait_monitors()
        key = d.host.ask("monitors").all("display")[0]["key"].encode()
        commands = [request(STATUS), request(LIST), request(SWITCH, b"alpha"),
                    request(SWITCH, b"host"), request(SHUTDOWN, value=3600), request(CANCEL),
                    request(PING, b"alpha", value=100), request(PAIR, b"alpha"),
                    request(REKEY, b"alpha"), request(MONITORS), request(DETECT),
                    request(DETECT, b"alpha"), request(GET, b"alpha", key), request(GET, arg=key),
                    request(SET, b"alpha", key, value=0x0F), request(SET, arg=key, value=0x0F),
                    request(GUEST_SHUTDOWN, b"alpha"), request(PENDING), request(ANSWER, value=1),
                    request(POLICY, b"alpha", b"switch host 0"), request(RELOAD)]
        for patient in (False, True):
            for each in commands:
                with connect(d) as s:
                    s.send(each)
                    if patient:
                        s.recv(65536)
        d.host.ask("cancel")
        check_eq(d.host.ask("unpair", "alpha").rc, 0)
        d.pair()
        wait_for(lambda: not d.host.ask("status").one("host")["switching"], 20, "rest")
        check_eq(d.host.ask("switch", "host").rc, 0)
        check_eq(d.host.stop(), 0, "its own end")


def ends_in_the_middle_of_everything():
    with Joined("alpha", monitor=True, habits=["switch_ms 3000"], policy=ALLOW) as d:
        d.pair()
        d.host.wait_monitors()
        held = [connect(d) for _ in range(7)]
        for s, each in zip(held, (request(SWITCH, b"alpha"), request(PING, b"alpha", value=10000),
                                  request(PAIR, b"alpha"), request(REKEY, b"alpha"),
                                  request(DETECT, b"alpha"), request(DETECT),
                                  request(SHUTDOWN, value=3600))):
            s.send(each)
        json.loads(held[0].recv(65536))
        check_eq(d.host.stop(), 0, "exit status")
        for s in held:
            s.close()


def privileges():
    with Joined("alpha") as d:
        d.pair()
        os.chmod(d.host.run_dir / "control.sock", 0o666)
        d.host.dir.chmod(0o755)

        def as_nobody(*words):
            # a build folder may be closed to others
            code = ("import os, sys, socket, struct, json\n"
                    "os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
                    "s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET); s.settimeout(10)\n"
                    f"s.connect({str(d.host.run_dir / 'control.sock')!r})\n"
                    f"s.send({request(*words)!r})\n"
                    "r = {'type': ''}\n"
                    "while r['type'] != 'result': r = json.loads(s.recv(65536))\n"
                    "print(r['exit'])")
            return int(subprocess.run(["/usr/bin/python3", "-c", code], capture_output=True,
                                      text=True, check=True, timeout=20).stdout)
        for op in (SHUTDOWN, CANCEL, PAIR, UNPAIR, REKEY, SET, GUEST_SHUTDOWN, ANSWER, RELOAD):
            check_eq(as_nobody(op, b"alpha"), 3, f"operation {op}")
        for op in (STATUS, LIST, MONITORS, PENDING):
            check_eq(as_nobody(op), 0, f"operation {op}")
        check_eq(as_nobody(PING, b"alpha"), 0, "ping")
        check(d.host.key_file("alpha").exists(), "the keys are gone")


def many_pings_at_once():
    """More than the link takes: the rest is told so at once."""
    with Joined("alpha") as d:
        d.pair()
        d.relays["alpha"].pause()
        held = [connect(d) for _ in range(8)]
        for s in held:
            s.send(request(PING, b"alpha"))
        # which ones are taken is up to the order in which va-hostd reads them
        late = set()

        def told():
            late.update(select.select(held, [], [], 0)[0])
            return len(late) >= 4
        wait_for(told, 2, "an answer to those that are too many")
        check_eq([last(s)["exit"] for s in late], [8] * 4, "those that are too many")
        d.relays["alpha"].resume()
        check_eq([last(s)["exit"] for s in held if s not in late], [0] * 4, "the others")
        for s in held:
            s.close()


run_cases(every_attack, hanging_link, killed_guestd, libvirt_guests, clients_that_leave,
          killed_links, link_and_machine_killed, killed_ddc, killed_hostd, killed_virt,
          holder_vanishes_with_libvirt, renamed_by_reload, flood, hanging_impostor,
          malformed_requests, too_many_clients, client_that_never_reads,
          ends_in_the_middle_of_everything, privileges, many_pings_at_once)
