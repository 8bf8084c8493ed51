#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The ground of rig A: ddcutil itself, in a box, sees the simulated monitor and each habit."""
import os
import re
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib import Box, Monitor, Skip, check, check_eq, run_cases, wait_for  # noqa: E402

DP, HDMI = 0x0F, 0x11
CARD = {"bus": 4, "pci": "0000:03:00.0", "conn": "card0-DP-1"}
IGPU = {"bus": 7, "pci": "0000:00:02.0", "conn": "card1-HDMI-A-1", "driver": "i915"}


class Desk:
    """One monitor on two GPUs of one box: bus 4 on DP, bus 7 on HDMI."""

    def __init__(self, **monitor):
        self.monitor = Monitor(DP, HDMI, **monitor)
        self.box = Box()
        self.box.display(self.monitor, DP, bridge="0000:00:01.0", **CARD)
        self.box.display(self.monitor, HDMI, **IGPU)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.box.close()
        self.monitor.close()

    def ddcutil(self, *argv):
        done = self.box.run(["ddcutil", *map(str, argv)])
        return done.returncode, done.stdout + done.stderr

    def get(self, bus):
        """(sh, sl) of feature 0x60, or None if ddcutil got no answer."""
        rc, out = self.ddcutil("--bus", bus, "--brief", "getvcp", "60")
        found = re.search(r"VCP 60 \w+ x([0-9a-f]{2})(?: x..)?", out)
        if rc or not found:
            return None
        return int(found[1], 16)

    def set(self, bus, value):
        return self.ddcutil("--bus", bus, "--noverify", "setvcp", "60", hex(value))[0]


def detects_both_inputs():
    with Desk() as desk:
        rc, out = desk.ddcutil("detect")
        check_eq(rc, 0, "rc")
        check_eq(re.findall(r"/dev/i2c-(\d+)", out), ["4", "7"], "buses")
        check_eq(re.findall(r"card\d-\S+", out), ["card0-DP-1", "card1-HDMI-A-1"], "connectors")
        check_eq(out.count("SIM0000042"), 2, "serial strings")


def switches_from_either_side():
    with Desk() as desk:
        check_eq(desk.get(4), DP, "shown at first")
        check_eq(desk.set(4, HDMI), 0, "rc of a push")
        check_eq(desk.monitor.shown, HDMI, "after a push")
        check_eq(desk.get(7), HDMI, "read by the other GPU")
        check_eq(desk.set(4, DP), 0, "rc of a pull")
        check_eq(desk.monitor.shown, DP, "after a pull")


def hidden_inputs_deaf():
    with Desk(first=["deaf ddc"]) as desk:
        check_eq(desk.get(7), None, "read from the hidden side")
        check(desk.set(7, HDMI) != 0, "a pull was acknowledged")
        check_eq(desk.set(4, HDMI), 0, "rc of a push")
        check_eq((desk.get(4), desk.get(7)), (None, HDMI), "reads after the push")
        check("/dev/i2c-4" in desk.ddcutil("detect")[1], "its EDID must still be seen")


def hidden_inputs_dead():
    with Desk(first=["deaf all"]) as desk:
        out = desk.ddcutil("detect")[1]
        check("/dev/i2c-4" in out and "/dev/i2c-7" not in out, f"only bus 4 is there: {out}")


def hidden_inputs_obey_blind():
    with Desk(first=["deaf read"]) as desk:
        check_eq(desk.get(7), None, "read from the hidden side")
        desk.set(7, HDMI)
        check_eq(desk.monitor.shown, HDMI, "after a blind pull")


def lying_reads():
    with Desk(first=["lie 3"]) as desk:
        check_eq(desk.get(4), 3, "read")
        desk.set(4, HDMI)
        check_eq((desk.get(7), desk.monitor.shown), (3, HDMI), "read and truth after a switch")


def garbage_high_byte():
    with Desk(first=["garbage 0xa5"]) as desk:
        out = desk.box.run(["ddcutil", "--bus", "4", "--terse", "--show-unsupported", "getvcp",
                            "60"]).stdout
        check("x0f" in out, f"low byte: {out}")
        desk.set(4, HDMI)
        events = desk.monitor.events("get")
        check(any(e.get("value") == 0xA50F for e in events), "the high byte went over the wire")


def dropped_write():
    with Desk(first=["drop_sets 1"]) as desk:
        check_eq(desk.set(4, HDMI), 0, "rc of a dropped write")
        check_eq(desk.monitor.shown, DP, "after a dropped write")
        desk.set(4, HDMI)
        check_eq(desk.monitor.shown, HDMI, "after the second")


def lg_ignores_0x60():
    with Desk(first=["lg 1"]) as desk:
        check_eq(desk.set(4, HDMI), 0, "rc")
        check_eq(desk.monitor.shown, DP, "shown")
        # what an i2c tool would write by hand: 0xf4 = 0x90 from source address 0x50
        script = ("import os,fcntl;f=os.open('/dev/i2c-4',os.O_RDWR);fcntl.ioctl(f,0x703,0x37);"
                  "m=bytes([0x50,0x84,0x03,0xf4,0,0x90]);x=0x6e\n"
                  "for b in m: x^=b\n"
                  "os.write(f,m+bytes([x]))")
        done = desk.box.run(["/usr/bin/python3", "-c", script])
        check_eq(done.returncode, 0, done.stderr)
        check_eq(desk.monitor.shown, HDMI, "after the side channel")


