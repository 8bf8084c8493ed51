#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What may go wrong between a host and its guests, with the real virtio_console in between.

One stage for all cases, two guests: alpha is what things happen to, beta is there to show that
nothing happened to it. Every case ends with both sessions up, or the next one says so.
"""
import os
import random
import signal
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib import RigError, check, check_eq, run_cases, wait_for
from lib.base import program
from lib.stage import INPUTS, Stage
from lib.stage_guest import BOOT, PORT, make_initramfs

PORT_PATH = f"/dev/virtio-ports/{PORT}"
KEY = "/var/lib/virt-aid/host.key"
HOG = "while :; do cat {} >" + PORT_PATH + "; done 2>/dev/null"
DEAD_S = 25  # PROTOCOL.md: silence that ends a session
_stage = None


def stage():
    """The one stage, started by the first case that needs it."""
    global _stage
    if _stage is None:
        _stage = Stage()
        _stage.start()
    return _stage


def healthy():
    """The stage with both sessions up, as each case finds and leaves it."""
    s = stage()
    if not s.host.running:
        s.host.start()
    s.wait_sessions(limit=45)
    return s


# --- looking at processes ------------------------------------------------------------------------

def children(pid, name):
    """Process ids of the children of that name."""
    found = []
    for each in os.listdir("/proc"):
        if not each.isdigit():
            continue
        try:
            with open(f"/proc/{each}/stat") as f:
                text = f.read()
        except OSError:
            continue
        parent = int(text.rpartition(")")[2].split()[1])
        if parent == pid and text[text.index("(") + 1:text.rindex(")")] == name:
            found.append(int(each))
    return found


def link_pid(s, name):
    """The va-link of a guest, whose name stands on its command line."""
    for pid in children(s.host.process.pid, "va-link"):
        with open(f"/proc/{pid}/cmdline") as f:
            if f.read().split("\0")[1] == name:
                return pid
    raise RigError(f"{name} has no va-link\n{s.host.tail()}")


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as f:
        fields = f.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def all_links_cpu(s):
    return sum(cpu_seconds(p) for p in children(s.host.process.pid, "va-link"))


def ping_p50_ms(s, name, rounds=100):
    answer = s.host.ask("ping", name, "-c", str(rounds))
    check_eq(answer.rc, 0, f"pinging {name}: {answer.text}")
    return answer.result["p50_usec"] / 1000


# --- the guest's agent ---------------------------------------------------------------------------

def stop_agent(guest):
    """Ends va-guestd in the guest and keeps it from coming back."""
    guest.check(["touch", "/run/no-agent"])
    guest.sh("killall va-guestd")
    wait_for(lambda: not guest.agent_pid(), 10, "the agent's end")


def allow_agent(guest):
    guest.check(["rm", "-f", "/run/no-agent"])


def hog_port(guest, script):
    """A program of the guest's root has the port instead of the agent: the job."""
    stop_agent(guest)
    return guest.start(["sh", "-c", script])[0]


def release_port(guest, job):
    guest.signal(job, 9)
    check(guest.ended(job, 10) is not None, "the program on the port does not end")
    allow_agent(guest)


# --- processes that die --------------------------------------------------------------------------

def the_daemon_is_killed():
    s = healthy()
    agents = {name: g.agent_pid() for name, g in s.guests.items()}
    s.host.kill()
    start = time.monotonic()
    s.host.start()
    s.wait_sessions(limit=15)
    print(f"  both sessions back after {time.monotonic() - start:.1f} s")
    check_eq({name: g.agent_pid() for name, g in s.guests.items()}, agents, "agents")
    ping_p50_ms(s, "alpha", 5)


def the_daemon_stops_on_request():
    s = healthy()
    links = children(s.host.process.pid, "va-link")
    check_eq(s.host.stop(), 0, "exit status on SIGTERM")
    wait_for(lambda: not any(os.path.exists(f"/proc/{p}") for p in links), 5, "its va-links' end")
    check(not (s.host.run_dir / "control.sock").exists(), "its socket is left behind")
    answer = s.host.ask("status")
    check_eq(answer.rc, 5, "va-host without the daemon")
    check("va-hostd" in answer.text, f"it does not say what to do: {answer.text!r}")
    s.host.start()
    s.wait_sessions(limit=15)


