#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""va-gpu where it must say no, or give up: a reason on stderr, and everything as it was."""
import os
import re
import shutil
import signal
import socket
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib import BUILD, Skip, check, check_eq, run_cases, scratch, wait_for  # noqa: E402
from lib.base import keep  # noqa: E402
from lib.gpumachines import AUDIO, GPU, machine  # noqa: E402

SCALE = 10


def refused(m, done, *words, untouched=True):
    """One line with a reason; nothing but questions was asked of the machine."""
    check(done.returncode == 1, f"exit status {done.returncode}: {done.stderr}")
    lines = done.stderr.splitlines()
    check(len(lines) == 1 and lines[0].startswith("va-gpu: "), f"{done.stderr!r}")
    for word in words:
        check(word in lines[0], f"no {word!r} in {lines[0]!r}")
    if untouched:
        check(all("vfio-pci" in line for line in m.acts()), f"{m.acts()}")
    check_eq(m.journals(), [], "journals")
    check(not m.kernel.sins, f"{m.kernel.sins}")


# --- what comes in

def bad_definitions():
    with machine("nvidia") as m:
        before = m.plain()
        for xml, word in (("", "empty"), ("<domain", "line 1"), ("<domain><x></domain>", "line 1"),
                          (b"\0\xff\xfe<", "line 1"), ("<network/>", "not a <domain>"),
                          ("<!DOCTYPE a [<!ENTITY b 'c'>]><domain/>", "document type"),
                          ("<domain>" + " " * (4 << 20), "longer than"),
                          (m.xml([GPU]).replace("bus='0x01'", "bus='0x1ff'"), "out of range"),
                          (m.xml(["0000:99:00.0", GPU]), "no PCI device 0000:99:00.0")):
            done = m.run("hook", "win10", "prepare", "begin", "-", xml=xml)
            refused(m, done, word)
        m.check_back(before)


def definition_that_never_ends():
    with machine("nvidia", SCALE) as m:
        process = m.start("hook", "win10", "prepare", "begin", "-")
        process.stdin.write(b"<domain>")
        process.stdin.flush()
        check_eq(process.wait(20), 1)
        check("did not end" in process.stderr.read().decode(), "another reason")
        process.stdin.close()


def bad_words():
    with machine("nvidia") as m:
        for words in ([], ["take"], ["hook"], ["hook", "x", "prepare"], ["nonsense"],
                      ["plan", "--device", "01:00"], ["plan", "--device", "0000:01:00.9"],
                      ["--limits", "0", "status"], ["--nonsense"], ["return", ""]):
            done = m.run(*words)
            check(done.returncode == 2 and done.stderr, f"{words}: {done}")
        check_eq(m.log, [])


def root_is_not_for_more_rights():
    if os.getuid():
        raise Skip("needs root to make a program set-uid")
    program = scratch() / "va-gpu"
    shutil.copy(BUILD / "va-gpu", program)
    os.chown(program, 65534, 65534)
    program.chmod(0o4755)
    for folder in program.parents[:-2]:
        folder.chmod(0o755)
    with machine("nvidia") as m:
        real, m.build = m.build, scratch()
        (m.build / "tests").symlink_to(real / "tests")
        (m.build / "va-gpu").symlink_to(program)
        check_eq(m.run("status").returncode, 2, "exit status")


# --- groups, drivers, families

def group_with_others():
    with machine("nvidia") as m:
        m.function("0000:03:00.0", "xhci_hcd", 1, cls=0x0c0330, kind="usb")
        before = m.plain()
        refused(m, m.take(), "IOMMU group 1", "0000:03:00.0 (xhci_hcd)")
        done = m.run("hook", "win10", "prepare", "begin", "-", xml=m.xml([GPU]))
        refused(m, done, AUDIO, "0000:03:00.0")
        m.check_back(before)


