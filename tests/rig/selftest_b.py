#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The ground of rig B: a real kernel with a GPU whose wire is the simulated monitor's."""
import hashlib
import os
import re
import socket
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib import (Initramfs, Machine, Monitor, RigError, check, check_eq, run_cases,  # noqa: E402
                 wait_for)

DP, HDMI = 0x0F, 0x11
GPU = "0000:00:04.0"
_kept = {}


def initramfs():
    if "ddcutil" not in _kept:
        made = Initramfs()
        made.add_program("ddcutil")
        made.add_modules("vfio-pci")
        _kept["ddcutil"] = made
    return _kept["ddcutil"]


def read_input(machine):
    rc, out = machine.run(["ddcutil", "--brief", "getvcp", "60"])
    found = re.search(r"VCP 60 SNC x([0-9a-f]{2})", out)
    return int(found[1], 16) if found and not rc else None


def boots_and_serves():
    with Machine(Initramfs(gpu=False, modules=("virtio_pci", "virtio_console"))) as machine:
        check(machine.boot_seconds < 20, f"up after {machine.boot_seconds:.1f} s")
        print(f"  up after {machine.boot_seconds:.1f} s")
        check_eq(machine.run(["sh", "-c", "echo out; echo err >&2; exit 3"]), (3, "out\nerr\n"),
                 "rc and output")
        machine.put("/tmp/a/b/c", b"\0\xff text", 0o640)
        check_eq(machine.check(["stat", "-c", "%a %s", "/tmp/a/b/c"]), "640 7\n", "a file")
        check_eq(machine.run(["/no/such"]).rc, 127, "a missing program")
        check_eq(machine.sh("kill -9 $$").rc, -9, "killed by a signal")
        check_eq(len(machine.sh("head -c 300000 /dev/zero | tr '\\0' x").out), 300000, "output")


def jobs_run_side_by_side():
    with Machine(Initramfs(gpu=False, modules=("virtio_pci", "virtio_console"))) as machine:
        slow = machine.begin(["sleep", "1"])
        check_eq(machine.run(["echo", "hi"]).out, "hi\n", "beside a slow one")
        check_eq(machine.finish(slow).rc, 0, "the slow one")
        job, pid = machine.start(["sh", "-c", "echo here; exec sleep 100"], "/tmp/log")
        wait_for(lambda: machine.read("/tmp/log") == "here\n", 5, "its output")
        check_eq(machine.ended(job), None, "ended by itself")
        check_eq(machine.sh(f"kill -0 {pid}").rc, 0, "its pid")
        machine.signal(job)
        check_eq(machine.ended(job, 5), -15, "ended by the signal")
        try:
            machine.run(["sleep", "50"], limit=0.5)
        except RigError as why:
            check("still running" in str(why), str(why))
        else:
            check(False, "a limit was not kept")
        check_eq(machine.sh("pidof sleep").rc, 1, "what was left behind")


def ddcutil_switches_from_inside():
    with Monitor(DP, HDMI) as monitor, Machine(initramfs(), gpus=[monitor.vhost(DP)]) as machine:
        out = machine.check(["ddcutil", "detect"])
        check("SIM0000042" in out and "card0-Virtual-1" in out, out)
        check_eq(read_input(machine), DP, "shown at first")
        machine.check(["ddcutil", "--noverify", "setvcp", "60", "0x11"])
        monitor.wait_shown(HDMI, 1)
        for command, seen in (("deaf ddc", None), ("deaf read", None), ("deaf none", HDMI),
                              ("lie 3", 3), ("lie off", HDMI), ("power 0", None),
                              ("power 1", HDMI), ("reply null", None)):
            monitor.do(command)
            check_eq(read_input(machine), seen, command)


def two_machines_share_a_monitor():
    with Monitor(DP, HDMI, first=["deaf ddc"]) as monitor, \
            Machine(initramfs(), "host", [monitor.vhost(DP)]) as host, \
            Machine(initramfs(), "guest", [monitor.vhost(HDMI)]) as guest:
        check_eq((read_input(host), read_input(guest)), (DP, None), "at first")
        host.check(["ddcutil", "--noverify", "setvcp", "60", "0x11"])
        check_eq((read_input(host), read_input(guest)), (None, HDMI), "after the push")
        guest.check(["ddcutil", "--noverify", "setvcp", "60", "0x0f"])
        check_eq(monitor.shown, DP, "after the push back")