def a_link_is_killed():
    s = healthy()
    pid = link_pid(s, "alpha")
    before = s.host.guest("alpha").get("restarts")
    start = time.monotonic()
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: pid not in children(s.host.process.pid, "va-link"), 5, "its end")
    s.host.wait_session("alpha", "up", 15)
    print(f"  the session is back after {time.monotonic() - start:.1f} s")
    check_eq(s.host.guest("alpha").get("restarts"), before + 1, "restarts told")
    check_eq(s.host.guest("beta")["session"], "up", "the other guest's session")


def the_agent_is_killed():
    s = healthy()
    guest = s.guests["alpha"]
    pid = guest.agent_pid()
    start = time.monotonic()
    guest.check(["kill", "-9", str(pid)])
    wait_for(lambda: guest.agent_pid() not in (0, pid), 10, "another agent")
    # much sooner than after the silence that would end the old session
    wait_for(lambda: s.host.ask("ping", "alpha").rc == 0, 8, "an answer")
    print(f"  it answers again after {time.monotonic() - start:.1f} s")


def the_agent_is_killed_during_a_request():
    """What had no effect yet may be asked again in the next session. The answer is the truth."""
    s = healthy()
    guest = s.guests["alpha"]
    guest.sh("kill -STOP $(pidof va-guestd)")
    start = time.monotonic() * 1000
    asking = s.host.begin("guest", "alpha", "ddc", "set", "desk", "0x11")
    time.sleep(0.3)  # the request is under way; nothing depends on how far
    guest.sh("kill -9 $(pidof va-guestd)")
    answer = asking.finish(60)
    print(f"  exit status {answer.rc}: {answer.text}")
    check(answer.rc in (0, 1, 4, 5), "no such answer was to be expected")
    check(answer.text, "it does not say what happened")
    wanted = {0: (1,), 1: (0,), 4: (0, 1), 5: (0,)}[answer.rc]
    check(len(s.monitor.events("set", start)) in wanted, "the monitor saw something else")
    s.monitor.do(f"input {INPUTS['host']}")
    s.wait_sessions("alpha", limit=30)


def with_its_key(s, name):
    """A system whose agent finds the key of that guest, so that it needs no pairing at start."""
    key = s.guests[name].read(KEY)
    system = make_initramfs()
    system.add_file("/rig/host.key", key, 0o600)
    keep = f"cp /rig/host.key {KEY}; chown virt-aid {KEY}; chmod 0600 {KEY}\n"
    system.add_file("/rig/boot", BOOT.replace("while :; do\n", keep + "while :; do\n", 1), 0o755)
    return system


def the_machine_is_reset():
    """The host's end of the pipe stays open all through it."""
    s = healthy()
    system = with_its_key(s, "alpha")
    s.stop_guest("alpha")
    s.initramfs.write()
    normal, s._initramfs = s._initramfs, system
    try:
        s.boot("alpha", token=False, reboots=True)
        s.wait_sessions("alpha", limit=45)
        guest = s.guests["alpha"]
        guest.sh("echo before >/run/boot-mark")
        guest.boot_seconds = None
        start = time.monotonic()
        guest.qmp("system_reset")
        while guest.boot_seconds is None:
            check(time.monotonic() - start < 60, f"it does not come back:\n{guest.tail()}")
            guest.look()
        check(guest.sh("test -e /run/boot-mark").rc != 0, "it is the same boot")
        wait_for(lambda: s.host.ask("ping", "alpha").rc == 0, 8, "an answer of the new boot")
        print(f"  it answers {time.monotonic() - start:.1f} s after the reset")
    finally:
        s._initramfs = normal


# --- time that stands still ----------------------------------------------------------------------

def a_short_pause_is_not_noticed():
    s = healthy()
    guest = s.guests["alpha"]
    mark = s.host.mark()
    guest.qmp("stop")
    answer = s.host.ask("ping", "alpha", "-c", "1", limit=30)
    check(answer.rc != 0, "a paused machine answers")
    print(f"  while paused: {answer.text}")
    guest.qmp("cont")
    wait_for(lambda: s.host.ask("ping", "alpha").rc == 0, 5, "an answer", 0.1)
    check_eq(s.host.log_path.read_text()[mark:].count("session is up"), 0, "new sessions")