def one_of_two_in_a_group():
    """Two equal cards that the board cannot tell apart go together or not at all."""
    with machine("two_in_one_group") as m:
        m.bridge("0000:00:01.0", 1)
        before = m.plain()
        m.devices = ["0000:01:00.0", "0000:01:00.1"]
        done = m.take()
        refused(m, done, "IOMMU group 1", "0000:02:00.0 (nouveau)", "0000:02:00.1 (snd_hda_intel)")
        check("0000:00:01.0" not in done.stderr, "the bridge is in nobody's way")
        m.check_back(before)


def no_iommu():
    with machine("nvidia") as m:
        m.tree.drop(f"/sys/devices/pci0000:00/{GPU}/iommu_group")
        refused(m, m.take(), "IOMMU", "intel_iommu=on")


def processors_own_graphics():
    with machine("no_display_manager") as m:
        m.function("0000:01:00.2", None, 1, cls=0x108000, vendor=0x1022, kind="crypto")
        refused(m, m.take(), "graphics of an AMD processor", "take-apu")
        m.tree.put("/etc/virt-aid/gpu.conf", "[gpu]\ntake-apu = yes\n")
        check_eq(m.take().returncode, 0)


def processors_own_graphics_of_class_0380():
    """Such a card has no boot_vga; that the framebuffer is its says the same."""
    with machine("openrc") as m:
        m.kernel.devices[GPU].facts["class"] = "0x038000\n"
        for name, text in (("class", "0x038000\n"), ("graphics/fb0/dev", "29:0\n")):
            m.tree.put(f"/sys/devices/pci0000:00/{GPU}/{name}", text)
        m.tree.drop(f"/sys/devices/pci0000:00/{GPU}/boot_vga")
        m.function("0000:01:00.2", None, 1, cls=0x108000, vendor=0x1022, kind="crypto")
        refused(m, m.take(), "graphics of an AMD processor", "take-apu")


def nvidia_with_a_second_card():
    with machine("nvidia") as m:
        m.gpu("0000:02:00.0", "nvidia", 40)
        refused(m, m.take(), "also drives 0000:02:00.0")
    with machine("second_card") as m:  # whose modules nobody uses
        m.gpu("0000:02:00.0", "nvidia", 40)
        for module in ("nvidia_drm", "nvidia_modeset", "nvidia_uvm"):
            m.kernel.unload(module)
        m.tree.put("/sys/module/nvidia/refcnt", "0\n")
        before = m.plain()
        check_eq(m.take().returncode, 0)
        check(any(f"nvidia/unbind {GPU}" in line for line in m.log), f"{m.log}")
        check_eq(m.give_back().returncode, 0)
        m.check_back(before)


def bad_configuration():
    with machine("nvidia") as m:
        for text, word in (("[gpu]\nholders = shoot\n", "gpu.conf:2"), ("[x]\n", "gpu.conf:1"),
                           ("[gpu]\ndisplay-manager = -x\n", "not the name of a service")):
            m.tree.put("/etc/virt-aid/gpu.conf", text)
            refused(m, m.take(), word)


# --- who holds it

def process_that_does_not_end():
    for policy, word in (("term", "holders = kill"), ("refuse", "still held by cuda")):
        with machine("second_card", SCALE) as m:
            m.tree.put("/etc/virt-aid/gpu.conf", f"[gpu]\nholders = {policy}\n")
            process = m.hold(["/dev/nvidia0"], "cuda", stubborn=True)
            before = m.plain()
            refused(m, m.take(), "cuda", word, f"{process.pid}")
            m.check_back(before)
            check(process.poll() is None, "was killed")
    with machine("second_card", SCALE) as m:
        m.tree.put("/etc/virt-aid/gpu.conf", "[gpu]\nholders = kill\n")
        process = m.hold(["/dev/nvidia0"], "cuda", stubborn=True)
        check_eq(m.take().returncode, 0)
        check_eq(process.wait(5), -signal.SIGKILL)


def process_that_nothing_ends():
    with machine("nvidia", SCALE) as m:
        m.tree.put("/etc/virt-aid/gpu.conf", "[gpu]\nholders = kill\n")
        m.hold(["/dev/nvidia0"], "zombie", immortal=True)
        before = m.plain()
        refused(m, m.take(), "still held by zombie (pid", untouched=False)
        m.check_back(before)
        check(not any("modprobe -r" in line for line in m.log), f"{m.log}")