def slow_switch():
    with Desk(first=["switch_ms 1500"]) as desk:
        start = time.monotonic()
        desk.set(4, HDMI)
        check(not desk.monitor.shows_within(HDMI, 0), "it switched at once")
        check_eq(desk.get(7), None, "read meanwhile")
        desk.monitor.wait_shown(HDMI, 5)
        check(time.monotonic() - start >= 1.4, "it was faster than told")
        check_eq(desk.get(7), HDMI, "read afterwards")


def null_and_spoilt_replies():
    with Desk() as desk:
        for reply in ("null", "zero", "badsum"):
            desk.monitor.do(f"reply {reply}")
            check_eq(desk.get(4), None, reply)
        desk.monitor.do("reply ok")
        check_eq(desk.get(4), DP, "reply ok")


def no_serial_and_other_products():
    with Desk(serial=0, serial_string="", products={HDMI: 0x7707}) as desk:
        out = desk.ddcutil("detect")[1]
        check("SIM0000042" not in out, "there is a serial")
        check_eq(re.findall(r"\(0x(\w{4})\)", out), ["6024", "7707"], "product codes")


def power_goes_and_comes():
    with Desk() as desk:
        desk.monitor.do("power 0")
        check_eq(desk.get(4), None, "read without power")
        check("/dev/i2c-4" not in desk.ddcutil("detect")[1], "still detected")
        desk.monitor.do("power 1")
        check_eq(desk.get(4), DP, "read with power")
        desk.monitor.do("asleep 1")
        check_eq(desk.get(4), None, "read while asleep")


def wires_can_hang():
    with Desk() as desk:
        start = time.monotonic()
        desk.monitor.do("hang 1500")
        desk.ddcutil("--bus", 4, "getvcp", "60")
        check(time.monotonic() - start > 1.4, "nothing waited")


def strict_timing_is_kept():
    with Desk(first=["strict 1"]) as desk:
        check_eq(desk.get(4), DP, "read")
        desk.set(4, HDMI)
        check_eq(desk.monitor.shown, HDMI, "shown")
        check(all(w["early"] == "0" for w in desk.monitor.state()["wires"].values()), "was early")


def capabilities_are_told():
    with Desk() as desk:
        out = desk.ddcutil("--bus", 4, "--verbose", "capabilities")[1]
        check("60(0F 11)" in out, out)
    with Desk(first=["caps SIMmonster(vcp(10 60(01 03))"]) as desk:
        out = desk.ddcutil("--bus", 4, "--verbose", "capabilities")[1]
        check("SIMmonster(vcp(10 60(01 03))" in out, out)


def a_bus_vanishes():
    with Desk() as desk:
        desk.box.remove(4)
        out = desk.ddcutil("detect")[1]
        check("/dev/i2c-4" not in out and "/dev/i2c-7" in out, out)
        check(desk.get(7) == DP, "the other one is dead too")


def the_monitor_is_gone():
    with Desk() as desk:
        desk.monitor.do("quit")
        check(desk.set(4, HDMI) != 0, "a dead bus acknowledged")


def a_box_without_gpu():
    with Box() as box:
        done = box.run(["ddcutil", "detect"])
        check("No displays found" in done.stdout or done.returncode, done.stdout)
        check_eq(box.run(["sh", "-c", "ls /sys/bus/pci/devices /dev | grep -c i2c-"]).stdout, "0\n",
                 "buses")


def open_buses_are_visible_from_outside():
    with Desk() as desk:
        process = desk.box.spawn(["sh", "-c", "exec 9<>/dev/i2c-4; echo; exec sleep 30"],
                                 stdout=subprocess.PIPE)
        process.stdout.readline()
        links = wait_for(lambda: [os.readlink(f"/proc/{process.pid}/fd/{n}")
                                  for n in os.listdir(f"/proc/{process.pid}/fd") if n == "9"],
                         5, "the descriptor")
        check_eq(links, ["/dev/i2c-4"], "what descriptor 9 is")
        process.terminate()


def pictures_show_whose_machine():
    with Desk() as desk:
        desk.monitor.label(DP, "host")
        desk.monitor.label(HDMI, "gamer")
        check("host" in desk.monitor.picture(), desk.monitor.picture())
        desk.set(4, HDMI)
        text = desk.monitor.picture()
        check("gamer" in text and "HDMI-1 0x11" in text and "host" not in text, text)
        check_eq({len(line) for line in text.splitlines()}, {44}, "widths")
        path = desk.box.root / "shot.png"
        desk.monitor.picture_png(path)
        check(path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n", "a PNG")


def works_without_root():
    if os.getuid() != 0:
        raise Skip("every other case has shown it")
    with Desk() as desk:
        for path in [desk.monitor.dir, *desk.monitor.dir.iterdir()]:
            path.chmod(0o777)
        spec = ("pci=0000:03:00.0,driver=amdgpu,bus=4,conn=card0-DP-1,"
                f"socket={desk.monitor.plain(DP)}")
        command = desk.box.command([])[0]
        shim = desk.box.command([])[2]
        done = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                               command, shim, spec, "--", "ddcutil", "getvcp", "60"],
                              capture_output=True, text=True, cwd="/")
        check("sl=0x0f" in done.stdout, done.stdout + done.stderr)


if __name__ == "__main__":
    run_cases(detects_both_inputs, switches_from_either_side, hidden_inputs_deaf,
              hidden_inputs_dead, hidden_inputs_obey_blind, lying_reads, garbage_high_byte,
              dropped_write, lg_ignores_0x60, slow_switch, null_and_spoilt_replies,
              no_serial_and_other_products, power_goes_and_comes, wires_can_hang,
              strict_timing_is_kept, capabilities_are_told, a_bus_vanishes, the_monitor_is_gone,
              a_box_without_gpu, open_buses_are_visible_from_outside,
              pictures_show_whose_machine, works_without_root)