def a_long_pause_ends_the_session():
    """The mistakes in the configuration are tried meanwhile: they take no guest."""
    s = healthy()
    guest = s.guests["alpha"]
    guest.qmp("stop")
    start = time.monotonic()
    try:
        a_mistake_in_the_configuration_is_named()
        wait_for(lambda: s.host.guest("alpha")["session"] != "up", DEAD_S + 5, "the session's end",
                 0.2)
        print(f"  given up after {time.monotonic() - start:.1f} s")
        check("hint" in s.host.guest("alpha"), "it does not say why")
        check_eq(s.host.guest("beta")["session"], "up", "the other guest's session")
    finally:
        guest.qmp("cont")
    s.host.wait_session("alpha", "up", 15)


# --- files ---------------------------------------------------------------------------------------

def check_config(folder):
    done = subprocess.run([str(program("va-hostd")), "--check", "--config", str(folder)],
                          capture_output=True, text=True, timeout=20, stdin=subprocess.DEVNULL)
    return done.returncode, done.stderr


def a_mistake_in_the_configuration_is_named():
    s = stage()
    path = s.host.config_dir / "host.conf"
    good = path.read_text()
    line = good.count("\n") + 1
    rc, err = check_config(s.host.config_dir)
    check_eq(rc, 0, f"--check of a good one: {err}")
    try:
        for bad, word in (("coulour = red", "coulour"), ("input.x = 0x11", "VALUE"),
                          ("[montior x]", "montior"), ("via = carrier-pigeon", "carrier-pigeon")):
            path.write_text(good + bad + "\n")
            rc, err = check_config(s.host.config_dir)
            check(rc != 0, f"{bad!r} passes")
            check(f"{path}:{line}:" in err and word in err, f"{bad!r} is not named: {err}")
        answer = s.host.reload()
        check(answer.rc != 0 and f"{path}:{line}" in answer.text, f"reload says {answer}")
        check_eq(s.host.guest("beta")["session"], "up", "the old configuration stays")
    finally:
        path.write_text(good)
    check_eq(s.host.reload().rc, 0, "reload of the good one")