def job_over_ssh():
    """It is asked to end; the session that it is in, and the desktop, stay."""
    with machine("second_card") as m:
        m.session(9, "sshd", seat=None)
        process = m.hold(["/dev/nvidia-uvm"], "python3", session=9)
        check_eq(m.take().returncode, 0)
        check_eq(process.wait(5), -signal.SIGTERM)
        check(not any(re.search("loginctl|systemctl stop", line) for line in m.log), f"{m.log}")


def mapped_but_closed():
    with machine("second_card") as m:
        process = m.hold(["/dev/nvidia0"], "player", mapped=True)
        check("player (pid" in m.run("plan", xml=m.xml(m.devices)).stdout, "not seen")
        check_eq(m.take().returncode, 0)
        check_eq(process.wait(5), -signal.SIGTERM)


def protected_services_stay():
    with machine("amd") as m:
        m.hold(["/dev/dri/card2"], "systemd-logind", service="systemd-logind.service")
        m.services.add("systemd-logind.service")
        m.services.on_stop = lambda name: (m.end_service(name),
                                           m.end_service("systemd-logind.service"))
        check_eq(m.take().returncode, 0)
        check(not any("logind" in line for line in m.log), f"{m.log}")


def sound_and_i2c():
    """Sound lets go by itself; an open I2C bus would hold up the driver for ever."""
    with machine("amd") as m:
        m.services.add("ddc.service")
        m.hold(["/dev/i2c-20"], "ddcutil", service="ddc.service")
        plan = m.run("plan", xml=m.xml(m.devices)).stdout
        check("wireplumber (pid" in plan and "lets go by itself" in plan, plan)
        check_eq(m.take().returncode, 0)
        check(any("stop ddc.service" in line for line in m.log), f"{m.log}")
        check(not any("wireplumber" in line for line in m.log), f"{m.log}")


def card_of_another_is_let_be():
    with machine("amd") as m:
        m.services.add("other.service")
        m.hold(["/dev/dri/renderD131"], "other", service="other.service")
        check_eq(m.take().returncode, 0)
        check(m.services.all["other.service"].active, "stopped for a card it does not use")


def somebody_new_while_waiting():
    """A greeter that is started again by its service when its session ends."""
    with machine("no_display_manager") as m:
        m.services.add("greeter.service")
        greeter = m.hold(["/dev/dri/card2"], "greeter", service="greeter.service")
        m.tree.at(f"/proc/{greeter.pid}").rename(m.tree.at("/later"))
        m.services.on_session = lambda number: (
            m.end_session(number), m.tree.at("/later").rename(m.tree.at(f"/proc/{greeter.pid}")))
        before = m.plain()
        check_eq(m.take().returncode, 0)
        check(any("stop greeter.service" in line for line in m.log), f"{m.log}")
        check_eq(m.give_back().returncode, 0)
        m.check_back(before)


def interrupted():
    with machine("second_card") as m:
        m.tree.put("/etc/virt-aid/gpu.conf", "[gpu]\nholders = refuse\n")
        m.hold(["/dev/nvidia0"], "cuda")
        before = m.plain()
        process = m.start("take", "win10", "--device", GPU, "--device", AUDIO)
        wait_for(lambda: m.journals(), 10, "a journal")
        process.terminate()
        check_eq(process.wait(5), 1)
        check("interrupted" in process.stderr.read().decode(), "another reason")
        m.check_back(before)


# --- drivers that do not

def driver_that_stays():
    with machine("nvidia") as m:
        m.kernel.stuck_modules.add("nvidia")
        before = m.plain()
        refused(m, m.take(), "modprobe -r nvidia_drm", "Module nvidia is in use",
                untouched=False)
        m.check_back(before)


def stub_that_cannot_be_loaded():
    with machine("nvidia") as m:
        load = m.kernel.load
        m.kernel.load = lambda name: "Module vfio_pci not found" if "vfio" in name else load(name)
        before = m.plain()
        refused(m, m.take(), "Module vfio_pci not found")
        m.check_back(before)


