# SPDX-License-Identifier: GPL-2.0-or-later
"""What one host and two real guests take: round trips, the monitor, the agent's memory.

Every figure that is to be compared is measured in the same minute, in turns, because the
machine is likely to be shared: a ratio is made of neighbours and the median of the ratios counts.
"""
import os
import re
import statistics
import subprocess
import threading
import time

from lib import base, wait_for
from lib.stage import INPUTS, PORT, Stage
from lib.stage_host import parse_answer

from many import pss_kib, voluntary_switches

ECHO, QGA = "bench.echo", "org.qemu.guest_agent.0"
BYTES, HANDSHAKES = 300, 8
BLOCKS, ROUNDS, QGA_ROUNDS = 12, 200, 60
WRITES, SWITCHES = 10, 10


def percentile(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * share))]


class Bench:
    """The stage with the yardsticks in its guests."""

    def __init__(self, say):
        self.say = say
        self.stage = Stage(extra_programs=("/usr/sbin/qemu-ga", "/usr/bin/ddcutil"),
                           ports={ECHO: None, QGA: None})
        self.stage.initramfs.add_program(base.program("tests/bench/pingpong"), "/usr/bin/pingpong")
        self.stage.start()
        self.host = self.stage.host
        self.alpha, self.beta = (self.stage.guests[n] for n in ("alpha", "beta"))
        self.key = self.host.ask("monitors").one("monitor")["key"]

    # --- round trips

    def lines(self, name, *words):
        """The numbers that a program of the benchmark prints."""
        done = subprocess.run([str(base.program(f"tests/bench/{name}")), *map(str, words)],
                              capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL)
        if done.returncode:
            raise base.RigError(f"{name} {words}: {done.stderr}")
        return [int(line) for line in done.stdout.split()]

    def pingpong(self, *words):
        return self.lines("pingpong", *words)

    def rpc(self, rounds):
        answer = self.host.ask("ping", "alpha", "-c", str(rounds))
        if answer.rc:
            raise base.RigError(f"ping: {answer.text}")
        return answer.result

    def round_trips(self):
        echo = self.alpha.start(["pingpong", "echo", f"/dev/virtio-ports/{ECHO}"])[0]
        qga = self.alpha.start(["qemu-ga", "-m", "virtio-serial", "-p",
                                f"/dev/virtio-ports/{QGA}", "-t", "/run"], "/tmp/qga.log")[0]
        blocks = []
        self.pingpong("qga", self.alpha.port(QGA), 5)  # both are there, and warm
        self.pingpong("raw", self.alpha.port(ECHO), BYTES, 50)
        for _ in range(BLOCKS):
            raw = self.pingpong("raw", self.alpha.port(ECHO), BYTES, ROUNDS)
            rpc = self.rpc(ROUNDS)
            agent = self.pingpong("qga", self.alpha.port(QGA), QGA_ROUNDS)
            synced = self.pingpong("synced", self.alpha.port(QGA), QGA_ROUNDS)
            blocks.append((percentile(raw, .5), rpc["p50_usec"], rpc["p99_usec"],
                           percentile(agent, .5), min(raw), rpc["min_usec"], min(agent),
                           percentile(raw, .99), percentile(synced, .5)))
        self.alpha.signal(echo, 9)
        self.alpha.signal(qga, 9)
        column = list(zip(*blocks))
        median = statistics.median
        return {
            "echo_usec": median(column[0]), "rpc_usec": median(column[1]),
            "rpc_p99_usec": median(column[2]), "qga_usec": median(column[3]),
            "echo_min_usec": min(column[4]), "rpc_min_usec": min(column[5]),
            "qga_min_usec": min(column[6]),
            "rpc_over_echo": median(b[1] / b[0] for b in blocks),
            "qemu_ga_over_rpc": median(b[3] / b[1] for b in blocks),
            "qemu_ga_over_echo": median(b[3] / b[0] for b in blocks),
            "qga_synced_usec": median(column[8]),
            "qemu_ga_synced_over_rpc": median(b[8] / b[1] for b in blocks),
            "rpc_p99_over_p50": median(b[2] / b[1] for b in blocks),
            "echo_p99_over_p50": median(b[7] / b[0] for b in blocks),
        }

    def handshake(self):
        """From va-hostd's start to alpha's session: processes, channel and handshake."""
        times = []

        def watch(mark, start):
            while b"guest alpha: session is up" not in self.host.log_path.read_bytes()[mark:]:
                if time.monotonic() > start + 20:
                    return
                time.sleep(0.001)
            times.append((time.monotonic() - start) * 1000)
        for n in range(7):
            self.host.kill()
            watching = threading.Thread(target=watch, args=(self.host.mark(), time.monotonic()))
            watching.start()
            self.host.start()  # not in the thread: its children end with it
            watching.join()
            if len(times) != n + 1:
                raise base.RigError(f"no session:\n{self.host.tail()}")
            self.stage.wait_sessions()
        self.host.kill()  # it would hold the pipe
        shakes = self.lines("handshakes", self.host.key_file("alpha"), self.alpha.port(PORT),
                            HANDSHAKES)
        self.host.start()
        self.stage.wait_sessions()
        self.host.wait_monitors()
        return {"restart_to_session_ms": statistics.median(times),
                "handshake_ms": statistics.median(shakes) / 1000,
                "handshake_max_ms": max(shakes) / 1000}

    # --- the monitor

    def typed(self, *words):
        """As host.ask(), which looks for the end every 10 ms only: no clock may run over that."""
        done = self.host.plain(*words, "--json")
        return parse_answer(done.returncode, done.stdout, done.stderr)

    def timed(self, what):
        start = time.monotonic()
        rc = what()
        if rc:
            raise base.RigError(f"a write of the input source failed: {rc}")
        return (time.monotonic() - start) * 1000

    def writes(self):
        """The same value again and again, as the command that people type, all else warm."""
        value = f"0x{INPUTS['alpha']:02x}"
        ways = {
            "ours": lambda: self.typed("guest", "alpha", "ddc", "set", self.key, value).rc,
            "ours_inside": lambda: self.alpha.run(["va-guest", "ddc", "set", self.key, value]).rc,
            "ddcutil": lambda: self.alpha.run(["ddcutil", "setvcp", "60", value]).rc,
            "ddcutil_bus": lambda: self.alpha.run(["ddcutil", "--bus", "0", "setvcp", "60",
                                                   value]).rc,
            "ddcutil_native": lambda: self.host.box.run(["ddcutil", "setvcp", "60",
                                                         f"0x{INPUTS['host']:02x}"]).returncode,
        }
        for way in ways.values():
            way()
        times = {name: [] for name in ways}
        for _ in range(WRITES):
            for name, way in ways.items():
                times[name].append(self.timed(way))
        self.home()
        median = statistics.median
        found = {f"set_{name}_ms": median(values) for name, values in times.items()}
        found["ddcutil_over_set"] = median(d / o for d, o in zip(times["ddcutil"], times["ours"]))
        found["ddcutil_bus_over_set"] = median(d / o for d, o in
                                               zip(times["ddcutil_bus"], times["ours"]))
        return found

    def home(self):
        answer = self.host.ask("switch", "host", "--force")
        if answer.rc:
            raise base.RigError(f"switch host: {answer.text}")

    def own_write_ms(self, guest):
        """What the guest says that its last write took: libddcutil, the wire and the monitor."""
        found = re.findall(r"ddc\.write .*: ok, (\d+) ms", guest.agent_log())
        return int(found[-1])

    def switches(self, rpc_usec):
        """Between two running guests, from the request to the monitor's acknowledgement."""
        ratios, acknowledged, written, whole, heard = [], [], [], [], []
        for target in ("alpha", *["beta", "alpha"] * (SWITCHES // 2)):
            start = time.monotonic()
            answer = self.typed("switch", target)
            if answer.rc:
                raise base.RigError(f"switch {target}: {answer.text}")
            took = (time.monotonic() - start) * 1000
            steps = [s for s in answer.all("step") if s["state"] == "done"]
            if steps[0]["actor"] == "host":
                continue  # the first one starts from the host
            actor = self.stage.guests[steps[0]["actor"]]
            write = self.own_write_ms(actor)
            floor = write + 2 * rpc_usec / 1000  # PREPARE and TICKET, COMMIT and RESULT
            set_at = self.stage.monitor.events("set", start * 1000)[0]["ms"] - start * 1000
            ratios.append(steps[0]["ms"] / floor)  # the rest is the start of a command
            acknowledged.append(took - sum(s["ms"] for s in steps[1:]))
            written.append(write)
            whole.append(took)
            heard.append(set_at)
        self.home()
        median = statistics.median
        return {"switch_ms": median(whole), "switch_ack_ms": median(acknowledged),
                "switch_at_monitor_ms": median(heard), "switch_write_ms": median(written),
                "switch_over_floor": median(ratios)}

    # --- memory

    def guest_pss_kib(self, guest, name):
        text = guest.check(["sh", "-c", f"cat /proc/$(pidof {name})/smaps_rollup"])
        return int(re.search(r"^Pss:\s+(\d+)", text, re.M)[1])

    def memory(self):
        """va-guestd and qemu-ga, each alone in the same guest, after they were used."""
        guest = self.beta
        self.host.ask("ping", "beta", "-c", "100")
        ours = self.guest_pss_kib(guest, "va-guestd")
        guest.check(["touch", "/run/no-agent"])
        guest.sh("killall va-guestd")
        wait_for(lambda: not guest.agent_pid(), 10, "va-guestd's end")
        guest.start(["qemu-ga", "-m", "virtio-serial", "-p", f"/dev/virtio-ports/{QGA}", "-t",
                     "/run"], "/tmp/qga.log")
        self.pingpong("qga", guest.port(QGA), 20)
        theirs = self.guest_pss_kib(guest, "qemu-ga")
        guest.sh("killall qemu-ga; rm /run/no-agent")
        guest.wait_agent()
        wait_for(lambda: self.host.ask("ping", "beta").rc == 0, 30, "beta's session", 0.2)
        return {"guestd_pss_kib": ours, "qga_pss_kib": theirs,
                "guestd_pss_over_qemu_ga": ours / theirs, **self.host_memory()}

    def host_memory(self):
        found = {"hostd_pss_kib": pss_kib(self.host.process.pid)}
        for each in os.listdir("/proc"):
            try:
                with open(f"/proc/{each}/stat") as f:
                    text = f.read()
            except OSError:
                continue
            name = text[text.index("(") + 1:text.rindex(")")]
            if int(text.rpartition(")")[2].split()[1]) == self.host.process.pid:
                found[f"{name.replace('-', '_')}_pss_kib"] = pss_kib(int(each))
        return found

    def idle(self, seconds=20):
        """Wake-ups a second of one guest's agent in a session, and of the host for two guests."""
        def agent():
            text = self.beta.sh("cat /proc/$(pidof va-guestd)/status").out
            return int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", text, re.M)[1])
        before = agent(), voluntary_switches(self.host.process.pid)
        time.sleep(seconds)
        after = agent(), voluntary_switches(self.host.process.pid)
        return {"guestd_wakeups_per_s": (after[0] - before[0]) / seconds,
                "hostd_wakeups_per_s": (after[1] - before[1]) / seconds}

    def measure(self):
        found = {}
        for part in (self.handshake, self.round_trips, self.writes):
            found.update(part())
            self.say(f"{part.__name__.replace('_', ' ')}: done")
        found.update(self.switches(found["rpc_usec"]))
        self.say("switches: done")
        found.update(self.memory())
        found.update(self.idle())
        self.say("memory: done")
        return found


def measure(say=print):
    bench = Bench(say)
    with bench.stage:
        return bench.measure()