def key_files_are_checked():
    """Each spoilt key keeps its guest out, is named in the log, and nothing else suffers."""
    s = healthy()
    path = s.host.key_file("beta")
    whole = path.read_bytes()
    other = path.with_name("elsewhere")

    def truncate():
        path.write_bytes(whole[:len(whole) // 2])

    def open_up():
        path.chmod(0o640)

    def flip():
        path.write_bytes(whole.replace(b"epoch = 1", b"epoch = 2", 1))

    def symlink():
        path.rename(other)
        path.symlink_to(other)

    def folder():
        path.unlink()
        path.mkdir()

    def restore():
        if path.is_dir() and not path.is_symlink():
            path.rmdir()
        else:
            path.unlink(missing_ok=True)
        other.unlink(missing_ok=True)
        path.touch(0o600)
        path.write_bytes(whole)

    for spoil, words in ((truncate, "link.key"), (flip, "checksum"), (open_up, "chmod"),
                         (symlink, "symbolic link"), (folder, "not a regular file")):
        mark = s.host.mark()
        spoil()
        try:
            s.host.kill()
            s.host.start()
            s.host.wait_log(words, 10, mark)
            said = [x for x in s.host.log_path.read_text()[mark:].splitlines() if words in x]
            check(any(str(path) in x for x in said), f"the file is not named: {said}")
            hint = wait_for(lambda: s.host.guest("beta").get("hint"), 5, "a hint")
            check("key" in hint, f"{spoil.__name__}: va-host list says {hint!r}")
            check_eq(s.host.guest("beta")["session"] == "up", False, f"session ({spoil.__name__})")
        finally:
            restore()
    s.host.kill()
    s.host.start()
    s.wait_sessions(limit=20)


# --- who else is at the pipe -----------------------------------------------------------------------

def somebody_else_has_the_socket():
    s = healthy()
    s.host.stop()
    squatter = socket.socket(socket.AF_UNIX)
    squatter.connect(str(s.socket("alpha")))
    s.host.start()
    try:
        s.host.wait_session("beta", "up", 15)
        guest = wait_for(lambda: (lambda g: g if "another program" in g.get("hint", "") else None)
                         (s.host.guest("alpha")), 15, "the squatter being named")
        print(f"  {guest['hint']}")
        check(guest["session"] != "up", "a session past the squatter")
    finally:
        squatter.close()
    s.host.wait_session("alpha", "up", 45)


def frame(body):
    """COBS between zeros, as PROTOCOL.md has it."""
    out, block = bytearray(b"\0"), bytearray()
    for byte in body + b"\0":
        if byte:
            block.append(byte)
        if not byte or len(block) == 254:
            out += bytes([len(block) + 1]) + block
            block.clear()
    return bytes(out + b"\0")


def junk(role, count=400, seed=1):
    """Frames that are right in form: each type that this side may send, its content made up."""
    rnd = random.Random(seed)
    sizes = {"guest": {0x01: 28, 0x04: 60, 0x05: 281, 0x06: 4, 0x11: 20, 0x13: 36, 0x15: 100,
                       0x17: 36},
             "host": {0x02: 4, 0x03: 68, 0x05: 1049, 0x06: 4, 0x12: 52, 0x14: 52, 0x16: 120,
                      0x18: 36}}[role]
    out = bytearray()
    for _ in range(count):
        kind = rnd.choice(list(sizes))
        body = bytearray([kind, 1, 1, 0]) + rnd.randbytes(sizes[kind] - 4)
        out += frame(bytes(body[:sizes[kind]]))
    return bytes(out)


def watch_the_neighbour(s, seconds, before):
    """beta is pinged all the while; the slowest median of it."""
    worst, end_at = 0, time.monotonic() + seconds
    while time.monotonic() < end_at:
        worst = max(worst, ping_p50_ms(s, "beta", 50))
        check(s.host.running, f"va-hostd died:\n{s.host.tail()}")
    print(f"  beta's median round trip: {before:.2f} ms before, {worst:.2f} ms at worst")
    check(worst < 50, f"beta waits {worst} ms")


def a_flood_of_garbage():
    s = healthy()
    guest = s.guests["alpha"]
    before, mark = ping_p50_ms(s, "beta"), s.host.mark()
    guest.put("/tmp/noise", random.Random(7).randbytes(1 << 20))
    job = hog_port(guest, HOG.format("/tmp/noise"))
    try:
        s.host.wait_log("floods the channel", 15, mark)
        watch_the_neighbour(s, 3, before)
        start, used = time.monotonic(), all_links_cpu(s)
        guest_now = wait_for(lambda: (lambda g: g if g["session"] == "none" else None)
                             (s.host.guest("alpha")), 10, "the host's leaving the pipe")
        check("noise" in guest_now["hint"] or "flood" in guest_now["hint"],
              f"va-host list says {guest_now['hint']!r}")
        wait_for(lambda: time.monotonic() - start > 3, 5, "three seconds")
        share = (all_links_cpu(s) - used) / (time.monotonic() - start)
        print(f"  the va-links used {share:.0%} of a processor meanwhile")
        check(share < 0.5, f"the va-links use {share:.0%} of a processor")
    finally:
        release_port(guest, job)
    start = time.monotonic()
    s.host.wait_session("alpha", "up", 75)
    print(f"  the session is back {time.monotonic() - start:.1f} s after it ended")


def well_formed_junk():
    s = healthy()
    guest = s.guests["alpha"]
    before = ping_p50_ms(s, "beta")
    guest.put("/tmp/junk", junk("guest"))
    job = hog_port(guest, HOG.format("/tmp/junk"))
    try:
        wait_for(lambda: s.host.guest("alpha")["session"] != "up", DEAD_S + 10, "the session's end",
                 0.2)
        restarts, used, start = (s.host.guest("alpha")["restarts"], all_links_cpu(s),
                                 time.monotonic())
        watch_the_neighbour(s, 3, before)
        check_eq(s.host.guest("alpha")["restarts"], restarts, "restarts of its va-link")
        share = (all_links_cpu(s) - used) / (time.monotonic() - start)
        print(f"  the va-links used {share:.0%} of a processor meanwhile")
    finally:
        release_port(guest, job)
    s.host.wait_session("alpha", "up", 75)


def a_guest_that_never_reads():
    s = healthy()
    guest = s.guests["alpha"]
    before = ping_p50_ms(s, "beta")
    job = hog_port(guest, f"exec 3<>{PORT_PATH}; exec sleep 1000")
    try:
        pings = [s.host.begin("ping", "alpha", "-c", "100") for _ in range(3)]
        answers = [p.finish(60) for p in pings]
        check(all(a.rc != 0 and a.text for a in answers), f"it answers: {answers}")
        print(f"  {answers[0].text}")
        watch_the_neighbour(s, 1, before)
    finally:
        release_port(guest, job)
    s.host.wait_session("alpha", "up", 75)


def junk_from_the_host_s_side():
    """Whoever reaches the socket can talk to the agent; it neither falls for it nor over."""
    s = healthy()
    guest = s.guests["alpha"]
    agent = guest.agent_pid()
    s.host.stop()
    with socket.socket(socket.AF_UNIX) as liar:
        liar.connect(str(s.socket("alpha")))
        liar.settimeout(10)
        liar.sendall(junk("host") + random.Random(3).randbytes(65536))
        check(liar.recv(100), "the agent says nothing at all")
    s.host.start()
    s.host.wait_session("alpha", "up", 45)
    check_eq(guest.agent_pid(), agent, "the agent")


# --- the monitor, and nothing at all -----------------------------------------------------------------

def the_monitor_vanishes_during_a_switch():
    """Before the write is done: failed, and the seat stays. Later: sent, but nobody knows."""
    s = healthy()
    for last, wanted in (("power 0", {1}), ("vanish_after 1", {1, 7}), ("vanish_after 2", {1, 7})):
        s.monitor.do(last)
        answer = s.host.ask("switch", "alpha")
        print(f"  {last}: exit status {answer.rc}: {answer.text}")
        check(answer.rc in wanted and answer.text, f"exit status {answer.rc}, not {wanted}")
        check(s.host.running, "va-hostd died")
        check_eq(s.host.holder(), "host" if answer.rc == 1 else "alpha", "who has the seat")
        s.monitor.do("vanish_after off")
        s.monitor.do("power 1")
        s.monitor.do(f"input {INPUTS['host']}")
        wait_for(lambda: s.host.ask("switch", "host", "--force").rc == 0, 20, "going home", 0.5)
    check_eq(s.host.ask("switch", "alpha").rc, 0, "a switch afterwards")
    check_eq(s.monitor.shown, INPUTS["alpha"], "what is shown")
    check_eq(s.host.ask("switch", "host").rc, 0, "back")
    check_eq(s.monitor.shown, INPUTS["host"], "what is shown")


def wakeups(guest):
    text = guest.sh("grep -h voluntary_ctxt_switches /proc/$(pidof va-guestd)/status").out
    return [int(line.split()[1]) for line in text.splitlines()]


def no_host_no_wakeups():
    s = healthy()
    s.host.stop()
    try:
        guest = s.guests["beta"]
        guest.check(["kill", str(guest.agent_pid())])  # a fresh one has no va-ddc to let go
        guest.wait_agent()
        before = wakeups(guest)
        for _ in range(20):  # it settles: the end of the connection is handled, a timer fires
            time.sleep(3)
            before, earlier = wakeups(guest), before
            if before == earlier:
                break
        time.sleep(10)
        check_eq(wakeups(guest), before, "voluntary and other switches of va-guestd in 10 s")
    finally:
        s.host.start()
    s.wait_sessions(limit=15)


if __name__ == "__main__":
    run_cases(the_daemon_is_killed, the_daemon_stops_on_request, a_link_is_killed,
              the_agent_is_killed, the_agent_is_killed_during_a_request,
              a_short_pause_is_not_noticed, a_long_pause_ends_the_session,
              key_files_are_checked, the_monitor_vanishes_during_a_switch, no_host_no_wakeups,
              somebody_else_has_the_socket, junk_from_the_host_s_side, a_guest_that_never_reads,
              well_formed_junk, a_flood_of_garbage, the_machine_is_reset)