def stub_that_does_not_take_it():
    with machine("bochs_unmanaged", SCALE) as m:
        probe = m.kernel.probe
        m.kernel.probe = lambda device, only=None: None if device.addr == GPU and \
            m.kernel.override(device) == "vfio-pci" else probe(device, only)
        before = m.plain()
        refused(m, m.take(), "vfio-pci did not take 0000:01:00.0", untouched=False)
        m.check_back(before)


def home_driver_that_fails_at_first():
    for refuses, removed in ((1, False), (2, True)):
        with machine("amd", SCALE) as m:
            before = m.plain()
            check_eq(m.take().returncode, 0)
            m.kernel.devices[GPU].refuses = refuses
            m.kernel.devices[GPU].cured_by_removal = True
            check_eq(m.give_back().returncode, 0)
            m.check_back(before)
            check_eq(any("/remove" in line for line in m.log), removed, "removed")


def home_driver_that_fails_for_good():
    """The session comes back on the other card; the journal stays until it works."""
    with machine("amd", SCALE) as m:
        before = m.plain()
        check_eq(m.take().returncode, 0)
        m.kernel.devices[GPU].refuses = 99
        done = m.give_back()
        check(done.returncode != 0 and f"amdgpu did not take {GPU}" in done.stderr, done.stderr)
        check(m.services.all["gdm.service"].active, "no display manager on the other card")
        check("returning" in m.run("status").stdout, m.run("status").stdout)
        m.kernel.devices[GPU].refuses = 0
        check_eq(m.run("recover").returncode, 0)
        m.check_back(before)


def no_card_at_all():
    """Then no session is started into the void, and the user is told what is left."""
    with machine("openrc", SCALE) as m:
        before = m.plain()
        check_eq(m.take().returncode, 0)
        m.kernel.devices[GPU].refuses = 99
        done = m.give_back()
        check(done.returncode != 0, "well?")
        check(not m.services.all["display-manager"].active, "started without a card")
        m.kernel.devices[GPU].refuses = 0
        check_eq(m.run("recover").returncode, 0)
        m.check_back(before)


def monitor_that_does_not_come_back():
    for cured in (True, False):
        with machine("amd", SCALE) as m:
            before = m.plain()
            check_eq(m.take().returncode, 0)
            m.kernel.devices[GPU].dark = True
            m.kernel.devices[GPU].cured_by_removal = cured
            done = m.give_back()
            check_eq(done.returncode, 0, done.stderr)
            check(f"removing {GPU}" in done.stderr, done.stderr)
            check_eq("check cable and monitor" in done.stderr, not cured, done.stderr)
            m.check_back(before)


# --- the journal

def run_is_full():
    worked = set()
    for room in range(0, 600, 29):
        with machine("second_card") as m:
            before = m.plain()
            m.env = {"VA_MODEL_RUN_ROOM": str(room)}
            done = m.take()
            check(done.returncode == 0 or "is /run full?" in done.stderr, f"{room}: {done}")
            worked.add(done.returncode)
            if done.returncode == 0:
                check_eq(m.give_back().returncode, 0, "return")
            m.check_back(before)
    check_eq(worked, {0, 1}, "exit statuses")


def torn_and_foreign_journals():
    with machine("nvidia") as m:
        before = m.plain()
        check_eq(m.take().returncode, 0)
        path = m.tree.at("/run/virt-aid/gpu/win10.journal")
        path.write_bytes(path.read_bytes().rstrip(b"\0").replace(b"taken\n", b"tak"))
        check_eq(m.run("recover").returncode, 0)  # not taken: that line was never whole
        m.check_back(before)
        path.write_text("")
        check_eq(m.run("recover").returncode, 0)
        m.check_back(before)
        path.write_text("precious\n")
        done = m.run("recover")
        check(done.returncode == 2 and "not a journal of ours" in done.stderr, f"{done}")
        check_eq(path.read_text(), "precious\n")
        path.unlink()


def journal_of_another_boot():
    with machine("nvidia") as m:
        check_eq(m.take().returncode, 0)
        m.tree.put("/proc/sys/kernel/random/boot_id", "another\n")
        count = len(m.log)
        check("stale" in m.run("status").stdout, "not said")
        check_eq(m.run("recover").returncode, 0)
        check_eq((m.journals(), len(m.log)), ([], count), "journals and operations")