def an_open_bus_blocks_the_unbind():
    """The rule that shapes the hand-over: i2c_del_adapter() waits for the last holder."""
    unbind = f"echo {GPU} > /sys/bus/pci/drivers/bochs-drm/unbind"
    bind = (f"echo vfio-pci > /sys/bus/pci/devices/{GPU}/driver_override; "
            f"echo {GPU} > /sys/bus/pci/drivers_probe")
    with Monitor(DP) as monitor, \
            Machine(initramfs(), gpus=[monitor.vhost(DP)], machine="q35",
                    append="intel_iommu=on iommu=pt", extra=["-device", "intel-iommu"]) as machine:
        holder, _ = machine.start(["sh", "-c", "exec 9<>/dev/i2c-0; echo open; exec sleep 60"])
        wait_for(lambda: "open" in machine.sh("cat /tmp/log").out, 5, "the holder")
        job = machine.begin(["sh", "-c", unbind])
        try:
            machine.finish(job, 1.5)
        except RigError:
            pass
        else:
            check(False, "the unbind did not wait")
        machine.signal(holder, 9)
        gone = lambda: machine.sh("test -e /sys/class/i2c-dev/i2c-0").rc
        wait_for(gone, 10, "the end of the unbind")
        check_eq(machine.sh("ls /sys/class/drm | grep -c Virtual").out, "0\n", "connectors")
        wait_for(lambda: machine.sh(f"test -e /sys/bus/pci/devices/{GPU}/driver").rc, 10,
                 "the GPU's release")
        machine.sh(bind)
        driver = machine.sh(f"readlink /sys/bus/pci/devices/{GPU}/driver").out
        check("vfio-pci" in driver, f"the GPU's driver is {driver!r}")
        machine.sh(f"echo {GPU} > /sys/bus/pci/drivers/vfio-pci/unbind; echo > "
                   f"/sys/bus/pci/devices/{GPU}/driver_override; echo {GPU} > "
                   "/sys/bus/pci/drivers_probe")
        wait_for(lambda: read_input(machine) == DP, 10, "the monitor's return")


def plugged_again(machine):
    """QEMU lets go of an unplugged port's chardev a moment later."""
    try:
        machine.qmp("device_add", driver="virtserialport", bus="serial0.0", nr=5, chardev="port1",
                    id="again", name="org.virtaid.0")
    except RigError:
        return False
    return True


def ports_and_fw_cfg():
    made = Initramfs(gpu=False, modules=("virtio_pci", "virtio_console", "qemu_fw_cfg"))
    token = bytes(range(32))
    with Machine(made, ports={"org.virtaid.0": None},
                 fw_cfg={"opt/org.virtaid/pair": token}) as machine:
        check_eq(machine.check(["sha256sum", "/sys/firmware/qemu_fw_cfg/by_name/"
                                "opt/org.virtaid/pair/raw"]).split()[0],
                 hashlib.sha256(token).hexdigest(), "fw_cfg item")
        with socket.socket(socket.AF_UNIX) as here:
            here.connect(str(machine.port("org.virtaid.0")))
            here.settimeout(10)
            echo, _ = machine.start(["sh", "-c", "exec 3<>/dev/virtio-ports/org.virtaid.0; "
                                     "read -r line <&3; echo got $line >&3"])
            here.sendall(b"hello\n")
            check_eq(here.recv(100), b"got hello\n", "over the port")
            machine.signal(echo, 9)
        machine.qmp("device_del", id="dev1")
        wait_for(lambda: machine.sh("test -L /dev/virtio-ports/org.virtaid.0").rc, 10, "unplug")
        wait_for(lambda: plugged_again(machine), 10, "the chardev's release")
        wait_for(lambda: not machine.sh("test -e /dev/virtio-ports/org.virtaid.0").rc, 10, "plug")


def machines_end_and_pause():
    with Machine(Initramfs(gpu=False), machine="q35") as machine:
        machine.qmp("stop")
        check_eq(machine.qmp("query-status")["status"], "paused", "status")
        machine.qmp("cont")
        start = time.monotonic()
        machine.begin(["poweroff", "-f"])
        machine.wait_off(15)
        print(f"  off after {time.monotonic() - start:.1f} s")
        try:
            machine.run(["true"])
        except (RigError, OSError):
            return
        check(False, "it still answers")


if __name__ == "__main__":
    run_cases(boots_and_serves, jobs_run_side_by_side, ddcutil_switches_from_inside,
              two_machines_share_a_monitor, an_open_bus_blocks_the_unbind, ports_and_fw_cfg,
              machines_end_and_pause)