def guest_that_still_runs():
    with machine("amd_unmanaged") as m:
        before = m.plain()
        check_eq(m.take().returncode, 0)
        m.tree.put("/dev/vfio/1")
        m.hold(["/dev/vfio/1"], "qemu-system-x86", service="machine-qemu.scope")
        count = len(m.log)
        done = m.run("return", "win10")
        check(done.returncode == 8 and "in use by qemu-system-x86" in done.stderr, f"{done}")
        check_eq(len(m.log), count, "operations")
        m.end_service("machine-qemu.scope")
        check_eq(m.run("return", "win10").returncode, 0)
        m.check_back(before)


def one_at_a_time():
    with machine("nvidia", SCALE) as m:
        m.fault = (3, "hang")
        first = m.start("take", "win10", "--device", GPU, "--device", AUDIO)
        wait_for(lambda: m.struck.is_set(), 10, "the first")
        m.limits = 1
        done = m.run("return", "win10")
        check(done.returncode == 8 and "another va-gpu" in done.stderr, f"{done}")
        check_eq(first.wait(20), 1)


# --- beside the daemon

class Daemon:
    """Takes a request on va-hostd's socket, and answers or not."""

    def __init__(self, m, answers):
        m.tree.folder("/run/virt-aid")
        self.seen, self.m = [], m
        self.server = keep(socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET))
        self.server.bind(str(m.tree.at("/run/virt-aid/control.sock")))
        self.server.listen(4)
        threading.Thread(target=self.serve, args=(answers,), daemon=True).start()

    def serve(self, answers):
        while True:
            try:
                self.conn, _ = self.server.accept()
            except OSError:
                return
            data = self.conn.recv(4096)
            what = {1: "begins", 2: "ends"}[int.from_bytes(data[12:16], "little")]
            self.seen.append((what, data[80:].rstrip(b"\0").decode(), len(self.m.acts())))
            if answers:
                self.conn.send(b'{"type":"result","result":"ok","exit":0,"text":""}')


def daemon_hears_first():
    for answers in (True, False):
        with machine("nvidia", 100 if answers else SCALE) as m:
            before = m.plain()
            daemon = Daemon(m, answers)
            start = time.monotonic()
            check_eq(m.take().returncode, 0)
            check(time.monotonic() - start < 20, "waited too long")
            check_eq(daemon.seen, [("begins", "win10", 1)], "after modprobe vfio-pci alone")
            check_eq(m.give_back().returncode, 0)
            m.check_back(before)
            check_eq(daemon.seen[1:], [("ends", "win10", len(m.acts()))], "when all is back")


def daemon_is_not_bothered_without_need():
    with machine("second_card") as m:
        daemon = Daemon(m, True)
        check_eq(m.take().returncode, 0)
        check_eq(daemon.seen, [])
        check_eq(m.run("hook", "x", "release", "end", "-", xml=m.xml([])).returncode, 0)
        check_eq(daemon.seen, [], "where nothing was taken")


run_cases(bad_definitions, definition_that_never_ends, bad_words, root_is_not_for_more_rights,
          group_with_others, one_of_two_in_a_group, no_iommu, processors_own_graphics,
          processors_own_graphics_of_class_0380, nvidia_with_a_second_card,
          bad_configuration, process_that_does_not_end, process_that_nothing_ends, job_over_ssh,
          mapped_but_closed, protected_services_stay, sound_and_i2c, card_of_another_is_let_be,
          somebody_new_while_waiting, interrupted, driver_that_stays, stub_that_cannot_be_loaded,
          stub_that_does_not_take_it, home_driver_that_fails_at_first,
          home_driver_that_fails_for_good, no_card_at_all, monitor_that_does_not_come_back,
          run_is_full, torn_and_foreign_journals, journal_of_another_boot, guest_that_still_runs,
          one_at_a_time, daemon_hears_first, daemon_is_not_bothered_without_need)
